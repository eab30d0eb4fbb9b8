"""`shardwright delete`: end a deployment and remove what belongs to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shardwright.cli import options

if TYPE_CHECKING:
    from shardwright.kubernetes.place import Place

__all__ = ["delete"]


@click.command(short_help="End a deployment and remove what belongs to it.")
@click.argument("name")
@options.namespace
@options.cluster
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--with-claims", is_flag=True, help="Delete volume claims as well, and the model on them.")
@options.wait(300)
def delete(
    name: str, namespace: str, *, context: str, kubeconfig: str, yes: bool, with_claims: bool, timeout_seconds: float
) -> None:
    """End NAME, wait until the last of it is gone, and remove its history, logs and state. Volume claims are kept."""
    from shardwright.cli.updating import confirm
    from shardwright.kubernetes.place import Place
    from shardwright.service import observing, whereabouts
    from shardwright.settings import load_settings

    settings, place = load_settings(), Place(kubeconfig, context, namespace)
    found = whereabouts.where(name, settings, place, takes_kinds=False)
    if found.is_here:
        confirm(f"end {found.namespace}/{name} and remove its logs?", yes=yes)
        observing.delete(found.namespace, name, settings)
    else:
        _in_the_cluster(name, found.place, yes=yes, with_claims=with_claims, seconds=timeout_seconds)
    click.echo(f"{found.namespace}/{name} deleted")


def _in_the_cluster(name: str, place: Place, *, yes: bool, with_claims: bool, seconds: float) -> None:
    from shardwright.cli import rollout_view
    from shardwright.cli.updating import confirm
    from shardwright.service import clusters, past

    with clusters.connected(place) as client:
        past.history(client, place.namespace, name)
        lost = " and its volume claims" if with_claims else ""
        confirm(f"delete {place.namespace}/{name}{lost} in context {client.context}?", yes=yes)
        for step in past.delete(client, place.namespace, name, with_claims=with_claims, timeout_seconds=seconds):
            click.echo(rollout_view.step_text(step), err=True)
