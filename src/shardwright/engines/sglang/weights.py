"""Weights of one stage as SGLang holds them: fused, padded, quantized while loading, in pages of the allocator.

Source: SGLang 0.5.16, layers/{linear,vocab_parallel_embedding}.py, layers/rotary_embedding/base.py (its table is float32 on
CUDA), models/llama.py; what loading took was printed by 0.5.16 on H200 (measured.toml).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.shape.base import Split
from shardwright.core.shape.sharding import rank_elements, rotary_tables, stage_parts
from shardwright.engines.sglang import facts
from shardwright.units import GIB, MIB
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shardwright.core.plan.types import Question
    from shardwright.core.shape.base import Layer, Rotary, Weight
    from shardwright.engines.sglang.flags import Flags

__all__ = ["StageWeights", "stage_weights"]

_LARGE = 10 * MIB
_PAGE = 2 * MIB
_EXPERTS = (Split.EXPERTS, Split.EXPERTS_WHOLE)
_ATTENTION = ("self_attn", "attention", "attn.", "mixer", "linear_attn")


@frozen
class StageWeights:
    """Bytes on each rank of one stage."""

    layers_bytes: int
    embedding_bytes: int
    head_bytes: int
    rotary_bytes: int
    encoder_bytes: int
    residue_bytes: int
    """What unquantized weights leave behind after quantizing while loading."""

    @property
    def total_bytes(self) -> int:
        """All of it."""
        plain = self.layers_bytes + self.embedding_bytes + self.head_bytes
        return plain + self.rotary_bytes + self.encoder_bytes + self.residue_bytes


def stage_weights(question: Question, stage: int, flags: Flags) -> StageWeights:
    """What a rank of that stage holds; the fullest with uneven experts."""
    shape = question.shape
    parts = stage_parts(shape, question.layout.stages, stage)
    # Layers of a kind are one value; each kind is counted once.
    kinds = {id(layer): layer for layer in parts.layers}
    sizes = {kind: _layer_bytes(layer, question, flags) for kind, layer in kinds.items()}
    is_online = flags.online_element_bytes is not None
    return StageWeights(
        layers_bytes=sum(sizes[id(layer)] for layer in parts.layers),
        embedding_bytes=_plain_bytes(parts.embedding, question, flags),
        head_bytes=_plain_bytes(parts.head, question, flags),
        rotary_bytes=sum(_rotary_bytes(one, question, flags) for one in rotary_tables(shape, parts.layers)),
        encoder_bytes=_plain_bytes(shape.encoder, question, flags) if stage == 0 else 0,
        residue_bytes=round(facts.table("device")["online_residue_gib"] * GIB) if is_online else 0,
    )


def _rotary_bytes(one: Rotary, question: Question, flags: Flags) -> int:
    element = one.element_bytes or (4 if question.gpu.device == "cuda" else flags.element_bytes)
    return round(one.positions * one.size * element)


def _layer_bytes(layer: Layer, question: Question, flags: Flags) -> int:
    allocations: dict[str, float] = {}
    for index, weight in enumerate(layer.weights):
        label = weight.fused or f"{index}"
        size = _elements(weight, question, flags) * _element_bytes(weight, flags, in_layer=True)
        allocations[label] = allocations.get(label, 0) + size
    return sum(_allocated(round(size)) for size in allocations.values())


def _plain_bytes(weights: Iterable[Weight], question: Question, flags: Flags) -> int:
    return sum(
        _allocated(round(_elements(weight, question, flags) * _element_bytes(weight, flags, in_layer=False)))
        for weight in weights
    )


def _elements(weight: Weight, question: Question, flags: Flags) -> int:
    """Elements on the fullest rank.

    Attention and embedding are divided over the ranks of one copy, everything else over all ranks of the stage; experts are
    dealt out whole with expert parallelism.
    """
    shape, layout = question.shape, question.layout
    is_own = weight.split in (Split.KV_HEADS, Split.VOCABULARY) or any(part in weight.name for part in _ATTENTION)
    return rank_elements(
        weight,
        tensor=layout.tensor if is_own and weight.split not in _EXPERTS else flags.tensor,
        kv_heads=shape.kv_heads,
        experts=shape.mixture.experts if shape.mixture else 1,
        expert_ranks=flags.tensor if layout.expert else 1,
    )


def _element_bytes(weight: Weight, flags: Flags, *, in_layer: bool) -> float:
    if weight.element_bytes is not None:
        return weight.element_bytes
    is_matrix = in_layer and weight.columns > 1 and not weight.fixed
    online = flags.online_element_bytes
    return online if is_matrix and online is not None else flags.element_bytes


def _allocated(size: int) -> int:
    """Tensors of 10 MiB and more take whole pages of 2 MiB, smaller ones share segments."""
    return -(-size // _PAGE) * _PAGE if size >= _LARGE else size
