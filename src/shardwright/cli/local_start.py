"""`--wait` on this machine: the start of a group as it goes, its first answer, and how to ask it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shardwright.cli import waiting

if TYPE_CHECKING:
    from shardwright.settings import Settings

__all__ = ["DEFAULT_SECONDS", "follow"]

DEFAULT_SECONDS = 1800.0


def follow(namespace: str, name: str, settings: Settings, seconds: float) -> None:
    """Follow it until it answered; leaves with 124 if that takes longer, with the group's own error if it ends."""
    from shardwright.cli import start_view
    from shardwright.service import applying

    see = f"shardwright status {name} -n {namespace}"
    try:
        updates, layout = applying.updates(namespace, name, settings, seconds)
        start_view.follow(updates, layout)
        access = applying.first_answer(namespace, name, settings)
    except TimeoutError as late:
        click.echo(f"shardwright: not ready after {seconds:.0f} s; it goes on starting", err=True)
        click.echo(f"  see: {see}", err=True)
        raise click.exceptions.Exit(waiting.EXIT_LATE) from late
    except KeyboardInterrupt:
        click.echo(f"detached; it goes on starting: {see}", err=True)
        raise
    click.echo(access)
