"""What changes for those who use and pay for a deployment, from two plans as documents: layout, memory, GPUs, engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["plan_difference"]

_LAYOUT = (("tensor", "TP"), ("pipeline", "PP"), ("data", "DP"), ("expert", "EP"))


Document: TypeAlias = "Mapping[str, Any]"
"""A plan as `plan -o json` prints it."""


def plan_difference(old: Document, new: Document) -> tuple[str, ...]:
    """One line a thing that differs; empty if the plans promise the same."""
    return tuple(_lines(old, new))


def _lines(old: Document, new: Document) -> Iterator[str]:
    one, other = _part(old, "layout"), _part(new, "layout")
    sizes = [f"{label} {one.get(key)} -> {other.get(key)}" for key, label in _LAYOUT if one.get(key) != other.get(key)]
    if sizes:
        yield ", ".join(sizes)
    yield from _gpus(_gpu_count(one), _gpu_count(other))
    for key, label in (("kvTokens", "KV tokens"), ("maxModelLen", "longest request")):
        before, after = old.get(key), new.get(key)
        if before != after:
            yield f"{label}: {_number(before)} -> {_number(after)}"
    before, after = _engine(old), _engine(new)
    if before != after:
        yield f"engine: {before} -> {after}"


def _gpus(before: int, after: int) -> Iterator[str]:
    if before != after:
        more = "more" if after > before else "fewer"
        count = abs(after - before)
        yield f"{count} {more} GPU{'s' if count > 1 else ''} ({before} -> {after})"


def _gpu_count(layout: Document) -> int:
    return int(layout.get("tensor") or 0) * int(layout.get("pipeline") or 0) * int(layout.get("data") or 1)


def _engine(plan: Document) -> str:
    engine = _part(plan, "engine")
    return f"{engine.get('name')} {engine.get('version')}"


def _part(plan: Document, name: str) -> dict[str, Any]:
    return plan.get(name) or {}


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "unknown" if value is None else str(value)
