"""`shardwright apply`: start a recipe on its target: a cluster, or this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shardwright.cli import check, local_start, options, recipes, updating

if TYPE_CHECKING:
    from shardwright.cli.updating import Manner
    from shardwright.core.plan.types import Plan
    from shardwright.kubernetes.client import Client
    from shardwright.kubernetes.place import Place
    from shardwright.service.preparing import Prospect
    from shardwright.service.rollout import Options
    from shardwright.settings import Settings

__all__ = ["apply"]


@click.command(short_help="Start a recipe on its target.")
@options.files
@options.overrides
@options.recipe_namespace
@options.cluster
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@options.follow
@click.option("--dry-run", type=click.Choice(["client", "server"]), help="Show what would be done; do nothing.")
@click.option("--force-conflicts", is_flag=True, help="Take over fields that somebody else has set.")
@click.option("--recreate", is_flag=True, help="Delete and make anew what cannot be changed in place.")
@click.option("--create-namespace", is_flag=True, help="Make the namespace if it is not there.")
@click.option(
    "--secret-from-env",
    "secrets",
    multiple=True,
    metavar="NAME:KEY=VARIABLE",
    help="Make a Secret that the recipe names, its value from an environment variable. Repeatable.",
)
@click.option("--skip-check", is_flag=True, help="Do not look first whether the cluster has what it needs.")
@click.option(
    "--rollback-on-failure", is_flag=True, help="Back to the last revision that served, if this one does not."
)
def apply(  # noqa: PLR0913 - the command's options
    paths: tuple[str, ...],
    sets: tuple[str, ...],
    *,
    namespace: str,
    context: str,
    kubeconfig: str,
    yes: bool,
    wait: bool,
    timeout_seconds: float | None,
    key_from: str,
    dry_run: str | None,
    force_conflicts: bool,
    recreate: bool,
    create_namespace: bool,
    secrets: tuple[str, ...],
    skip_check: bool,
    rollback_on_failure: bool,
) -> None:
    """Plan a recipe, check the cluster, show the plan and what would change, ask, and do it.

    A second apply of the same recipe changes nothing. What the cluster lacks ends it with 4, before anything is written;
    where nothing would be, it is told, and the deployment followed.

    \b
    shardwright apply -f recipe.yaml
    shardwright apply -f recipe.yaml --dry-run server
    shardwright apply -f recipe.yaml --rollback-on-failure
    shardwright status NAME; shardwright logs NAME -f; shardwright delete NAME
    """
    from shardwright.kubernetes.place import Place
    from shardwright.service import clusters, rollout, secret_giving
    from shardwright.settings import load_settings

    if rollback_on_failure and not wait:
        raise click.UsageError("--rollback-on-failure needs --wait: only then a failure is seen")
    settings, place, key = load_settings(), Place(kubeconfig, context, namespace), options.load_key(key_from)
    allowed = rollout.Options(
        force=force_conflicts,
        recreate=recreate,
        create_namespace=create_namespace,
        secrets=secret_giving.load_values(secrets),
        download_seconds=timeout_seconds or rollout.DOWNLOAD_SECONDS,
    )
    for plan in recipes.plans(paths, sets, {}, settings.hub, place):
        if clusters.is_local(plan.recipe):
            _demand_cluster(goes_back=rollback_on_failure, gives=bool(secrets), has_key=bool(key))
            seconds = (timeout_seconds or local_start.DEFAULT_SECONDS) if wait and not dry_run else None
            _on_this_machine(plan, settings, yes=yes, seconds=seconds, dry_run=dry_run)
            continue
        manner = updating.Manner(
            question=f"apply {plan.recipe.metadata.namespace}/{plan.recipe.metadata.name}",
            yes=yes,
            is_followed=wait,
            seconds=timeout_seconds,
            goes_back=rollback_on_failure,
            key=key or secret_giving.engine_key(plan.recipe, allowed.secrets),
            given=place.options,
        )
        _on_a_cluster(plan, place, allowed, manner, dry_run=dry_run, is_checked=not skip_check)


def _demand_cluster(*, goes_back: bool, gives: bool, has_key: bool) -> None:
    if goes_back:
        raise click.UsageError("--rollback-on-failure is for clusters; on this machine: shardwright rollback")
    if gives:
        raise click.UsageError("--secret-from-env is for clusters; here the variables themselves are passed on")
    if has_key:
        raise click.UsageError("--key-from is for clusters; here: shardwright chat NAME --key-from VARIABLE")


def _on_this_machine(plan: Plan, settings: Settings, *, yes: bool, seconds: float | None, dry_run: str | None) -> None:
    from shardwright.cli import plan_view
    from shardwright.cli.output import print_data
    from shardwright.service import applying

    if dry_run:
        print_data(applying.manifest_of(plan, settings), "yaml")
        return
    click.echo(plan_view.plan_text(plan), err=True)
    updating.confirm(f"start {plan.recipe.metadata.namespace}/{plan.recipe.metadata.name}?", yes=yes)
    applying.apply(plan, settings)
    if seconds is not None:
        metadata = plan.recipe.metadata
        local_start.follow(metadata.namespace, metadata.name, settings, seconds)


def _on_a_cluster(
    plan: Plan, place: Place, allowed: Options, manner: Manner, *, dry_run: str | None, is_checked: bool
) -> None:
    from shardwright.cli import plan_view, rollout_view
    from shardwright.service import clusters, rendering, rollout, secret_giving

    if allowed.secrets:
        secret_giving.demand_named(allowed.secrets, [each.body for each in rollout.manifests_of(plan)])
    if dry_run == "client":
        click.echo(rendering.as_stream(rollout.manifests_of(plan)), nl=False)
        return
    click.echo(plan_view.plan_text(plan), err=True)
    with clusters.connected(place) as client:
        looked = _checked(plan, client, allowed) if is_checked else None
        prepared = looked.rollout if looked else rollout.prepare(plan, client, allowed)
        if prepared is not None:
            click.echo(rollout_view.rollout_text(prepared), err=not dry_run)
        if looked is not None and looked.stops:
            raise click.exceptions.Exit(check.EXIT_FINDINGS)
        if prepared is not None and not dry_run:
            updating.update(client, prepared, allowed, manner)


def _checked(plan: Plan, client: Client, allowed: Options) -> Prospect:
    """What it would change, and what the cluster lacks, told."""
    from shardwright.cli import check_view
    from shardwright.service import preparing

    looked = preparing.look(plan, client, allowed)
    click.echo(check_view.brief(looked.findings), err=True)
    return looked
