"""Comparisons and calibrations as text and as documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shardwright.cli.tables import table
from shardwright.units import format_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from shardwright.core.calibration import Calibration
    from shardwright.service.calibrating import Comparison, Row
    from shardwright.service.calibration_files import Shelf

__all__ = ["calibration_document", "document", "list_text", "text"]


def text(found: Comparison, kept: Path | None) -> str:
    """The table of terms, and what becomes of it."""
    key, question = found.calibration.key, found.question
    head = f"{question.shape.name}: {key.engine} {key.version} ({key.runner}), {question.layout}, {key.gpu}"
    rows = [
        (
            _called(row),
            str(row.rank),
            format_bytes(row.planned_bytes),
            format_bytes(row.printed_bytes),
            _signed_bytes(row.difference_bytes),
        )
        for row in found.rows
    ]
    if found.printed_tokens is not None:
        difference = f"{found.printed_tokens - found.pool.tokens:+,}"
        rows.append(("KV tokens", "-", f"{found.pool.tokens:,}", f"{found.printed_tokens:,}", difference))
    lines = [head, "", table(("TERM", "RANK", "PLANNED", "PRINTED", "DIFFERENCE"), rows, right=(1, 2, 3, 4)), ""]
    return "\n".join((*lines, *_remarks(found, kept)))


def _called(row: Row) -> str:
    if row.term == "graphs":
        return "graphs, in the budget" if row.counted else "graphs, on top"
    return {"activation": "activation peak", "other": "outside the framework", "kvCache": "KV cache"}.get(
        row.term, row.term
    )


def _remarks(found: Comparison, kept: Path | None) -> list[str]:
    lines: list[str] = []
    if found.printed_tokens is not None and not found.is_fixed:
        place = "inside" if _is_inside(found) else "outside"
        lines.append(f"{place} the planned interval of {found.pool.tokens_low:,} to {found.pool.tokens_high:,} tokens")
    if found.is_fixed:
        lines.append("the pool of this start is as large as it was asked for: only other terms could teach something")
    if found.printed_tokens is None:
        lines.append("the log has no size of the pool: only other terms could teach something")
    name = found.calibration.name
    if not found.is_lesson:
        return [*lines, "nothing is kept: nothing differs that a later plan would predict"]
    if kept is None:
        return [*lines, f"not kept (--dry-run); it would be called {name}"]
    return [
        *lines,
        f"kept as {name}; later plans use it",
        f"  {kept}",
        f"  forget it: shardwright calibrate remove {name}",
    ]


def _is_inside(found: Comparison) -> bool:
    return found.printed_tokens is not None and found.pool.tokens_low <= found.printed_tokens <= found.pool.tokens_high


def _signed_bytes(count: int) -> str:
    return f"+{format_bytes(count)}" if count > 0 else format_bytes(count)


def document(found: Comparison, kept: Path | None) -> dict[str, Any]:
    """The comparison in the words of the interface."""
    printed = found.printed_tokens
    return {
        "model": found.question.shape.name,
        "terms": [
            {
                "term": row.term,
                "rank": row.rank,
                "counted": row.counted,
                "plannedBytes": row.planned_bytes,
                "printedBytes": row.printed_bytes,
                "differenceBytes": row.difference_bytes,
            }
            for row in found.rows
        ],
        "kvTokens": {
            "planned": found.pool.tokens,
            "low": found.pool.tokens_low,
            "high": found.pool.tokens_high,
            "printed": printed,
            "difference": None if printed is None else printed - found.pool.tokens,
            "isInside": None if printed is None else _is_inside(found),
        },
        "isPoolFixed": found.is_fixed,
        "calibration": calibration_document(found.calibration, kept),
    }


def calibration_document(one: Calibration, path: Path | None) -> dict[str, Any]:
    """One calibration; `file` is null where it is not kept."""
    key = one.key
    return {
        "name": one.name,
        "file": None if path is None else str(path),
        "engine": {"name": key.engine, "version": key.version, "runner": key.runner},
        "gpu": key.gpu,
        "family": key.family,
        "layout": {"tensor": key.tensor, "pipeline": key.pipeline, "data": key.data, "expert": key.expert},
        "model": one.model,
        "weightsBytes": one.weights_bytes,
        "poolBytes": one.pool_bytes,
        "terms": [
            {
                "term": term.name,
                "counted": term.counted,
                "plannedBytes": term.planned_bytes,
                "printedBytes": term.printed_bytes,
            }
            for term in one.terms
        ],
        "origin": one.origin,
        "date": one.date,
    }


def list_text(shelf: Shelf) -> str:
    """One line each."""
    rows = [
        (one.name, one.model, _signed_bytes(one.weights_bytes), _signed_bytes(one.pool_bytes), one.origin, one.date)
        for _, one in shelf.calibrations
    ]
    return table(("NAME", "MODEL", "WEIGHTS", "POOL", "FROM", "DATE"), rows, right=(2, 3))
