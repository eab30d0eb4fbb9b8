"""`shardwright history`: the revisions of a deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shardwright.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shardwright.core.lifecycle.revision import Revision

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
    from shardwright.cli.output import print_data
    from shardwright.kubernetes.client.kubeconfig import Place
    from shardwright.service import clusters, past

    with clusters.connected(Place(kubeconfig, context, namespace)) as client:
        found = past.history(client, namespace, name)
    if number is not None:
        print_data(past.back_to(found, number).recipe, "json" if output == "json" else "yaml")
    elif output == "table":
        click.echo(_table(found))
    else:
        print_data([_document(each) for each in found], output)


def _table(found: Sequence[Revision]) -> str:
    from shardwright.cli.tables import table

    rows = [
        (str(each.number), each.at, each.outcome, _layout(each), each.digest[:12], each.by, each.message)
        for each in found
    ]
    return table(("REVISION", "AT", "OUTCOME", "LAYOUT", "RECIPE", "BY", "NOTE"), rows, right=(0,))


def _layout(each: Revision) -> str:
    layout: dict[str, object] = each.plan.get("layout") or {}
    return f"TP{layout.get('tensor')} x PP{layout.get('pipeline')}"


def _document(each: Revision) -> dict[str, object]:
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
