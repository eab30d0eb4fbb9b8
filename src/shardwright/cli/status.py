"""`shardwright status`: what runs here or in a cluster, how far its start-up is, and how to ask it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from shardwright import errors
from shardwright.cli import options

if TYPE_CHECKING:
    from collections.abc import Callable

    from shardwright.kubernetes.place import Place
    from shardwright.settings import Settings

__all__ = ["status"]


@click.command(short_help="What runs, and how far its start-up is.")
@click.argument("name", required=False, metavar="[NAME|KIND/NAME]")
@click.option(
    "-n",
    "--namespace",
    default="",
    metavar="NAME",
    help="Namespace; if omitted, the context's in a cluster, and on this machine `default` for NAME and all for the list.",
)
@click.option("-A", "--all-namespaces", is_flag=True, help="List all namespaces of the cluster.")
@options.cluster
@click.option("--gpu", "with_devices", is_flag=True, help="Ask the driver in every pod: used memory beside the plan's.")
@options.output("table", "wide", "json", "yaml", "name")
def status(
    name: str | None,
    namespace: str,
    *,
    all_namespaces: bool,
    context: str,
    kubeconfig: str,
    with_devices: bool,
    output: str,
) -> None:
    """Show the deployment NAME, or all: those of this machine, and those of the context's namespace in its cluster.

    A cluster that --context or --kubeconfig names is meant alone. KIND/NAME is any object of a cluster, whoever made it:
    lws/NAME, isvc/NAME, llmisvc/NAME, raycluster/NAME, rayservice/NAME, deploy/NAME.

    \b
    shardwright status
    shardwright status -A --context prod
    shardwright status llama -n demo -o wide --gpu
    shardwright status isvc/llama -n demo --context prod
    """
    from shardwright.kubernetes.place import Place
    from shardwright.settings import load_settings

    settings, place = load_settings(), Place(kubeconfig, context, namespace)
    if all_namespaces and (name or namespace):
        other = f"-n {namespace}" if namespace else name
        raise errors.InputError(
            f"-A and {other}: all namespaces are listed, and one is asked for", hint=f"leave out -A, or {other}"
        )
    if name is None:
        _list(settings, place, output, all_namespaces=all_namespaces)
    else:
        _one(name, settings, place, output, with_devices=with_devices)


def _one(name: str, settings: Settings, place: Place, output: str, *, with_devices: bool) -> None:
    from shardwright.cli import status_view
    from shardwright.service import clusters, observing, seeing, whereabouts

    spot = whereabouts.where(name, settings, place)
    if not spot.is_here:
        with clusters.connected(spot.place) as client:
            found = seeing.status(client, spot.namespace, name, with_devices=with_devices, given=place.options)
        text = status_view.cluster_one
    elif with_devices:
        raise errors.InputError("--gpu: groups on this machine run without GPUs", hint="leave --gpu out")
    else:
        found, text = observing.status(spot.namespace, name, settings), status_view.machine_one
    _print(found, output, lambda: text(found, wide=output == "wide"), [found])


def _list(settings: Settings, place: Place, output: str, *, all_namespaces: bool) -> None:
    from shardwright.cli import status_view
    from shardwright.service import listing

    found = listing.all_deployments(place, settings, all_namespaces=all_namespaces)
    rows = list(found.rows)
    if not rows and output in {"table", "wide"}:
        click.echo(f"nothing is deployed {found.places}", err=True)
    else:
        _print(rows, output, lambda: status_view.list_text(rows, found.sides), rows)
    if found.unasked is not None:
        sys.stdout.flush()
        click.echo(f"shardwright: the cluster is left out: {found.unasked}", err=True)


def _print(data: object, output: str, text: Callable[[], str], found: list[dict[str, Any]]) -> None:
    from shardwright.cli.output import print_data

    if output in {"json", "yaml"}:
        print_data(data, output)
    elif output == "name":
        for one in found:
            click.echo(f"deployment/{one['name']}")
    else:
        click.echo(text())
