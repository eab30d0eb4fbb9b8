"""`shardwright port-forward`: a port of this machine that leads to a deployment in a cluster."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

import click

from shardwright import errors
from shardwright.cli import options

if TYPE_CHECKING:
    from shardwright.kubernetes.place import Place

__all__ = ["port_forward"]

_PORT = 8080
_PORTS = 65536


def _ports(_context: click.Context, _parameter: click.Parameter, given: str) -> tuple[int, int]:
    """`8080`, `8080:8000`, `:8000`; 0 for any free port here, and for the serving port there."""
    found = re.fullmatch(r"(\d*)(?::(\d+))?", given)
    here, there = (int(each or 0) for each in found.groups()) if found and given else (_PORTS, _PORTS)
    if max(here, there) >= _PORTS:
        raise click.BadParameter(f"{given!r}: write LOCAL or LOCAL:REMOTE, numbers below {_PORTS}")
    return here, there


@click.command(name="port-forward", short_help="A port of this machine that leads to a deployment.")
@click.argument("name", metavar="NAME|KIND/NAME")
@click.argument("ports", default=str(_PORT), metavar="[LOCAL[:REMOTE]]", callback=_ports)
@options.namespace
@options.cluster
def port_forward(name: str, ports: tuple[int, int], namespace: str, *, context: str, kubeconfig: str) -> None:
    """Lead a port of this machine, 8080 or LOCAL, to the leader of NAME, until Ctrl-C. LOCAL 0 is any that is free.

    Requests keep their Authorization header, which the API server's own proxy would keep for itself: this is the way in
    for SDKs where the engine wants a key.

    \b
    shardwright port-forward llama -n demo &
    curl http://127.0.0.1:8080/v1/models
    """
    from shardwright.kubernetes.place import Place
    from shardwright.service import observing, whereabouts
    from shardwright.settings import load_settings

    settings, place = load_settings(), Place(kubeconfig, context, namespace)
    found = whereabouts.where(name, settings, place)
    if found.is_here:
        url = observing.status(found.namespace, name, settings)["url"] or "an address that status shows once it serves"
        raise errors.InputError(f"{found.namespace}/{name} runs on this machine", hint=f"ask it at {url}")
    _forward(name, found.place, *ports)


def _forward(name: str, place: Place, local: int, remote: int) -> None:
    from shardwright.service import clusters, forwarding, seeing

    def tell(problem: errors.ShardwrightError) -> None:
        click.echo(f"shardwright: {problem}", err=True)

    with clusters.connected(place) as client:
        subject = seeing.find(client, place.namespace, name)
        with forwarding.forwarded(client, subject, port=local, remote_port=remote, tell=tell) as (url, leader):
            click.echo(f"{url}{subject.parts.base_path} leads to {place.namespace}/{leader}; Ctrl-C ends it")
            threading.Event().wait()
