"""`shardwright logs`: logs of all members of a deployment, or of the one that holds a rank."""

from __future__ import annotations

import click

from shardwright.cli import options

__all__ = ["logs"]


@click.command(short_help="Logs of all members, or of one.")
@click.argument("name")
@options.namespace
@click.option("--rank", type=click.IntRange(min=0), help="Only the member that holds this rank.")
@click.option("-f", "--follow", is_flag=True, help="Go on as lines come.")
def logs(name: str, namespace: str, *, rank: int | None, follow: bool) -> None:
    """Print the logs of NAME, each line after the host that wrote it."""
    from shardwright.service import observing
    from shardwright.settings import load_settings

    for member, line in observing.logs(namespace, name, load_settings(), rank=rank, follow=follow):
        # A progress bar overwrites itself: what it showed last is the line, and the host stays in front of it.
        click.echo(f"host-{member} | {line.rpartition(chr(13))[2]}")
