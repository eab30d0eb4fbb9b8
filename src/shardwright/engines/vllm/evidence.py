"""How a plan's memory is known: measured on this GPU with this version and layout, from the engine's source, or a bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.plan.version import parse_version
from shardwright.engines.vllm import facts, flags

if TYPE_CHECKING:
    from shardwright.core.memory import Evidence
    from shardwright.core.plan.types import Question
    from shardwright.engines.vllm.facts import Point
    from shardwright.engines.vllm.flags import Flags

__all__ = ["evidence_of"]

_BLACKWELL = 10.0
_MEASURED_DEVICES = ("cuda",)


def evidence_of(question: Question, resolved: Flags) -> tuple[Evidence, str]:
    """The kind of evidence, and the nearest measured point in words."""
    nearest = min(facts.points(), key=lambda point: (_distance(question, resolved, point), point.tokens))
    if resolved.fixed_pool_bytes is not None or resolved.fixed_blocks is not None:
        return "source", "The pool is fixed by a flag: it does not depend on what vLLM would measure."
    if question.gpu.device not in _MEASURED_DEVICES:
        reason = (
            f"Memory is only bounded: nothing was measured on {question.gpu.device}, and the terms are those of CUDA"
        )
        return "bound", f"{reason}. Nearest measured: {_words(nearest)}."
    if question.shape.bound:
        reason = f"Memory is only bounded: {question.shape.bound}{_unbounded(question)}."
        return "bound", f"{reason} Nearest measured: {_words(nearest)}."
    if not any(_distance(question, resolved, nearest)):
        return "measured", f"Memory was measured: {_words(nearest)}."
    is_gpu_known = any(point.gpu == question.gpu.name for point in facts.points())
    where = (
        f"this was not measured on {question.gpu.name}"
        if is_gpu_known
        else f"nothing was measured on {question.gpu.name}"
    )
    reason = f"Memory is computed from vLLM's source{_unbounded(question)}; {where}"
    return "source", f"{reason}. Nearest measured: {_words(nearest)}."


def _unbounded(question: Question) -> str:
    """Public logs of mixtures on B200 show graphs of 57 to 64 GiB; no bound covers that."""
    has_mixture, capability = question.shape.mixture is not None, flags.capability(question.gpu)
    if has_mixture and capability is not None and capability >= _BLACKWELL:
        return f"; CUDA graphs of mixtures took up to 64 GiB on GPUs such as {question.gpu.name}, which no bound covers"
    return ""


def _distance(question: Question, resolved: Flags, point: Point) -> tuple[bool, ...]:
    """What differs, the weightiest first; all False where a point was measured for this very kind of start.

    T, n and max-model-len do not count: the formulas hold for all of them.
    """
    layout, shape = question.layout, question.shape
    quantization = shape.quantization or resolved.quantization or ""
    has_extras = bool(resolved.lora_slots or resolved.speculation)
    return (
        shape.architecture != point.architecture,
        (len(shape.layers), shape.hidden_size) != (point.layers, point.hidden_size),
        has_extras,
        any(gpu.name != point.gpu for gpu in question.gpus),
        (layout.tensor, layout.pipeline, layout.data, layout.expert)
        != (point.tensor, point.pipeline, point.data, point.expert),
        (quantization, resolved.kv_dtype, resolved.has_graphs)
        != (point.quantization, point.kv_cache_dtype, not point.eager),
        parse_version(question.version) != parse_version(point.version),
    )


def _words(point: Point) -> str:
    data = f" x DP{point.data}" if point.data > 1 else ""
    expert = " with EP" if point.expert else ""
    given = [
        f"quantization {point.quantization}" if point.quantization else "",
        f"kv-cache-dtype {point.kv_cache_dtype}" if point.kv_cache_dtype != "auto" else "",
        "enforce-eager" if point.eager else "",
    ]
    flags_given = "".join(f", {text}" for text in given if text)
    return (
        f"{point.config} TP{point.tensor} x PP{point.pipeline}{data}{expert} on {point.gpu}{flags_given},"
        f" vLLM {point.version}: {point.tokens:,} tokens"
    )
