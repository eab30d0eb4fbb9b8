"""Use case: what an engine's log says about memory: a file, standard input, or the logs of a deployment on this machine.

A log may be anything: lines and the whole are bounded, and what is no log says nothing.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from shardwright import errors
from shardwright.core.calibration import Printed, PrintedRank
from shardwright.units import GIB, format_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from shardwright.core.plugins import LogEvent
    from shardwright.settings import Settings

__all__ = ["deployment_lines", "file_lines", "read_printed"]

MAX_BYTES = 2**30
"""Most of a log that is read; a start takes some megabytes."""
MAX_LINE_BYTES = 64 * 1024
_MAX_RANKS = 65536
_PREFIX = re.compile(
    r"(?:(?P<member>host-\d+) \| |\[(?P<pod>pod/[\w./-]+|\d+\.\d+(?: rank [\d,-]+)?)\] )?(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d) )?"
)
"""What `shardwright logs` and `kubectl logs --prefix --timestamps` put before a line."""
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def file_lines(name: str, stdin: BinaryIO | None = None) -> Iterator[tuple[str, str]]:
    """Lines of a file, of a pipe, or of standard input (`-`), each with the member that wrote it.

    InputError for a file that is larger than a log can be; EnvironmentFault where it cannot be read.
    """
    try:
        if name == "-":
            yield from _lines(stdin or sys.stdin.buffer, "standard input")
        else:
            with Path(name).open("rb") as stream:
                yield from _lines(stream, name)
    except OSError as error:
        raise errors.EnvironmentFault(f"{name} cannot be read: {error.strerror}") from error


def _lines(stream: BinaryIO, name: str) -> Iterator[tuple[str, str]]:
    left_bytes = MAX_BYTES
    while line := stream.readline(MAX_LINE_BYTES):
        left_bytes -= len(line)
        if left_bytes < 0:
            raise errors.InputError(
                f"{name} has more than {format_bytes(MAX_BYTES)}; the log of a start is far smaller",
                hint="give the part of the log that begins where the engine was started",
            )
        text = _COLOURS.sub("", line.decode(errors="replace"))
        prefix = _PREFIX.match(text)
        member = (prefix["member"] or prefix["pod"] or "") if prefix else ""
        yield member, text[prefix.end() :] if prefix else text


def deployment_lines(name: str, settings: Settings) -> Iterator[tuple[str, str]]:
    """Lines of a deployment on this machine, `NAME` or `NAMESPACE/NAME`; NotFound if there is none."""
    from shardwright.service import observing  # noqa: PLC0415 - brings what only Linux has; a file's log needs none of it

    namespace, slash, rest = name.partition("/")
    lines = observing.logs(
        namespace if slash else "default", rest if slash else name, settings, rank=None, follow=False
    )
    return ((f"host-{member}", line) for member, line in lines)


_SIZES = {
    "weights_gib": "weights_bytes",
    "activation_gib": "activation_bytes",
    "outside_gib": "other_bytes",
    "graphs_counted_gib": "graphs_counted_bytes",
}
_FIGURES = ("max_model_len", "max_num_batched_tokens", "gpu_memory_utilization")


@dataclass(slots=True)
class _Start:
    """What one member has printed since it was last started."""

    ranks: dict[tuple[int, int, int], PrintedRank] = field(default_factory=dict[tuple[int, int, int], PrintedRank])
    kv_tokens: list[int] = field(default_factory=list[int])
    total_bytes: list[int] = field(default_factory=list[int])
    figures: dict[str, float] = field(default_factory=dict[str, float])

    def is_over(self, event: LogEvent) -> bool:
        """Whether this line begins another start: a banner, or a rank that loads once more after its pool was made."""
        if event.phase == "banner":
            return bool(self.kv_tokens or self.ranks)
        numbers = dict(event.numbers)
        known = self.ranks.get(_place(numbers))
        return (
            "weights_gib" in numbers and bool(self.kv_tokens) and known is not None and known.weights_bytes is not None
        )

    def add(self, event: LogEvent) -> None:
        numbers = dict(event.numbers)
        place = _place(numbers)
        sizes = {name: round(numbers[gib] * GIB) for gib, name in _SIZES.items() if gib in numbers}
        rank = self.ranks.get(place, PrintedRank(*place))
        if "graphs_gib" in numbers:
            # Graphs of several kinds are captured one after the other.
            sizes["graphs_bytes"] = (rank.graphs_bytes or 0) + round(numbers["graphs_gib"] * GIB)
        if sizes and (place in self.ranks or len(self.ranks) < _MAX_RANKS):
            self.ranks[place] = replace(rank, **sizes)
        if "kv_tokens" in numbers and len(self.kv_tokens) < _MAX_RANKS:
            self.kv_tokens.append(round(numbers["kv_tokens"]))
        if "total_gib" in numbers and len(self.total_bytes) < _MAX_RANKS:
            self.total_bytes.append(round(numbers["total_gib"] * GIB))
        for name in _FIGURES:
            if name in numbers:
                self.figures.setdefault(name.replace("_", "-"), numbers[name])


def _place(numbers: Mapping[str, float]) -> tuple[int, int, int]:
    return (int(numbers.get("data_index", 0)), int(numbers.get("stage", 0)), int(numbers.get("tensor_index", 0)))


def read_printed(events: Iterable[tuple[str, LogEvent]]) -> Printed:
    """The figures of the last start in a log, of all members together; the smallest pool decides."""
    starts: dict[str, _Start] = {}
    for member, event in events:
        start = starts.setdefault(member, _Start())
        if start.is_over(event):
            start = starts[member] = _Start()
        start.add(event)
    ranks = {place: rank for start in starts.values() for place, rank in start.ranks.items()}
    figures = {name: value for start in starts.values() for name, value in start.figures.items()}
    return Printed(
        ranks=tuple(ranks[place] for place in sorted(ranks)),
        kv_tokens=min((tokens for start in starts.values() for tokens in start.kv_tokens), default=None),
        total_bytes=min((total for start in starts.values() for total in start.total_bytes), default=None),
        figures=tuple(sorted(figures.items())),
    )
