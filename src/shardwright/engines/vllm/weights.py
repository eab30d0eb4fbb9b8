"""Weights of one stage as vLLM holds them: fused, padded, quantized while loading, rounded by its allocator.

Source: vLLM 0.24 and 0.32, model_executor/layers/{linear,vocab_parallel_embedding}.py, models/llama.py; allocator rounding and
the rotary cache measured on H100 and H200 with 0.24.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shardwright.core.shape.sharding import rank_elements, stage_parts
from shardwright.units import MIB

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shardwright.core.layout import Layout
    from shardwright.core.shape.base import Layer, ModelShape, Weight
    from shardwright.engines.vllm.flags import Flags

__all__ = ["StageWeights", "stage_weights"]

_LARGE = 20 * MIB
_MEDIUM = 10 * MIB
_PAGE = 2 * MIB


@dataclass(frozen=True, slots=True)
class StageWeights:
    """Bytes on each rank of one stage."""

    layers_bytes: int
    embedding_bytes: int
    head_bytes: int
    rotary_bytes: int

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return self.layers_bytes + self.embedding_bytes + self.head_bytes + self.rotary_bytes


def stage_weights(shape: ModelShape, layout: Layout, stage: int, flags: Flags) -> StageWeights:
    """What a rank of that stage holds; every rank of a stage holds as much as the others."""
    parts = stage_parts(shape, layout.stages, stage)
    # Layers of a kind are one value; each kind is counted once.
    kinds = {id(layer): layer for layer in parts.layers}
    sizes = {kind: _layer_bytes(layer, shape, layout.tensor, flags) for kind, layer in kinds.items()}
    return StageWeights(
        layers_bytes=sum(sizes[id(layer)] for layer in parts.layers),
        embedding_bytes=_plain_bytes(parts.embedding, shape, layout.tensor, flags),
        head_bytes=_plain_bytes(parts.head, shape, layout.tensor, flags),
        rotary_bytes=shape.max_positions * shape.rotary_size * flags.element_bytes,
    )


def _layer_bytes(layer: Layer, shape: ModelShape, tensor: int, flags: Flags) -> int:
    allocations: dict[str, float] = {}
    for index, weight in enumerate(layer.weights):
        label = weight.fused or f"{index}"
        size = _elements(weight, shape, tensor) * _element_bytes(weight, flags, in_layer=True)
        allocations[label] = allocations.get(label, 0) + size
    return sum(_allocated(round(size)) for size in allocations.values())


def _plain_bytes(weights: Iterable[Weight], shape: ModelShape, tensor: int, flags: Flags) -> int:
    return sum(
        _allocated(round(_elements(weight, shape, tensor) * _element_bytes(weight, flags, in_layer=False)))
        for weight in weights
    )


def _elements(weight: Weight, shape: ModelShape, tensor: int) -> int:
    experts = shape.mixture.experts if shape.mixture else 1
    return rank_elements(weight, tensor=tensor, kv_heads=shape.kv_heads, experts=experts)


def _element_bytes(weight: Weight, flags: Flags, *, in_layer: bool) -> float:
    if weight.element_bytes is not None:
        return weight.element_bytes
    is_linear = in_layer and weight.columns > 1 and not weight.name.removesuffix(".weight").endswith("gate")
    if flags.online_element_bytes is not None and is_linear:
        return flags.online_element_bytes
    return flags.element_bytes


def _allocated(size: int) -> int:
    """Large tensors take whole pages of 2 MiB while loading; middling ones only where they lack at most 1 MiB of it."""
    rounded = -(-size // _PAGE) * _PAGE
    if size >= _LARGE or (size >= _MEDIUM and rounded - size <= MIB):
        return rounded
    return size
