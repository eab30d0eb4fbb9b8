"""Log lines of several members in the order in which they were written."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["LogLine", "Source", "in_order", "moment_of", "prefix_of"]

_FRACTION = 9


@frozen
class Source:
    """Who writes a log."""

    name: str
    """Of the pod or the host."""
    replica: int
    member: int
    ranks: tuple[int, ...] = ()
    """That it holds; empty where that is not known."""
    is_download: bool = False
    """It brings the model, and is no member."""


@frozen
class LogLine:
    """One line."""

    source: Source
    time: str
    """RFC 3339."""
    text: str


def moment_of(time: str) -> tuple[str, str]:
    """What times in UTC are sorted by: digits of a second may be missing, as RFC 3339 allows."""
    whole, _, rest = time.partition(".")
    digits = rest.rstrip("Zz").partition("+")[0]
    return whole.rstrip("Zz"), digits.ljust(_FRACTION, "0")


def in_order(sources: Sequence[Iterable[LogLine]]) -> Iterator[LogLine]:
    """Lines of all by their time; each source is in order by itself, and of one moment the first source comes first."""
    return heapq.merge(*sources, key=lambda line: moment_of(line.time))


def prefix_of(source: Source) -> str:
    """`[0.1 rank 2-3]`: replica, member, and the ranks that it holds; `[download]`."""
    if source.is_download:
        return "[download]"
    ranks = source.ranks
    if not ranks:
        return f"[{source.replica}.{source.member}]"
    is_run = ranks == tuple(range(ranks[0], ranks[-1] + 1))
    several = f"{ranks[0]}-{ranks[-1]}" if is_run else ",".join(map(str, ranks))
    return f"[{source.replica}.{source.member} rank {ranks[0] if len(ranks) == 1 else several}]"
