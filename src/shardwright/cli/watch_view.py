"""A deployment as it changes: a table that redraws itself on a terminal, elsewhere one plain line or one JSON line a change."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from typing import TYPE_CHECKING

import click

from shardwright.units import format_passed, format_seconds
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import ConsoleDimensions, RenderableType

    from shardwright.core.lifecycle.happenings import Happening
    from shardwright.core.lifecycle.starts import RankStart
    from shardwright.service.following import View
    from shardwright.service.local_watching import Moment

__all__ = ["Frame", "Row", "frame_of", "frames_of", "line_of", "picture", "show"]

_LAST = 6
"""Things that happened which stand below the table."""
_SPARE_LINES = 14
_NARROW, _WIDE = 70, 100
"""Columns below which pods, nodes and figures are left out, so that state and phase can be read; and from which there is a
bar."""
_BAR = 20


@frozen(kw_only=True)
class Row:
    """One rank; or one member, where nothing is known of ranks."""

    place: str
    member: str
    node: str = ""
    state: str = ""
    start: RankStart | None = None
    phase_seconds: float | None = None
    """How long it is in its phase; None where that is not known."""


@frozen(kw_only=True)
class Frame:
    """What is shown at one moment."""

    seconds: float
    namespace: str
    name: str
    state: str
    rows: tuple[Row, ...]
    news: tuple[Happening, ...] = ()
    note: str = ""
    expected_seconds: float = 0
    """How long a start may take at most; 0 where that is not known."""


def frame_of(view: View, expected_seconds: float = 0) -> Frame:
    """A view of a cluster's deployment."""
    unfollowed = view.unfollowed
    note = (
        f"logs not followed, there are too many: {unfollowed[0]} and {len(unfollowed) - 1} more" if unfollowed else ""
    )
    snapshot = view.snapshot
    return Frame(
        seconds=view.seconds,
        namespace=snapshot.namespace,
        name=snapshot.name,
        state=view.state,
        rows=tuple(_rows(view)),
        news=view.news,
        note=note,
        expected_seconds=expected_seconds,
    )


def _rows(view: View) -> Iterator[Row]:
    for member in view.snapshot.members:
        starts = [each for each in view.starts if (each.replica, each.member) == (member.group, member.index)]
        state = f"{member.state} {member.reason}".strip()
        place = f"{member.group}.{member.index}"
        whole = Row(place=place, member=member.name, node=member.node, state=state)
        if not starts or member.state == "ending":
            yield whole
        for start in starts if member.state != "ending" else ():
            rank = "" if start.rank is None else f" rank {start.rank}"
            passed = start.seconds(time.time())
            yield dataclasses.replace(whole, place=f"{place}{rank}", start=start, phase_seconds=passed)


def frames_of(moments: Iterable[Moment], namespace: str, name: str) -> Iterator[Frame]:
    """What happens on this machine."""
    rows: dict[int, Row] = {}
    for moment in moments:
        start = moment.start
        if start is not None and start.rank is not None:
            rows[start.rank] = Row(
                place=f"0.{start.member} rank {start.rank}", member=f"host-{start.member}", start=start
            )
        yield Frame(
            seconds=moment.seconds,
            namespace=namespace,
            name=name,
            state=moment.state,
            rows=tuple(rows[rank] for rank in sorted(rows)),
            news=(moment.news,),
        )


def show(frames: Iterable[Frame], output: str, *, err: bool = False, at_most_seconds: float = 0) -> Iterator[Frame]:
    """Show frames as they come, on stderr if `err`; gives them on. `output`: text or json."""
    stream = sys.stderr if err else sys.stdout
    if output == "json":
        return _as_json(frames)
    return _on_terminal(frames, at_most_seconds, err=err) if stream.isatty() else _as_lines(frames, err=err)


def line_of(seconds: float, news: Happening) -> str:
    """One thing that happened."""
    return f"{seconds:6.1f} s  {news}"


def _as_lines(frames: Iterable[Frame], *, err: bool) -> Iterator[Frame]:
    note = ""
    for frame in frames:
        for news in frame.news:
            click.echo(line_of(frame.seconds, news), err=err)
        if frame.note != note:
            note = frame.note
            click.echo(f"{frame.seconds:6.1f} s  {note or 'all logs are followed'}", err=err)
        yield frame


