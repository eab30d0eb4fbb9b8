"""`shardwright apply`: start a recipe whose target is this machine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from shardwright.cli import options, recipes

if TYPE_CHECKING:
    from shardwright.core.plan.types import Plan
    from shardwright.settings import Settings

__all__ = ["apply"]


@click.command(short_help="Start a recipe whose target is this machine.")
@options.files
@options.overrides
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Follow the start until a request is answered.")
@options.wait(1800)
@click.option("--dry-run", type=click.Choice(["client"]), help="Print what would be started; start nothing.")
def apply(
    paths: tuple[str, ...], sets: tuple[str, ...], *, yes: bool, wait: bool, timeout_seconds: float, dry_run: str | None
) -> None:
    """Plan a recipe, show the plan, ask, and start it. A second apply of the same recipe changes nothing.

    \b
    shardwright apply -f recipe.yaml
    shardwright status NAME; shardwright logs NAME -f; shardwright delete NAME
    """
    from shardwright.cli import plan_view
    from shardwright.cli.output import print_data
    from shardwright.service import applying
    from shardwright.settings import load_settings

    settings = load_settings()
    for plan in recipes.plans(paths, sets, {}, settings.hub):
        if dry_run:
            print_data(applying.manifest_of(plan, settings), "yaml")
            continue
        click.echo(plan_view.plan_text(plan), err=True)
        _confirm(plan, yes=yes)
        applying.apply(plan, settings)
        if wait:
            _follow(plan, settings, timeout_seconds)


def _confirm(plan: Plan, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask on; confirm with -y")
    if not click.confirm(f"start {plan.recipe.metadata.namespace}/{plan.recipe.metadata.name}?", err=True):
        click.echo("declined; nothing was started", err=True)
        raise click.exceptions.Exit(1)


def _follow(plan: Plan, settings: Settings, timeout_seconds: float) -> None:
    from shardwright.cli import start_view
    from shardwright.service import applying

    metadata = plan.recipe.metadata
    try:
        updates = applying.updates(plan, settings, timeout_seconds)
        start_view.follow(updates, plan.layout)
        access = applying.first_answer(plan, settings)
    except TimeoutError as late:
        click.echo(f"shardwright: not ready after {timeout_seconds:.0f} s; it goes on starting", err=True)
        click.echo(f"  see: shardwright status {metadata.name} -n {metadata.namespace}", err=True)
        raise click.exceptions.Exit(124) from late
    except KeyboardInterrupt:
        click.echo(
            f"detached; it goes on starting: shardwright status {metadata.name} -n {metadata.namespace}", err=True
        )
        raise
    click.echo(access)
