"""`make demo`: the example planned, rendered and rehearsed, by the very commands that a user would type."""

from __future__ import annotations

import sys
import time

import click

from shardwright.cli import main
from shardwright.units import format_seconds

__all__ = ["demo"]


def demo(recipe: str, out: str) -> None:
    """Run the three commands on a recipe, each after a line that shows it; leaves with the first failure."""
    for arguments in (
        ("plan", "-f", recipe),
        ("render", "-f", recipe, "--out", out),
        ("rehearse", "-f", recipe),
    ):
        click.secho(f"\n$ shardwright {' '.join(arguments)}", bold=True)
        started = time.monotonic()
        _run(arguments)
        click.secho(f"({format_seconds(time.monotonic() - started)})", dim=True)


def _run(arguments: tuple[str, ...]) -> None:
    try:
        main.run(arguments)
    except SystemExit as leaving:
        if leaving.code:
            raise


if __name__ == "__main__":
    demo(*sys.argv[1:3])
