"""Slots for LoRA adapters: two thin matrices beside every projection of every layer, made before the pool is sized.

A: rank x input for each part of a fused projection, B: output x rank. A projection whose output is divided over ranks keeps all of
A and its part of B, one whose input is divided the reverse. Counted for dense models with the usual seven projections on one stage.
Source: SGLang 0.5.1, 0.5.6, 0.5.9, 0.5.16 and 0.5.23, lora/{mem_pool,utils}.py; server_args.py check_lora_server_args.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.plan.types import Refusal
from shardwright.engines.sglang import facts, flags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.plan.types import Question
    from shardwright.core.shape.base import ModelShape
    from shardwright.engines.sglang.flags import Flags

__all__ = ["PROJECTIONS", "rank_of", "refusals_of", "slots_bytes"]

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def rank_of(resolved: Flags) -> int:
    """Largest rank of an adapter that a slot holds."""
    return int(resolved.arguments.get("max-lora-rank") or facts.table("lora")["default_rank"])


def slots_bytes(question: Question, resolved: Flags) -> int:
    """Bytes of all slots on each rank; 0 without adapters."""
    shape, tensor = question.shape, question.layout.tensor
    queries = shape.attention_heads * shape.head_size // tensor
    keys = max(shape.kv_heads // tensor, 1) * shape.head_size
    inner = shape.intermediate_size // tensor
    inputs = (3 + 2) * shape.hidden_size + queries + inner
    outputs = queries + 2 * keys + 2 * inner + 2 * shape.hidden_size
    numbers = len(shape.layers) * rank_of(resolved) * (inputs + outputs)
    return question.recipe.model.lora_slots * numbers * resolved.element_bytes


def refusals_of(question: Question, resolved: Flags) -> Iterator[Refusal]:
    """Adapters whose memory is not counted here."""
    slots, given = question.recipe.model.lora_slots, resolved.arguments
    if not slots:
        if given.get("lora-paths"):
            yield Refusal(
                "sglang.lora-not-planned", "engine.args.lora-paths needs model.loraSlots: adapters held at once"
            )
        return
    if "lora-target-modules" in given:
        yield Refusal(
            "sglang.lora-not-planned",
            f"engine.args.lora-target-modules: slots are planned for {', '.join(PROJECTIONS)}; leave it out",
        )
    reason = _not_counted(question, resolved)
    if reason:
        yield Refusal(
            "sglang.lora-not-planned",
            f"model.loraSlots: {slots}: memory of SGLang's adapter slots is not counted {reason}; leave it out, or use vLLM",
        )


def _not_counted(question: Question, resolved: Flags) -> str:
    shape, layout = question.shape, question.layout
    if layout.pipeline > 1:
        return f"over {layout.pipeline} stages"
    if resolved.data_mode == "attention":
        return "where copies share layers"
    if shape.mixture or shape.latent or flags.is_vision(shape) or not _has_usual_projections(shape):
        return f"for {shape.architecture}: only for dense models with {', '.join(PROJECTIONS)}"
    return ""


def _has_usual_projections(shape: ModelShape) -> bool:
    """Whether the matrices of every layer are exactly these."""
    kinds = {id(layer): layer for layer in shape.layers}.values()
    return all(
        {weight.name.split(".")[-2] for weight in layer.weights if weight.columns > 1 and not weight.auxiliary}
        == set(PROJECTIONS)
        for layer in kinds
    )
