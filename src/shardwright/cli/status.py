"""`shardwright status`: what runs here or in a cluster, how far its start-up is, and how to ask it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from shardwright import errors
from shardwright.cli import options

if TYPE_CHECKING:
    from collections.abc import Callable

    from shardwright.kubernetes.client import Place
    from shardwright.settings import Settings

__all__ = ["status"]


@click.command(short_help="What runs, and how far its start-up is.")
@click.argument("name", required=False, metavar="[NAME|KIND/NAME]")
@click.option("-n", "--namespace", help="Namespace; `default` for one deployment, all for the list.")
@options.cluster
@click.option("--gpu", "with_devices", is_flag=True, help="Ask the driver in every pod: used memory beside the plan's.")
@options.output("table", "wide", "json", "yaml", "name")
def status(
    name: str | None, namespace: str | None, *, context: str, kubeconfig: str, with_devices: bool, output: str
) -> None:
    """Show the deployment NAME, or all: of this machine, or of the cluster that is named or has it.

    KIND/NAME is any object of a cluster, whoever made it: lws/NAME, isvc/NAME, llmisvc/NAME, raycluster/NAME,
    rayservice/NAME, deploy/NAME.

    \b
    shardwright status
    shardwright status llama -n demo -o wide --gpu
    shardwright status isvc/llama -n demo --context prod
    """
    from shardwright.kubernetes.client.kubeconfig import Place
    from shardwright.settings import load_settings

    settings = load_settings()
    place = Place(kubeconfig, context, namespace or "")
    if name is None:
        _list(namespace, settings, place, output)
    else:
        _one(name, namespace or "default", settings, place, output, with_devices=with_devices)


def _one(name: str, namespace: str, settings: Settings, place: Place, output: str, *, with_devices: bool) -> None:
    from shardwright.cli import status_view
    from shardwright.service import clusters, observing, seeing, whereabouts

    if "/" in name or whereabouts.where(name, namespace, settings, place) == "cluster":
        with clusters.connected(place) as client:
            inside = place.namespace or client.namespace
            found = seeing.status(client, inside, name, with_devices=with_devices, given=place.options)
        text = status_view.cluster_one
    elif with_devices:
        raise errors.InputError("--gpu: groups on this machine run without GPUs", hint="leave --gpu out")
    else:
        found, text = observing.status(namespace, name, settings), status_view.machine_one
    _print(found, output, lambda: text(found, wide=output == "wide"), [found])


def _list(namespace: str | None, settings: Settings, place: Place, output: str) -> None:
    from shardwright.cli import status_view
    from shardwright.service import clusters, observing, seeing

    if place.context or place.kubeconfig:
        with clusters.connected(place) as client:
            found, text = seeing.all_statuses(client, namespace or ""), status_view.cluster_list
            where = f"in context {client.context}"
    else:
        found, text = observing.all_statuses(namespace, settings), status_view.machine_list
        where = "on this machine"
    if not found and output in {"table", "wide"}:
        click.echo(f"nothing is deployed {where}", err=True)
    else:
        _print(found, output, lambda: text(found), found)


def _print(data: object, output: str, text: Callable[[], str], found: list[dict[str, Any]]) -> None:
    from shardwright.cli.output import print_data

    if output in {"json", "yaml"}:
        print_data(data, output)
    elif output == "name":
        for one in found:
            click.echo(f"deployment/{one['name']}")
    else:
        click.echo(text())
