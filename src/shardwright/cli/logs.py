"""`shardwright logs`: logs of all members of a deployment as one, or of the one that holds a rank."""

from __future__ import annotations

import collections
import re
from typing import TYPE_CHECKING

import click

from shardwright import errors
from shardwright.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shardwright.kubernetes.place import Place
    from shardwright.service.cluster_logs import Wanted
    from shardwright.settings import Settings

__all__ = ["logs"]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(_context: click.Context, _parameter: click.Parameter, given: str) -> int | None:
    """`90`, `90s`, `5m`, `1h30m` in seconds; None if it is not given."""
    if not given:
        return None
    found = re.findall(r"(\d+)([smhd]?)", given)
    if "".join(number + unit for number, unit in found) != given:
        raise click.BadParameter(f"{given!r} is no time; write 90s, 5m or 1h30m")
    return sum(int(number) * _UNITS[unit or "s"] for number, unit in found)


@click.command(short_help="Logs of all members, or of one.")
@click.argument("name", metavar="NAME|KIND/NAME")
@options.namespace
@options.cluster
@click.option("--rank", type=click.IntRange(min=0), help="Only the member that holds this rank.")
@click.option("-f", "--follow", is_flag=True, help="Go on as lines come.")
@click.option(
    "--since", "since_seconds", default="", callback=_seconds, metavar="TIME", help="Only the last 90s, 5m, 1h."
)
@click.option("--tail", type=click.IntRange(min=0), help="Only so many last lines of each member.")
@click.option("-p", "--previous", is_flag=True, help="Of the run before the last restart.")
def logs(  # noqa: PLR0913 - the command's options
    name: str,
    namespace: str,
    *,
    context: str,
    kubeconfig: str,
    rank: int | None,
    follow: bool,
    since_seconds: int | None,
    tail: int | None,
    previous: bool,
) -> None:
    """Print the logs of NAME, the lines of all its members by time, each after who wrote it: `[0.1 rank 2-3]`.

    That is the replica, the member in it, and the ranks that it holds; on this machine it is the host. KIND/NAME is any
    object of a cluster: lws/NAME, isvc/NAME, llmisvc/NAME, raycluster/NAME, rayservice/NAME, deploy/NAME.

    \b
    shardwright logs llama -n demo --rank 3 -f
    shardwright logs isvc/llama -n demo --since 10m --tail 100
    """
    from shardwright.kubernetes.place import Place
    from shardwright.service import whereabouts
    from shardwright.service.cluster_logs import Wanted
    from shardwright.settings import load_settings

    settings, place = load_settings(), Place(kubeconfig, context, namespace)
    wanted = Wanted(rank=rank, follow=follow, since_seconds=since_seconds, tail=tail, previous=previous)
    found = whereabouts.where(name, settings, place)
    if found.is_here:
        _on_this_machine(name, found.namespace, settings, wanted)
    else:
        _in_the_cluster(name, found.place, wanted)


def _in_the_cluster(name: str, place: Place, wanted: Wanted) -> None:
    from shardwright.core.lifecycle.merging import prefix_of
    from shardwright.service import cluster_logs, clusters, seeing

    with clusters.connected(place) as client:
        subject = seeing.find(client, place.namespace, name)
        for line in cluster_logs.read(client, subject, wanted):
            if isinstance(line, cluster_logs.Note):
                click.echo(f"shardwright: {line.text}", err=True)
            else:
                click.echo(f"{prefix_of(line.source)} {line.text.rpartition(chr(13))[2]}")


def _on_this_machine(name: str, namespace: str, settings: Settings, wanted: Wanted) -> None:
    from shardwright.service import observing

    if wanted.previous or wanted.since_seconds is not None:
        raise errors.InputError(
            "--previous and --since: logs on this machine have no times, and no member is started again",
            hint="--tail 100 shows the last lines of each host",
        )
    lines = observing.logs(namespace, name, settings, rank=wanted.rank, follow=wanted.follow)
    kept = lines if wanted.tail is None or wanted.follow else _last(lines, wanted.tail)
    for member, line in kept:
        # A progress bar overwrites itself: what it showed last is the line, and the host stays in front of it.
        click.echo(f"host-{member} | {line.rpartition(chr(13))[2]}")


def _last(lines: Iterable[tuple[int, str]], count: int) -> Iterator[tuple[int, str]]:
    """The last lines of each host."""
    kept: dict[int, collections.deque[str]] = {}
    for member, line in lines:
        kept.setdefault(member, collections.deque(maxlen=count)).append(line)
    return ((member, line) for member, found in kept.items() for line in found)
