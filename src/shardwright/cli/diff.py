"""`shardwright diff`: what an apply would change, and what that means for those who use it."""

from __future__ import annotations

import click

from shardwright.cli import options, recipes

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
    from shardwright.cli import rollout_view
    from shardwright.kubernetes.client.kubeconfig import Place
    from shardwright.service import clusters, rollout
    from shardwright.settings import load_settings

    is_different = False
    with clusters.connected(Place(kubeconfig, context)) as client:
        for plan in recipes.plans(paths, sets, {}, load_settings().hub):
            prepared = rollout.prepare(plan, client, rollout.Options(force=force_conflicts))
            click.echo(rollout_view.rollout_text(prepared))
            is_different |= prepared.is_needed
    if is_different:
        raise click.exceptions.Exit(EXIT_DIFFERENT)
