"""Reads files that others append to: the end of a log, the logs of all hosts as they grow, the events of a run."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

__all__ = ["Reader", "follow_lines", "last_lines"]

_PAUSE_SECONDS = 0.1
_TAIL_BYTES = 64 * 1024


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines of a log that say something; none if there is no log."""
    try:
        with path.open("rb") as source:
            source.seek(max(0, source.seek(0, os.SEEK_END) - _TAIL_BYTES))
            content = source.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    return [line.rstrip() for line in content.splitlines() if line.strip()][-count:]


def follow_lines(paths: Mapping[int, Path], is_over: Callable[[], bool] | None) -> Iterator[tuple[int, str]]:
    """Lines of several files with their keys: file by file what is there, then as they come until `is_over`.

    With None it ends at the end of the files. A last line without its line feed is given once the end is reached.
    """
    readers = {key: Reader(path) for key, path in paths.items()}
    try:
        while True:
            over = is_over is None or is_over()  # asked before reading: what was written until then is read
            news = [(key, line) for key, reader in readers.items() for line in reader.lines(rest=over)]
            yield from news
            if over:
                return
            if not news:
                time.sleep(_PAUSE_SECONDS)
    finally:
        for reader in readers.values():
            reader.close()


class Reader:
    """A file that grows, read line by line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._rest = b""

    def lines(self, *, rest: bool) -> list[str]:
        """Complete lines since the last call; with `rest` also what comes after the last line feed."""
        if self._descriptor is None:
            try:
                self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return []
        parts = [self._rest]
        while chunk := os.read(self._descriptor, 1 << 20):
            parts.append(chunk)
        *complete, self._rest = b"".join(parts).split(b"\n")
        if rest and self._rest:
            complete.append(self._rest)
            self._rest = b""
        return [line.decode(errors="replace").rstrip("\r") for line in complete]

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
