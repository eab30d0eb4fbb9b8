"""What one rank holds of a tensor, and which tensors a stage holds: counting only, no engine's rounding or fusing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.shape.base import Rotary, Split
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shardwright.core.shape.base import Layer, ModelShape, Weight

__all__ = ["VOCABULARY_MULTIPLE", "StageParts", "rank_elements", "rotary_tables", "stage_parts"]

VOCABULARY_MULTIPLE = 64
"""Rows of the vocabulary are padded to this. Source: vLLM 0.24 and 0.32, vocab_parallel_embedding.py."""


def rank_elements(
    weight: Weight,
    *,
    tensor: int,
    kv_heads: int,
    vocabulary_multiple: int = VOCABULARY_MULTIPLE,
    experts: int = 1,
    expert_ranks: int = 1,
) -> int:
    """Elements of a tensor on the fullest of `tensor` ranks.

    With more than one of `expert_ranks` whole experts are dealt out and not divided. KV heads are repeated where there
    are more ranks than heads. Sizes that do not divide evenly are rounded up; whether such a layout is allowed is the
    engine's to say.
    """
    match weight.split:
        case Split.NONE:
            return weight.elements
        case Split.TENSOR:
            return _up(weight.elements, tensor)
        case Split.KV_HEADS:
            heads = weight.heads or kv_heads
            return weight.elements * _up(heads, tensor) // heads
        case Split.VOCABULARY:
            return _up(_up(weight.rows, vocabulary_multiple) * vocabulary_multiple, tensor) * weight.columns
        case Split.EXPERTS | Split.EXPERTS_WHOLE:
            if expert_ranks > 1:
                return weight.elements // experts * _up(experts, expert_ranks)
            return _up(weight.elements, tensor) if weight.split is Split.EXPERTS else weight.elements


@frozen
class StageParts:
    """What one pipeline stage holds."""

    embedding: tuple[Weight, ...]
    layers: tuple[Layer, ...]
    head: tuple[Weight, ...]


def stage_parts(shape: ModelShape, stages: tuple[int, ...], stage: int) -> StageParts:
    """The layers of a stage, and what the first and the last one hold besides; a tied embedding stands on both.

    Source: vLLM 0.24 and 0.32, model_executor/models/llama.py.
    """
    first = sum(stages[:stage])
    is_last = stage == len(stages) - 1
    return StageParts(
        embedding=shape.embedding if stage == 0 or (shape.tied_embeddings and is_last) else (),
        layers=shape.layers[first : first + stages[stage]],
        head=shape.head if is_last else (),
    )


def rotary_tables(shape: ModelShape, layers: Iterable[Layer]) -> tuple[Rotary, ...]:
    """The tables of cosines and sines that a rank with these layers keeps, each once.

    Source: vLLM 0.32, model_executor/layers/rotary_embedding.
    """
    own = Rotary(shape.max_positions, shape.rotary_size)
    kinds = {id(layer.rotary): layer.rotary for layer in layers}.values()
    tables = (table for kind in kinds for table in ((own,) if kind is None else kind))
    return tuple(dict.fromkeys(table for table in tables if table.size))


def _up(number: int, divisor: int) -> int:
    return -(-number // divisor)
