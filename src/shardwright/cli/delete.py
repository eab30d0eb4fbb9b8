"""`shardwright delete`: end a deployment and remove what belongs to it."""

from __future__ import annotations

import sys

import click

from shardwright.cli import options

__all__ = ["delete"]


@click.command(short_help="End a deployment and remove what belongs to it.")
@click.argument("name")
@options.namespace
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def delete(name: str, namespace: str, *, yes: bool) -> None:
    """End NAME, wait until its last process is gone, and remove its logs and state."""
    from shardwright.service import observing
    from shardwright.settings import load_settings

    settings = load_settings()
    observing.require(namespace, name, settings)
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("there is no terminal to ask on; confirm with -y")
        if not click.confirm(f"end {namespace}/{name} and remove its logs?", err=True):
            click.echo("declined; nothing was changed", err=True)
            raise click.exceptions.Exit(1)
    observing.delete(namespace, name, settings)
    click.echo(f"{namespace}/{name} deleted")
