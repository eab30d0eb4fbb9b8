"""A group's start, live: a table that redraws itself on a terminal, one plain line a change elsewhere. On stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from shardwright.units import format_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.table import Table

    from shardwright.core.layout import Layout
    from shardwright.core.progress import RankProgress
    from shardwright.service.watching import Update

__all__ = ["follow"]


def follow(updates: Iterable[Update], layout: Layout) -> list[Update]:
    """Show updates as they come and return them all."""
    shown = _on_terminal(updates, layout) if sys.stderr.isatty() else _as_lines(updates)
    return list(shown)


def _as_lines(updates: Iterable[Update]) -> Iterator[Update]:
    seen = ""
    for update in updates:
        rank = update.rank
        if rank is not None:
            place = f"rank {rank.rank} on host-{rank.node}"
            click.echo(f"{update.seconds:6.1f} s  {place}: {rank.phase} ({rank.percent} %)", err=True)
        elif update.state != seen:
            click.echo(f"{update.seconds:6.1f} s  group: {update.state}", err=True)
        seen = update.state
        yield update


def _on_terminal(updates: Iterable[Update], layout: Layout) -> Iterator[Update]:
    from rich.console import Console
    from rich.live import Live

    from shardwright.core.progress import RankProgress

    ranks = [RankProgress(rank.index, rank.node) for rank in layout.ranks]
    with Live(_table(ranks, "preparing", 0), console=Console(stderr=True), refresh_per_second=8) as live:
        for update in updates:
            if update.rank is not None:
                ranks[update.rank.rank] = update.rank
            live.update(_table(ranks, update.state, update.seconds))
            yield update


def _table(ranks: list[RankProgress], state: str, seconds: float) -> Table:
    from rich import box
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    table = Table(title=f"{state}, {format_seconds(seconds)}", title_justify="left", box=box.SIMPLE, pad_edge=False)
    for heading in ("RANK", "HOST", "PHASE", "", "%"):
        table.add_column(heading)
    for rank in ranks:
        bar = ProgressBar(total=100, completed=rank.percent, width=30)
        table.add_row(str(rank.rank), f"host-{rank.node}", rank.phase, bar, str(rank.percent))
    return table