def _as_json(frames: Iterable[Frame]) -> Iterator[Frame]:
    for frame in frames:
        for news in frame.news:
            click.echo(json.dumps(document_of(frame, news), ensure_ascii=False))
        sys.stdout.flush()
        yield frame


def document_of(frame: Frame, news: Happening) -> dict[str, object]:
    """One line of the stream; what does not apply is null."""
    return {
        "seconds": round(frame.seconds, 1),
        "namespace": frame.namespace,
        "name": frame.name,
        "what": news.what,
        "subject": news.subject,
        "state": news.state or None,
        "replica": news.replica,
        "member": news.member,
        "rank": news.rank,
        "phase": news.phase or None,
        "percent": news.percent,
        "phaseSeconds": None if news.phase_seconds is None else round(news.phase_seconds, 1),
        "expectedSeconds": None if news.expected_seconds is None else round(news.expected_seconds, 1),
        "node": news.node or None,
        "text": news.text or None,
    }


def _on_terminal(frames: Iterable[Frame], at_most_seconds: float, *, err: bool) -> Iterator[Frame]:
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=err)
    told: list[str] = []
    with Live(console=console, refresh_per_second=8, transient=False) as live:
        for frame in frames:
            shown = [line_of(frame.seconds, news) for news in frame.news if news.what not in {"rank", "state"}]
            told = [*told, *shown][-_LAST:]
            live.update(picture(frame, told, at_most_seconds, console.size))
            yield frame


def picture(frame: Frame, told: Sequence[str], at_most_seconds: float, size: ConsoleDimensions) -> RenderableType:
    """What a terminal of that size shows; `told`: what happened last."""
    from rich.console import Group
    from rich.text import Text

    limit = f" of at most {format_seconds(at_most_seconds)}" if at_most_seconds else ""
    if frame.expected_seconds and frame.state not in {"ready", "ending", "absent"}:
        limit = f"; a start may take {format_seconds(frame.expected_seconds)}"
    head = f"{frame.namespace}/{frame.name}: {frame.state}, {format_seconds(frame.seconds)}{limit}"
    rows, hidden = _visible(frame.rows, max(4, size.height - _SPARE_LINES))
    below = [*([f"{hidden} more, all further on"] if hidden else []), *([frame.note] if frame.note else []), *told]
    return Group(
        Text(head, style="bold"),
        _table(rows, size.width),
        *(Text(line, overflow="ellipsis", no_wrap=True) for line in below),
    )


def _visible(rows: Sequence[Row], count: int) -> tuple[list[Row], int]:
    """Where there are more than fit, the slowest; in their order."""
    if len(rows) <= count:
        return list(rows), 0
    slow = sorted(range(len(rows)), key=lambda place: (_percent(rows[place]), place))
    return [rows[place] for place in sorted(slow[:count])], len(rows) - count


def _percent(row: Row) -> int:
    return row.start.percent if row.start else 0


def _table(rows: Sequence[Row], width: int) -> RenderableType:
    """On a narrow terminal the place says which pod it is, and the percentage how far."""
    from rich import box
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    headings = ["MEMBER", "STATE", "PHASE", "%"]
    if width >= _NARROW:
        headings = ["MEMBER", "POD", "NODE", "STATE", "PHASE", *([""] if width >= _WIDE else []), "%", ""]
    table = Table(box=box.SIMPLE, pad_edge=False, padding=(0, 1) if width >= _WIDE else (0, 1, 0, 0))
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    for row in rows:
        place = (
            (row.place, row.member, row.node, row.state)
            if width >= _NARROW
            else (row.place, row.state.partition(" ")[0])
        )
        if row.start is None:
            table.add_row(*place)
            continue
        bar = [ProgressBar(total=100, completed=row.start.percent, width=_BAR)] if width >= _WIDE else []
        told = (format_passed(row.phase_seconds, row.start.expected_seconds), row.start.text)
        figures = [", ".join(part for part in told if part)] if width >= _NARROW else []
        table.add_row(*place, row.start.phase, *bar, str(row.start.percent), *figures)
    return table
