"""All memory terms of a rank of a stage, from the files that know them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.memory import Term
from shardwright.engines.vllm import activation, draft, lora, outside
from shardwright.engines.vllm.stage import Stage
from shardwright.units import GIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.engines.vllm.weights import StageWeights

__all__ = ["Stage", "stage_terms"]


def stage_terms(stage: Stage, weights: StageWeights) -> tuple[Term, ...]:
    """All terms of a rank of that stage."""
    return (
        _weights(stage, weights),
        *_extras(stage),
        *activation.activation_terms(stage),
        *outside.outside_terms(stage),
    )


def _weights(stage: Stage, weights: StageWeights) -> Term:
    parts = [f"{stage.layers} layers {_gib(weights.layers_bytes)}"]
    for name, count in (
        ("embedding", weights.embedding_bytes),
        ("head", weights.head_bytes),
        ("rotary", weights.rotary_bytes),
        ("encoder", weights.encoder_bytes),
        ("held besides by quantized kernels", weights.repacked_bytes),
        ("the allocator's blocks and workspaces", weights.rounding_bytes),
    ):
        if count:
            parts.append(f"{name} {_gib(count)}")
    source = "vLLM 0.24 and 0.32, model_executor/layers/linear.py and vocab_parallel_embedding.py"
    return Term("weights", weights.total_bytes, counted=True, formula=" + ".join(parts), source=source)


def _extras(stage: Stage) -> Iterator[Term]:
    """What vLLM loads besides the model and counts as weights: slots for adapters, a draft model."""
    slots = lora.slots_bytes(stage)
    if slots:
        how = f"{stage.flags.lora_slots} adapter slots of rank {stage.flags.lora_rank}"
        yield Term("weights", slots, counted=True, formula=how, source="vLLM 0.24 and 0.32, lora/layers")
    guess = draft.weights_bytes(stage)
    if guess:
        how = "the draft model" if stage.question.draft else "layers that guess further tokens"
        yield Term("weights", guess, counted=True, formula=how, source="vLLM 0.24, v1/spec_decode")


def _gib(count: int) -> str:
    return f"{count / GIB:.3f} GiB"
