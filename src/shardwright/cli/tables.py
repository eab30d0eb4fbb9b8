"""Tables as kubectl prints them: upper-case headings, columns of spaces, nothing to strip before `awk`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["table"]


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[int] = ()) -> str:
    """Lines of equal columns; the columns whose indices are in `right` stand flush right."""
    cells = [list(headings), *(list(row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    flush_right = frozenset(right)
    return "\n".join(_line(row, widths, flush_right) for row in cells)


def _line(row: list[str], widths: list[int], flush_right: frozenset[int]) -> str:
    padded = (
        cell.rjust(width) if column in flush_right else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "   ".join(padded).rstrip()
