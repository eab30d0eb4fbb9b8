"""What changes in a run, as one stream: its states and the lines of its hosts' logs, in the order in which they are seen."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from shardwright.local.following import Reader
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

__all__ = ["Change", "follow_changes"]

_PAUSE_SECONDS = 0.1


@frozen
class Change:
    """One thing that is new."""

    state: str
    seconds: float
    """Since the group was started."""
    member: int = 0
    line: str | None = None
    """A line of that member's log; None: the state changed."""


def follow_changes(logs: Mapping[int, Path], read_status: Callable[[], Mapping[str, object]]) -> Iterator[Change]:
    """Changes since the start, until the group serves or has ended."""
    readers = {member: Reader(path) for member, path in logs.items()}
    seen = ""
    try:
        while True:
            status = read_status()
            reached, seconds = str(status.get("state", "ended")), _seconds(status)
            if reached != seen:
                seen = reached
                yield Change(reached, seconds)
            over = reached in {"ready", "ended"}
            for member, reader in readers.items():
                yield from (Change(reached, seconds, member, line) for line in reader.lines(rest=over))
            if over:
                return
            time.sleep(_PAUSE_SECONDS)
    finally:
        for reader in readers.values():
            reader.close()


def _seconds(status: Mapping[str, object]) -> float:
    return max(0.0, time.time() - float(str(status.get("startedAt") or time.time())))
