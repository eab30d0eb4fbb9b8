"""Slots for LoRA adapters: two thin matrices beside every projection, made at the start for all slots.

A: rank x input, B: output x rank. A projection whose output is divided over ranks keeps all of A and its part of B, one whose
input is divided the reverse; with fully-sharded-loras the undivided one is divided as well. Every part of a fused projection has
its own pair. Embedding and head hold theirs undivided. Source: vLLM 0.24 and 0.32, lora/layers/{base_linear,fused_moe,
vocal_parallel_embedding,logits_processor}.py; before 0.11.1 experts have none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.plan.version import parse_version
from shardwright.core.shape.base import Split
from shardwright.core.shape.sharding import stage_parts
from shardwright.engines.vllm.stage import up

if TYPE_CHECKING:
    from shardwright.core.shape.base import Layer, Weight
    from shardwright.engines.vllm.stage import Stage

__all__ = ["slots_bytes"]

_INPUT_DIVIDED = (
    "o_proj",
    "out_proj",
    "down_proj",
    "dense",
    "dense_4h_to_h",
    "fc2",
    "w2",
    "c_proj",
    "wo",
    "output_linear",
)
"""Last parts of the names of projections that add up over ranks."""
_EXPERTS_SINCE = (0, 11, 1)


def slots_bytes(stage: Stage) -> int:
    """Bytes of all slots on a rank of that stage; 0 without adapters."""
    slots, rank = stage.flags.lora_slots, stage.flags.lora_rank
    if not slots:
        return 0
    kinds = {id(layer): layer for layer in stage.held}
    sizes = {kind: _layer_numbers(stage, layer) for kind, layer in kinds.items()}
    numbers = sum(sizes[id(layer)] for layer in stage.held)
    parts = stage_parts(stage.question.shape, stage.question.layout.stages, stage.index)
    words = sum(weight.rows + weight.columns for weight in (*parts.embedding, *parts.head) if weight.columns > 1)
    return slots * rank * (numbers + words) * stage.flags.element_bytes


def _layer_numbers(stage: Stage, layer: Layer) -> int:
    return sum(_numbers(stage, weight) for weight in layer.weights if weight.columns > 1 and not weight.fixed)


def _numbers(stage: Stage, weight: Weight) -> int:
    """Input and output numbers of both matrices on a rank, for one slot and a rank of 1."""
    name = weight.name.removesuffix(".weight").rpartition(".")[2]
    if weight.auxiliary or name in {"gate", "conv1d"}:
        return 0
    if weight.split in {Split.EXPERTS, Split.EXPERTS_WHOLE}:
        return _expert_numbers(stage, weight)
    tensor = 1 if weight.split is Split.NONE else stage.tensor
    if weight.split is Split.KV_HEADS:
        heads = weight.heads or stage.question.shape.kv_heads
        return _whole(stage, weight.columns) + weight.rows * up(heads, tensor) // heads
    if name in _INPUT_DIVIDED:
        return up(weight.columns, tensor) + _whole(stage, weight.rows)
    return _whole(stage, weight.columns) + up(weight.rows, tensor)


def _whole(stage: Stage, size: int) -> int:
    """The side that is not divided by itself."""
    return up(size, stage.tensor) if stage.flags.fully_sharded_loras else size


def _expert_numbers(stage: Stage, weight: Weight) -> int:
    mixture, layout = stage.question.shape.mixture, stage.question.layout
    if mixture is None or parse_version(stage.question.version) < _EXPERTS_SINCE:
        return 0
    held = up(mixture.experts, layout.expert_ranks) if layout.expert else mixture.experts
    rows, columns = weight.rows // mixture.experts, weight.columns
    if rows in {mixture.intermediate_size, 2 * mixture.intermediate_size}:
        rows = rows // mixture.intermediate_size * stage.expert_width
    if columns == mixture.intermediate_size:
        columns = stage.expert_width
    return held * (rows + columns)
