"""How a plan's memory is known: measured on this GPU with this version and layout, from the engine's source, or a bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.plan.version import parse_version
from shardwright.engines.sglang import facts

if TYPE_CHECKING:
    from shardwright.core.memory import Evidence
    from shardwright.core.plan.types import Question
    from shardwright.engines.sglang.facts import Point
    from shardwright.engines.sglang.flags import Flags

__all__ = ["evidence_of"]

_COUNTING = ("kv-cache-dtype", "quantization", "disable-cuda-graph")
"""Flags that change what is counted; a point holds only for the same ones."""


def evidence_of(question: Question, resolved: Flags) -> tuple[Evidence, str]:
    """The kind of evidence, and the nearest measured point in words."""
    nearest = min(facts.points(), key=lambda point: _distance(question, resolved, point))
    words = _words(nearest)
    if question.gpu.device != "cuda":
        reason = (
            f"Memory is only bounded: nothing was measured on {question.gpu.device}, and the terms are those of CUDA"
        )
        return "bound", f"{reason}. Nearest measured: {words}."
    if question.shape.bound:
        return "bound", f"Memory is only bounded: {question.shape.bound}. Nearest measured: {words}."
    if not any(_distance(question, resolved, nearest)):
        return "measured", f"Memory was measured: {words}."
    what = "this" if any(point.gpu == question.gpu.name for point in facts.points()) else "nothing"
    was = f"{what} was {'not ' if what == 'this' else ''}measured on {question.gpu.name}"
    source = "Memory is computed from SGLang's source, which sizes its pool by arithmetic"
    return "source", f"{source}; {was}. Nearest measured: {words}."


def _distance(question: Question, resolved: Flags, point: Point) -> tuple[bool, ...]:
    """What differs, the weightiest first; all False where a point was measured for this very kind of start."""
    layout = question.layout
    given = {
        name: resolved.arguments[name]
        for name in _COUNTING
        if resolved.arguments.get(name) not in (None, False, "auto")
    }
    return (
        question.shape.architecture != point.architecture,
        (len(question.shape.layers), question.shape.hidden_size) != (point.layers, point.hidden_size),
        question.gpu.name != point.gpu,
        (layout.tensor, layout.pipeline, layout.data, layout.expert) != (point.tensor, 1, 1, False),
        given != dict(point.args) or question.recipe.model.lora_slots > 0,
        parse_version(question.version) != parse_version(facts.measured_version()),
    )


def _words(point: Point) -> str:
    given = "".join(f", {name} {str(value).lower()}" for name, value in point.args)
    return f"{point.model} TP{point.tensor} on {point.gpu}{given}, SGLang {facts.measured_version()}: {point.tokens:,} tokens"
