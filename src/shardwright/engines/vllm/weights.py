"""Weights of one stage as vLLM holds them: fused, padded, quantized while loading, repacked, rounded by its allocator.

Source: vLLM 0.24 and 0.32, model_executor/layers/{linear,vocab_parallel_embedding}.py, fused_moe/config.py, models/llama.py;
allocator rounding and the rotary cache measured on H100 and H200 with 0.24.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shardwright.core.shape.base import Split
from shardwright.core.shape.sharding import rank_elements, rotary_tables
from shardwright.engines.vllm import placement, repacking
from shardwright.engines.vllm.stage import shared_ranks
from shardwright.units import MIB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from shardwright.core.layout import Layout
    from shardwright.core.shape.base import Layer, ModelShape, Rotary, Weight
    from shardwright.engines.vllm.flags import Flags

    Allocated = Callable[[int], int]

__all__ = ["StageWeights", "allocator_bytes", "stage_weights"]

_LARGE = 20 * MIB
_MEDIUM = 10 * MIB
_PAGE = 2 * MIB
_EXPERTS = (Split.EXPERTS, Split.EXPERTS_WHOLE)


@dataclass(frozen=True, slots=True)
class StageWeights:
    """Bytes on each rank of one stage."""

    layers_bytes: int
    embedding_bytes: int
    head_bytes: int
    rotary_bytes: int
    encoder_bytes: int = 0
    repacked_bytes: int = 0
    """What kernels for quantized weights hold more, or less, than the checkpoint."""

    @property
    def total_bytes(self) -> int:
        """All of it."""
        plain = self.layers_bytes + self.embedding_bytes + self.head_bytes + self.rotary_bytes
        return plain + self.encoder_bytes + self.repacked_bytes


def stage_weights(
    shape: ModelShape, layout: Layout, stage: int, flags: Flags, *, allocated: Allocated | None = None
) -> StageWeights:
    """What a rank of that stage holds; every rank of a stage holds as much as the others, the fullest with uneven experts.

    `allocated` says what a tensor of so many bytes takes: by default as the engine's allocator rounds, `int` for bare tensors.
    """
    allocated = allocated or allocator_bytes
    parts = placement.stage_parts(shape, layout.stages, stage)
    # Layers of a kind are one value; each kind is counted once.
    kinds = {id(layer): layer for layer in parts.layers}
    sizes = {kind: _layer_bytes(layer, shape, layout, flags, allocated) for kind, layer in kinds.items()}
    repacked = {kind: repacking.extra_bytes(layer, shape, layout, flags) for kind, layer in kinds.items()}
    return StageWeights(
        layers_bytes=sum(sizes[id(layer)] for layer in parts.layers),
        embedding_bytes=_plain_bytes(parts.embedding, shape, layout, flags, allocated),
        head_bytes=_plain_bytes(parts.head, shape, layout, flags, allocated),
        rotary_bytes=_all_rotary_bytes(shape, parts.layers, flags),
        encoder_bytes=_encoder_bytes(shape, layout, flags, allocated) if flags.encoder else 0,
        repacked_bytes=sum(repacked[id(layer)] for layer in parts.layers),
    )


def _encoder_bytes(shape: ModelShape, layout: Layout, flags: Flags, allocated: Allocated) -> int:
    """Its tensors on a rank; no tensor of an encoder is divided by KV heads, experts or vocabulary."""
    ranks = placement.encoder_ranks(shape, layout.tensor, flags.arguments)
    sizes = (
        rank_elements(w, tensor=ranks, kv_heads=1) * _element_bytes(w, flags, in_layer=False) for w in shape.encoder
    )
    return sum(allocated(round(size)) for size in sizes)


def _all_rotary_bytes(shape: ModelShape, layers: Iterable[Layer], flags: Flags) -> int:
    frequencies = placement.frequencies_bytes(shape)
    if frequencies is not None:
        return frequencies
    return sum(_rotary_bytes(table, flags) for table in rotary_tables(shape, layers))


def _rotary_bytes(table: Rotary, flags: Flags) -> int:
    return round(table.positions * table.size * (table.element_bytes or flags.element_bytes))


def _layer_bytes(layer: Layer, shape: ModelShape, layout: Layout, flags: Flags, allocated: Allocated) -> int:
    allocations: dict[str, float] = {}
    for index, weight in enumerate(layer.weights):
        label = weight.fused or f"{index}"
        size = _elements(weight, shape, layout) * _element_bytes(weight, flags, in_layer=True)
        allocations[label] = allocations.get(label, 0) + size
    return sum(allocated(round(size)) for size in allocations.values())


def _plain_bytes(
    weights: Iterable[Weight], shape: ModelShape, layout: Layout, flags: Flags, allocated: Allocated
) -> int:
    return sum(
        allocated(round(_elements(weight, shape, layout) * _element_bytes(weight, flags, in_layer=False)))
        for weight in weights
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


def allocator_bytes(size: int) -> int:
    """Large tensors take whole pages of 2 MiB while loading; middling ones only where they lack at most 1 MiB of it."""
    rounded = -(-size // _PAGE) * _PAGE
    if size >= _LARGE or (size >= _MEDIUM and rounded - size <= MIB):
        return rounded
    return size
