"""Weights of one stage as vLLM holds them: fused, padded, quantized while loading, repacked, rounded by its allocator.

Source: vLLM 0.24 and 0.32, model_executor/layers/{linear,vocab_parallel_embedding}.py, fused_moe/config.py, models/llama.py;
classes built on the meta device with 0.24 and 0.32; totals as printed on H100 and H200 by 0.24.0.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shardwright.core.shape.base import Split
from shardwright.core.shape.sharding import rank_elements, rotary_tables
from shardwright.engines.vllm import allocator, placement, repacking
from shardwright.engines.vllm.stage import shared_ranks
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shardwright.core.layout import Layout
    from shardwright.core.shape.base import Layer, ModelShape, Rotary, Weight
    from shardwright.engines.vllm.flags import Flags

__all__ = ["StageWeights", "stage_weights"]

_ANGLE_BYTES = 4
_EXPERTS = (Split.EXPERTS, Split.EXPERTS_WHOLE)


@frozen
class StageWeights:
    """Bytes on each rank of one stage."""

    layers_bytes: int
    embedding_bytes: int
    head_bytes: int
    rotary_bytes: int
    encoder_bytes: int = 0
    repacked_bytes: int = 0
    """What kernels for quantized weights hold more, or less, than the checkpoint."""
    rounding_bytes: int = 0
    """What the allocator takes besides, with workspaces that stand from the load on."""

    @property
    def total_bytes(self) -> int:
        """All of it."""
        plain = self.layers_bytes + self.embedding_bytes + self.head_bytes + self.rotary_bytes
        return plain + self.encoder_bytes + self.repacked_bytes + self.rounding_bytes


def stage_weights(
    shape: ModelShape, layout: Layout, stage: int, flags: Flags, *, is_bare: bool = False
) -> StageWeights:
    """What a rank of that stage holds; every rank of a stage holds as much as the others, the fullest with uneven experts.

    With `is_bare` tensors alone, without what the allocator and kernels take besides.
    """
    parts = placement.stage_parts(shape, layout.stages, stage, flags.version)
    # Layers of a kind are one value; each kind is counted once.
    kinds = {id(layer): layer for layer in parts.layers}
    sizes = {kind: _layer_sizes(layer, shape, layout, flags) for kind, layer in kinds.items()}
    repacked = {kind: repacking.extra_bytes(layer, shape, layout, flags) for kind, layer in kinds.items()}
    embedding, head = (_plain_sizes(weights, shape, layout, flags) for weights in (parts.embedding, parts.head))
    encoder = _encoder_sizes(shape, layout, flags) if flags.encoder else ()
    bare = StageWeights(
        layers_bytes=sum(sum(sizes[id(layer)]) for layer in parts.layers),
        embedding_bytes=sum(embedding),
        head_bytes=sum(head),
        rotary_bytes=_all_rotary_bytes(shape, parts.layers, flags),
        encoder_bytes=sum(encoder),
        repacked_bytes=sum(repacked[id(layer)] for layer in parts.layers),
    )
    if is_bare:
        return bare
    first = parts.layers[0] if parts.layers else None
    position = _attention_end(first) if first else 0
    in_layers = tuple(size for layer in parts.layers for size in sizes[id(layer)])
    tables = (*_tables(shape, parts.layers, flags), *repacking.workspaces(shape, flags))
    made = (*encoder, *embedding, *in_layers[:position], *tables, *in_layers[position:], *head)
    held = allocator.held_bytes(made, allocator.uncut_from(flags.version))
    tensors = bare.total_bytes - bare.repacked_bytes
    return replace(bare, rounding_bytes=held - tensors)


def _encoder_sizes(shape: ModelShape, layout: Layout, flags: Flags) -> tuple[int, ...]:
    """Its tensors on a rank; no tensor of an encoder is divided by KV heads, experts or vocabulary."""
    ranks = placement.encoder_ranks(shape, layout.tensor, flags.arguments)
    return tuple(
        round(rank_elements(w, tensor=ranks, kv_heads=1) * _element_bytes(w, flags, in_layer=False))
        for w in shape.encoder
    )


def _all_rotary_bytes(shape: ModelShape, layers: Iterable[Layer], flags: Flags) -> int:
    frequencies = placement.frequencies_bytes(shape, flags.version)
    if frequencies is not None:
        return frequencies
    return sum(table.kept_bytes for table in _tables(shape, layers, flags))


def _tables(shape: ModelShape, layers: Iterable[Layer], flags: Flags) -> tuple[allocator.Table, ...]:
    """Rotary tables as they are computed; none where transformers keeps frequencies."""
    if placement.frequencies_bytes(shape, flags.version) is not None:
        return ()
    factor = placement.rotary_factor(shape, flags.version)
    return tuple(_table(table, factor, flags) for table in rotary_tables(shape, layers))


def _table(table: Rotary, factor: int, flags: Flags) -> allocator.Table:
    numbers = table.positions * factor * table.size
    return allocator.Table(
        rows_bytes=numbers * _ANGLE_BYTES // 2, kept_bytes=round(numbers * (table.element_bytes or flags.element_bytes))
    )


def _attention_end(layer: Layer) -> int:
    """Allocations of a layer up to the last one of its attention, after which its rotary table is made."""
    labels = list(dict.fromkeys(weight.fused or f"{index}" for index, weight in enumerate(layer.weights)))
    attention = [
        w.fused or f"{index}" for index, w in enumerate(layer.weights) if "attn" in w.name or "attention" in w.name
    ]
    return labels.index(attention[-1]) + 1 if attention else 0


def _layer_sizes(layer: Layer, shape: ModelShape, layout: Layout, flags: Flags) -> tuple[int, ...]:
    allocations: dict[str, float] = {}
    for index, weight in enumerate(layer.weights):
        label = weight.fused or f"{index}"
        size = _elements(weight, shape, layout) * _element_bytes(weight, flags, in_layer=True)
        allocations[label] = allocations.get(label, 0) + size
    return tuple(round(size) for size in allocations.values())


def _plain_sizes(weights: Iterable[Weight], shape: ModelShape, layout: Layout, flags: Flags) -> tuple[int, ...]:
    return tuple(
        round(_elements(weight, shape, layout) * _element_bytes(weight, flags, in_layer=False)) for weight in weights
    )


def _elements(weight: Weight, shape: ModelShape, layout: Layout) -> int:
    """Elements on the fullest rank: experts are divided over TP x DP ranks, or dealt out over them whole.

    Source: vLLM 0.24 and 0.32, fused_moe/config.py FusedMoEParallelConfig.make.
    """
    experts = shape.mixture.experts if shape.mixture else 1
    tensor = layout.expert_ranks if weight.split in _EXPERTS else layout.tensor
    if "shared_expert" in weight.name and weight.split is Split.TENSOR:
        tensor = shared_ranks(shape, layout)
    return rank_elements(
        weight,
        tensor=tensor,
        kv_heads=shape.kv_heads,
        experts=experts,
        expert_ranks=layout.expert_ranks if layout.expert else 1,
    )


def _element_bytes(weight: Weight, flags: Flags, *, in_layer: bool) -> float:
    if weight.element_bytes is not None:
        return weight.element_bytes
    if flags.online_element_bytes is not None and in_layer and repacking.is_quantizable(weight):
        return flags.online_element_bytes
    return flags.element_bytes
