"""`shardwright apply`: start a recipe on its target: a cluster, or this machine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from shardwright.cli import options, recipes

if TYPE_CHECKING:
    from shardwright.core.plan.types import Plan
    from shardwright.kubernetes.client import Client, Place
    from shardwright.service.rollout import Options, Rollout
    from shardwright.settings import Settings

__all__ = ["apply", "confirm"]

_LOCAL_SECONDS = 1800.0


@click.command(short_help="Start a recipe on its target.")
@options.files
@options.overrides
@options.cluster
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Follow the start until a request is answered.")
@click.option(
    "--timeout",
    "timeout_seconds",
    type=click.FloatRange(min=1),
    metavar="SECONDS",
    help="How long to wait; if omitted, what the plan expects of a start at most, on this machine 1800.",
)
@click.option("--dry-run", type=click.Choice(["client", "server"]), help="Show what would be done; do nothing.")
@click.option("--force-conflicts", is_flag=True, help="Take over fields that somebody else has set.")
@click.option("--recreate", is_flag=True, help="Delete and make anew what cannot be changed in place.")
@click.option("--create-namespace", is_flag=True, help="Make the namespace if it is not there.")
def apply(  # noqa: PLR0913 - the command's options
    paths: tuple[str, ...],
    sets: tuple[str, ...],
    *,
    context: str,
    kubeconfig: str,
    yes: bool,
    wait: bool,
    timeout_seconds: float | None,
    dry_run: str | None,
    force_conflicts: bool,
    recreate: bool,
    create_namespace: bool,
) -> None:
    """Plan a recipe, show the plan and what would change, ask, and do it. A second apply of the same recipe changes nothing.

    \b
    shardwright apply -f recipe.yaml
    shardwright apply -f recipe.yaml --dry-run server
    shardwright status NAME; shardwright logs NAME -f; shardwright delete NAME
    """
    from shardwright.kubernetes.client.kubeconfig import Place
    from shardwright.service import clusters, following, rollout
    from shardwright.settings import load_settings

    settings = load_settings()
    allowed = rollout.Options(force=force_conflicts, recreate=recreate, create_namespace=create_namespace)
    for plan in recipes.plans(paths, sets, {}, settings.hub):
        is_followed = wait and not dry_run
        if clusters.is_local(plan.recipe):
            seconds = (timeout_seconds or _LOCAL_SECONDS) if is_followed else None
            _on_this_machine(plan, settings, yes=yes, seconds=seconds, dry_run=dry_run)
        else:
            seconds = (timeout_seconds or following.budget_seconds(plan)) if is_followed else None
            _on_a_cluster(plan, Place(kubeconfig, context), allowed, yes=yes, seconds=seconds, dry_run=dry_run)


def _on_this_machine(plan: Plan, settings: Settings, *, yes: bool, seconds: float | None, dry_run: str | None) -> None:
    from shardwright.cli import plan_view
    from shardwright.cli.output import print_data
    from shardwright.service import applying

    if dry_run:
        print_data(applying.manifest_of(plan, settings), "yaml")
        return
    click.echo(plan_view.plan_text(plan), err=True)
    confirm(f"start {plan.recipe.metadata.namespace}/{plan.recipe.metadata.name}?", yes=yes)
    applying.apply(plan, settings)
    if seconds is not None:
        _follow(plan, settings, seconds)


def _on_a_cluster(
    plan: Plan, place: Place, allowed: Options, *, yes: bool, seconds: float | None, dry_run: str | None
) -> None:
    from shardwright.cli import plan_view, rollout_view
    from shardwright.service import clusters, following, rendering, rollout

    if dry_run == "client":
        bodies = rollout.manifests_of(plan)
        click.echo(rendering.as_stream(bodies), nl=False)
        return
    click.echo(plan_view.plan_text(plan), err=True)
    with clusters.connected(place) as client:
        prepared = rollout.prepare(plan, client, allowed)
        click.echo(rollout_view.rollout_text(prepared), err=not dry_run)
        if dry_run:
            return
        old = following.replaced_pods(client, prepared) if seconds is not None else frozenset[str]()
        if prepared.is_needed:
            confirm(f"apply to context {client.context}?", yes=yes)
            for step in rollout.carry_out(prepared, client, allowed):
                click.echo(rollout_view.step_text(step), err=True)
        if seconds is not None:
            _prove(client, prepared, seconds, old)


def _prove(client: Client, prepared: Rollout, seconds: float, old: frozenset[str]) -> None:
    """Follow the start, and write down what came of it."""
    from shardwright.cli import waiting
    from shardwright.service import rollout

    def conclude(serves: bool, why: str) -> None:  # noqa: FBT001 - a callback of one meaning
        rollout.conclude(prepared, client, "ready" if serves else "failed", why)

    waiting.wait(client, prepared.namespace, prepared.name, seconds=seconds, old=old, conclude=conclude)


def confirm(question: str, *, yes: bool) -> None:
    """Ask on the terminal; leaves with 1 if declined, and with a usage error where nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask on; confirm with -y")
    if not click.confirm(question, err=True):
        click.echo("declined; nothing was changed", err=True)
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
