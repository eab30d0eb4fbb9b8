"""What one rank holds of a tensor, and which tensors a stage holds: counting only, no engine's rounding or fusing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.shape.base import Split

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.shape.base import ModelShape, Weight

__all__ = ["VOCABULARY_MULTIPLE", "rank_bytes", "rank_elements", "stage_weights"]

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
            return weight.elements // kv_heads * _up(kv_heads, tensor)
        case Split.VOCABULARY:
            return _up(_up(weight.rows, vocabulary_multiple) * vocabulary_multiple, tensor) * weight.columns
        case Split.EXPERTS:
            if expert_ranks > 1:
                return weight.elements // experts * _up(experts, expert_ranks)
            return _up(weight.elements, tensor)


def rank_bytes(weight: Weight, shape: ModelShape, *, tensor: int, expert_ranks: int = 1) -> int:
    """Bytes of one of the shape's tensors on the fullest rank, in the dtype of the checkpoint."""
    elements = rank_elements(
        weight,
        tensor=tensor,
        kv_heads=shape.kv_heads,
        experts=shape.mixture.experts if shape.mixture else 1,
        expert_ranks=expert_ranks,
    )
    return round(elements * (shape.element_bytes if weight.element_bytes is None else weight.element_bytes))


def stage_weights(shape: ModelShape, stages: tuple[int, ...], stage: int) -> Iterator[Weight]:
    """All tensors of one pipeline stage; a tied embedding stands on the first stage and again on the last.

    Source: vLLM 0.24 and 0.32, model_executor/models/llama.py.
    """
    first = sum(stages[:stage])
    is_last = stage == len(stages) - 1
    if stage == 0 or (shape.tied_embeddings and is_last):
        yield from shape.embedding
    for layer in shape.layers[first : first + stages[stage]]:
        yield from layer.weights
    if is_last:
        yield from shape.head


def _up(number: int, divisor: int) -> int:
    return -(-number // divisor)
