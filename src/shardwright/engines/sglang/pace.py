"""The pace of SGLang on GPUs: constants fitted to batches that were timed with 0.5.16 on H200, wider ranges elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.plan.version import parse_version
from shardwright.core.speed import Pace
from shardwright.engines.sglang import facts, flags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.plan.types import Question
    from shardwright.engines.sglang.flags import Flags
    from shardwright.engines.sglang.fraction import Batch

__all__ = ["pace_of"]

_RUNNING = 2048
"""Requests that run at once where nothing else limits them: at least this many."""


def pace_of(question: Question, resolved: Flags, batch: Batch) -> Pace:
    """The constants for one deployment, with how much less is known of it."""
    table = facts.table("pace")
    doubts = tuple(_doubts(question, resolved))
    constants: dict[str, float] = table["constants"]
    return Pace(
        **constants,
        launch_layer_seconds=0.0 if resolved.has_decode_graphs else table["eager_layer_seconds"],
        uncertainty_share=table["uncertainty"] + sum(share for share, _ in doubts),
        source=table["source"],
        step_tokens=batch.prefill_tokens,
        sequences=int(resolved.arguments.get("max-running-requests") or _RUNNING),
        element_bytes=resolved.element_bytes,
        cache_element_bytes=resolved.kv_element_bytes,
        linear_element_bytes=resolved.online_element_bytes,
        flops_factor=_flops_factor(question, resolved),
        assumptions=tuple(text for _, text in doubts),
    )


def _flops_factor(question: Question, resolved: Flags) -> float:
    """Speed of matrix kernels in units of bf16; 1 where numbers are unpacked to bf16 first."""
    method = resolved.quantization or question.shape.quantization or ""
    known: dict[str, float] | None = facts.table("pace")["quantized"].get(method)
    return known["factor"] if known and (flags.capability(question.gpu) or 0) >= known["capability"] else 1.0


def _doubts(question: Question, resolved: Flags) -> Iterator[tuple[float, str]]:
    """What was not timed, with the width that it adds to the range, as a part of the expected figure."""
    table, shape = facts.table("pace"), question.shape
    wider: dict[str, float] = table["wider"]
    others = sorted({gpu.name for gpu in question.gpus} - set(table["gpus"]))
    if others:
        known = " and ".join(table["gpus"])
        yield wider["gpu"], f"not timed on {' and '.join(others)}: shares of the data sheet as on {known}"
    if parse_version(question.version) != parse_version(table["version"]):
        yield wider["version"], f"SGLang {question.version} was not timed; constants are those of {table['version']}"
    if shape.mixture is not None or shape.latent is not None or any(layer.state is not None for layer in shape.layers):
        yield wider["kind"], "SGLang was timed with dense models only"
    if resolved.quantization or shape.quantization:
        yield wider["quantization"], f"{resolved.quantization or shape.quantization} was not timed"
    if question.layout.pipeline > 1:
        yield wider["pipeline"], "pipeline stages were not timed"
    if question.layout.nodes > 1:
        yield wider["nodes"], "groups over several nodes were not timed"
    if not resolved.has_decode_graphs:
        yield (
            wider["eager"],
            f"without CUDA graphs each layer takes at least {table['eager_layer_seconds'] * 1e6:.0f} us",
        )
    if shape.bound:
        yield wider["bound"], f"the model is only bounded: {shape.bound}"
