"""`shardwright rollback`: back to an earlier revision, with its plan as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shardwright.cli import local_start, options, updating

if TYPE_CHECKING:
    from shardwright.cli.updating import Manner
    from shardwright.kubernetes.place import Place
    from shardwright.service.rollout import Options
    from shardwright.settings import Settings

__all__ = ["rollback"]


@click.command(short_help="Back to an earlier revision.")
@click.argument("name")
@options.namespace
@options.cluster
@click.option(
    "--to",
    "number",
    type=click.IntRange(min=1),
    metavar="N",
    help="Revision; if omitted the last that differs, best one that served.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--force-conflicts", is_flag=True, help="Take over fields that somebody else has set.")
@click.option("--recreate", is_flag=True, help="Delete and make anew what cannot be changed in place.")
@click.option("--dry-run", is_flag=True, help="Show what would change; do nothing.")
@options.follow
def rollback(  # noqa: PLR0913 - the command's options
    name: str,
    namespace: str,
    *,
    context: str,
    kubeconfig: str,
    number: int | None,
    yes: bool,
    force_conflicts: bool,
    recreate: bool,
    dry_run: bool,
    wait: bool,
    timeout_seconds: float | None,
    key_from: str,
) -> None:
    """Apply the manifests of an earlier revision of NAME again, as a new revision; nothing is planned anew.

    \b
    shardwright history llama -n demo
    shardwright rollback llama -n demo --to 3
    """
    from shardwright.kubernetes.place import Place
    from shardwright.service import rollout, whereabouts
    from shardwright.settings import load_settings

    settings, place = load_settings(), Place(kubeconfig, context, namespace)
    found = whereabouts.where(name, settings, place, takes_kinds=False)
    if found.is_here:
        if dry_run:
            raise click.UsageError("--dry-run is for clusters; on this machine see: shardwright history NAME")
        if key_from:
            raise click.UsageError("--key-from is for clusters; here: shardwright chat NAME --key-from VARIABLE")
        _on_this_machine(name, found.namespace, number, settings, yes=yes)
        if wait:
            local_start.follow(found.namespace, name, settings, timeout_seconds or local_start.DEFAULT_SECONDS)
        return
    manner = updating.Manner(
        question=f"roll {found.namespace}/{name} back",
        yes=yes,
        is_followed=wait,
        seconds=timeout_seconds,
        key=options.load_key(key_from),
        given=place.options,
    )
    allowed = rollout.Options(force=force_conflicts, recreate=recreate)
    _on_a_cluster(name, number, found.place, allowed, None if dry_run else manner)


def _on_this_machine(name: str, namespace: str, number: int | None, settings: Settings, *, yes: bool) -> None:
    from shardwright.service import local_past

    updating.confirm(f"end {namespace}/{name} and start an earlier revision of it?", yes=yes)
    click.echo(f"back to revision {local_past.roll_back(namespace, name, number, settings)}", err=True)


def _on_a_cluster(name: str, number: int | None, place: Place, allowed: Options, manner: Manner | None) -> None:
    """Without a manner it is only shown."""
    from shardwright.cli import rollout_view
    from shardwright.service import clusters, past

    with clusters.connected(place) as client:
        prepared, wanted = past.prepare_rollback(client, place.namespace, name, number, allowed)
        click.echo(f"back to revision {wanted.number} of {wanted.at} ({wanted.outcome})", err=True)
        click.echo(rollout_view.rollout_text(prepared), err=manner is not None)
        if manner is not None:
            updating.update(client, prepared, allowed, manner)
