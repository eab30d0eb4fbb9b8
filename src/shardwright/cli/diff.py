"""`shardwright diff`: what an apply would change, and what that means for those who use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from shardwright.cli import options, recipes

if TYPE_CHECKING:
    from shardwright.core.plan.types import Plan
    from shardwright.kubernetes.place import Place
    from shardwright.settings import Settings

__all__ = ["EXIT_DIFFERENT", "diff"]

EXIT_DIFFERENT = 5


@click.command(short_help="What an apply would change.")
@options.files
@options.overrides
@options.recipe_namespace
@options.cluster
@click.option("--force-conflicts", is_flag=True, help="As if fields that somebody else has set were taken over.")
@options.output("table", "json", "yaml")
def diff(
    paths: tuple[str, ...],
    sets: tuple[str, ...],
    *,
    namespace: str,
    context: str,
    kubeconfig: str,
    force_conflicts: bool,
    output: str,
) -> None:
    """Compare a recipe with what runs, by the cluster's own dry run; ends with 5 if anything differs.

    \b
    shardwright diff -f recipe.yaml
    shardwright diff -f recipe.yaml --set parallelism.tensor=4
    shardwright diff -f recipe.yaml -o json | jq '.[].changes[].action'
    """
    from shardwright.cli.output import print_data
    from shardwright.kubernetes.place import Place
    from shardwright.service import clusters
    from shardwright.settings import load_settings

    settings, place = load_settings(), Place(kubeconfig, context, namespace)
    documents: list[dict[str, Any]] = []
    for plan in recipes.plans(paths, sets, {}, settings.hub, place):
        if clusters.is_local(plan.recipe):
            text, document = _on_this_machine(plan, settings)
        else:
            text, document = _in_a_cluster(plan, place, force=force_conflicts)
        documents.append(document)
        if output == "table" and text:
            click.echo(text)
    if output != "table":
        print_data(documents, output)
    if any(each["differs"] for each in documents):
        raise click.exceptions.Exit(EXIT_DIFFERENT)


def _in_a_cluster(plan: Plan, place: Place, *, force: bool) -> tuple[str, dict[str, Any]]:
    """As text, and as data."""
    from shardwright.cli import check_view, rollout_view
    from shardwright.service import clusters, preparing, rollout

    with clusters.connected(place) as client:
        prepared = rollout.prepare(plan, client, rollout.Options(force=force))
        findings = preparing.surge_findings(plan, client, prepared)
    texts = [rollout_view.rollout_text(prepared), *([check_view.brief(findings)] if findings else ())]
    document = rollout_view.rollout_document(prepared) | {"findings": check_view.as_data(findings)}
    return "\n".join(texts), document


def _on_this_machine(plan: Plan, settings: Settings) -> tuple[str, dict[str, Any]]:
    from shardwright.cli import rollout_view
    from shardwright.service import local_past

    found, metadata = local_past.changes_of(plan, settings), plan.recipe.metadata
    document = rollout_view.group_document(metadata.namespace, metadata.name, found)
    return "\n".join(rollout_view.fields_text(found)), document
