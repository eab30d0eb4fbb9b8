"""Lines of an engine's log that mean something: a table of patterns, and the event that a match is.

Which lines there are, and what stands before them, the engine says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from shardwright.core.plugins import LogEvent
from shardwright.values import frozen

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Mapping

__all__ = ["Line", "event_of", "last_state", "match_of", "numbers_of"]


@frozen
class Line:
    """One kind of line: what to look for, what it means, and the names of the figures in its groups."""

    kind: Literal["phase", "ready", "death", "error"]
    phase: str
    percent: int
    pattern: re.Pattern[str]
    names: tuple[str, ...] = ()
    """Of the groups without a name of their own, in their order."""


def last_state(line: str) -> str:
    """The line without its end; of one that is overwritten in place only the last state counts."""
    return line.rstrip("\r\n").rsplit("\r", 1)[-1]


def match_of(kinds: Iterable[Line], text: str) -> tuple[Line, re.Match[str]] | None:
    """The first kind that a text is of."""
    found = ((kind, kind.pattern.search(text)) for kind in kinds)
    return next(((kind, match) for kind, match in found if match is not None), None)


def numbers_of(kind: Line, match: re.Match[str]) -> dict[str, float]:
    """The figures by name; thousands may be parted by commas."""
    plain = [value for index, value in enumerate(match.groups(), 1) if index not in match.re.groupindex.values()]
    given = zip(kind.names, plain, strict=False)
    return {name: float(value.replace(",", "") or 0) for name, value in given if value}


def event_of(kind: Line, match: re.Match[str], text: str, numbers: Mapping[str, float]) -> LogEvent:
    """What the line says; the group `rank`, where there is one, is the global rank."""
    rank = match.groupdict().get("rank")
    return LogEvent(
        kind=kind.kind,
        phase=kind.phase,
        percent=kind.percent,
        text=text.strip(),
        rank=int(rank) if rank else None,
        numbers=tuple(numbers.items()),
    )
