"""`shardwright history`: the revisions of a deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from shardwright.cli import options

if TYPE_CHECKING:
    from shardwright.core.lifecycle.revision import Revision
    from shardwright.kubernetes.place import Place

__all__ = ["history"]


@click.command(short_help="The revisions of a deployment.")
@click.argument("name")
@options.namespace
@options.cluster
@click.option("--revision", "number", type=click.IntRange(min=1), metavar="N", help="Print the recipe of this one.")
@options.output("table", "json", "yaml")
def history(name: str, namespace: str, *, context: str, kubeconfig: str, number: int | None, output: str) -> None:
    """Show what NAME was, oldest first: when, by whom, what came of it.

    \b
    shardwright history llama -n demo
    shardwright history llama -n demo --revision 3 > recipe.yaml
    """
    from shardwright import errors
    from shardwright.cli.output import print_data
    from shardwright.kubernetes.place import Place

    found = _documents(name, Place(kubeconfig, context, namespace))
    if number is not None:
        chosen = [each["recipe"] for each in found if each["revision"] == number]
        if not chosen or chosen[0] is None:
            raise errors.NotFound(f"no recipe of revision {number} is kept")
        print_data(chosen[0], "json" if output == "json" else "yaml")
    elif output == "table":
        click.echo(_table(found))
    else:
        print_data(found, output)


def _documents(name: str, place: Place) -> list[dict[str, Any]]:
    from shardwright.service import clusters, local_past, past, whereabouts
    from shardwright.settings import load_settings

    settings = load_settings()
    found = whereabouts.where(name, settings, place, takes_kinds=False)
    if found.is_here:
        return local_past.documents(local_past.history(found.namespace, name, settings))
    with clusters.connected(found.place) as client:
        return [_document(each) for each in past.history(client, found.namespace, name)]


def _table(found: list[dict[str, Any]]) -> str:
    from shardwright.cli.tables import table

    rows = [
        (
            str(each["revision"]),
            each["at"],
            each["outcome"],
            _layout(each["plan"]),
            each["recipeDigest"][:12],
            each["by"],
            each["message"],
        )
        for each in found
    ]
    return table(("REVISION", "AT", "OUTCOME", "LAYOUT", "RECIPE", "BY", "NOTE"), rows, right=(0,))


def _layout(plan: dict[str, Any]) -> str:
    layout: dict[str, object] = plan.get("layout") or {}
    return f"TP{layout.get('tensor')} x PP{layout.get('pipeline')}"


def _document(each: Revision) -> dict[str, Any]:
    return {
        "revision": each.number,
        "at": each.at,
        "by": each.by,
        "outcome": each.outcome,
        "message": each.message,
        "recipeDigest": each.digest,
        "recipe": each.recipe,
        "plan": each.plan,
    }
