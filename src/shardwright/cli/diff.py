"""`shardwright diff`: what an apply would change, and what that means for those who use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shardwright.cli import options, recipes

if TYPE_CHECKING:
    from shardwright.core.plan.types import Plan
    from shardwright.kubernetes.client import Place
    from shardwright.settings import Settings

__all__ = ["EXIT_DIFFERENT", "diff"]

EXIT_DIFFERENT = 5


@click.command(short_help="What an apply would change.")
@options.files
@options.overrides
@options.cluster
@click.option("--force-conflicts", is_flag=True, help="As if fields that somebody else has set were taken over.")
def diff(
    paths: tuple[str, ...], sets: tuple[str, ...], *, context: str, kubeconfig: str, force_conflicts: bool
) -> None:
    """Compare a recipe with what runs, by the cluster's own dry run; ends with 5 if anything differs.

    \b
    shardwright diff -f recipe.yaml
    shardwright diff -f recipe.yaml --set parallelism.tensor=4
    """
    from shardwright.kubernetes.client.kubeconfig import Place
    from shardwright.service import clusters
    from shardwright.settings import load_settings

    settings, place, is_different = load_settings(), Place(kubeconfig, context), False
    for plan in recipes.plans(paths, sets, {}, settings.hub):
        if clusters.is_local(plan.recipe):
            is_different |= _on_this_machine(plan, settings)
        else:
            is_different |= _in_a_cluster(plan, place, force=force_conflicts)
    if is_different:
        raise click.exceptions.Exit(EXIT_DIFFERENT)


def _in_a_cluster(plan: Plan, place: Place, *, force: bool) -> bool:
    from shardwright.cli import check_view, rollout_view
    from shardwright.service import clusters, preparing, rollout

    with clusters.connected(place) as client:
        prepared = rollout.prepare(plan, client, rollout.Options(force=force))
        findings = preparing.surge_findings(plan, client, prepared)
    click.echo(rollout_view.rollout_text(prepared))
    if findings:
        click.echo(check_view.brief(findings))
    return prepared.is_needed


def _on_this_machine(plan: Plan, settings: Settings) -> bool:
    from shardwright.cli import rollout_view
    from shardwright.service import local_past

    found = local_past.changes_of(plan, settings)
    for line in rollout_view.fields_text(found):
        click.echo(line)
    return bool(found)
