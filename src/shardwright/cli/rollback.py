"""`shardwright rollback`: back to an earlier revision, with its plan as it was."""

from __future__ import annotations

import click

from shardwright.cli import options

__all__ = ["rollback"]


@click.command(short_help="Back to an earlier revision.")
@click.argument("name")
@options.namespace
@options.cluster
@click.option(
    "--to", "number", type=click.IntRange(min=1), metavar="N", help="Revision; the last that served if omitted."
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--force-conflicts", is_flag=True, help="Take over fields that somebody else has set.")
@click.option("--recreate", is_flag=True, help="Delete and make anew what cannot be changed in place.")
@click.option("--dry-run", is_flag=True, help="Show what would change; do nothing.")
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
) -> None:
    """Apply the manifests of an earlier revision of NAME again, as a new revision; nothing is planned anew.

    \b
    shardwright history llama -n demo
    shardwright rollback llama -n demo --to 3
    """
    from shardwright.cli import apply, rollout_view
    from shardwright.kubernetes.client.kubeconfig import Place
    from shardwright.service import clusters, local_past, past, rollout, whereabouts
    from shardwright.settings import load_settings

    settings, place = load_settings(), Place(kubeconfig, context, namespace)
    if whereabouts.where(name, namespace, settings, place) == "machine":
        if dry_run:
            raise click.UsageError("--dry-run is for clusters; on this machine see: shardwright history NAME")
        apply.confirm(f"end {namespace}/{name} and start an earlier revision of it?", yes=yes)
        click.echo(f"back to revision {local_past.roll_back(namespace, name, number, settings)}", err=True)
        return
    allowed = rollout.Options(force=force_conflicts, recreate=recreate)
    with clusters.connected(place) as client:
        prepared, wanted = past.prepare_rollback(client, namespace, name, number, allowed)
        click.echo(f"back to revision {wanted.number} of {wanted.at} ({wanted.outcome})", err=True)
        click.echo(rollout_view.rollout_text(prepared), err=not dry_run)
        if dry_run or not prepared.is_needed:
            return
        apply.confirm(f"roll {namespace}/{name} back in context {client.context}?", yes=yes)
        for step in rollout.carry_out(prepared, client, allowed):
            click.echo(rollout_view.step_text(step), err=True)
