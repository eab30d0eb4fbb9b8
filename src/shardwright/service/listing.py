"""Use case: all deployments in sight: those of this machine, and of a namespace of the cluster that is at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from shardwright import errors
from shardwright.core.lifecycle.snapshot import state_of
from shardwright.kubernetes.place import NoContext
from shardwright.service import clusters
from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.kubernetes.client import Client
    from shardwright.kubernetes.live.overview import Overlooked
    from shardwright.kubernetes.place import Place
    from shardwright.settings import Settings

__all__ = ["Listing", "all_deployments", "statuses"]


@frozen(kw_only=True)
class Listing:
    """What was found, and where was looked."""

    rows: tuple[dict[str, Any], ...]
    """One line's worth of each as JSON values, `where` and `context` among them."""
    sides: frozenset[Literal["machine", "cluster"]]
    """Where was looked, as far as that can be told."""
    places: str
    """The same in words: `on this machine, nor in namespace demo of context prod`."""
    unasked: errors.ShardwrightError | None = None
    """Why the cluster at hand could not be asked."""


def all_deployments(place: Place, settings: Settings, *, all_namespaces: bool = False) -> Listing:
    """A cluster that is named is meant alone, and has to answer; else this machine's stand beside those of one at hand.

    Without a namespace all of this machine are meant, and in a cluster those of the context's.
    """
    if place.is_named:
        with clusters.connected(place) as client:
            rows, told = _of_the_cluster(client, all_namespaces=all_namespaces)
        return Listing(rows=rows, sides=frozenset({"cluster"}), places=told)
    here = _of_this_machine(place.namespace, settings)
    if not place.has_cluster():
        return Listing(rows=here, sides=frozenset({"machine"}), places="on this machine")
    try:
        with clusters.reached(place) as client:
            there, told = _of_the_cluster(client, all_namespaces=all_namespaces)
    except errors.ShardwrightError as problem:
        unasked = None if isinstance(problem, NoContext) else problem
        return Listing(rows=here, sides=frozenset({"machine"}), places="on this machine", unasked=unasked)
    sides: frozenset[Literal["machine", "cluster"]] = frozenset({"machine", "cluster"})
    return Listing(rows=(*here, *there), sides=sides, places=f"on this machine, nor {told}")


def _of_this_machine(namespace: str, settings: Settings) -> tuple[dict[str, Any], ...]:
    """With the keys that rows of a cluster have, besides its own."""
    from shardwright.service import observing  # noqa: PLC0415 - takes 50 ms, and who names a cluster asks it alone

    found = observing.all_statuses(namespace or None, settings)
    return tuple(
        {
            "where": "machine",
            "context": None,
            **each,
            "target": "local",
            "ready": f"{int(each['state'] == 'ready')}/1",
        }
        for each in found
    )


def _of_the_cluster(client: Client, *, all_namespaces: bool) -> tuple[tuple[dict[str, Any], ...], str]:
    """The rows, and where was looked."""
    namespace = "" if all_namespaces else client.namespace
    told = f"in namespace {namespace} of context {client.context}" if namespace else f"in context {client.context}"
    head = {"where": "cluster", "context": client.context}
    return tuple(head | each for each in statuses(client, namespace)), told


def statuses(client: Client, namespace: str) -> list[dict[str, Any]]:
    """One line's worth of every deployment of a namespace, or of all."""
    from shardwright.kubernetes.live import overview  # noqa: PLC0415 - see clusters

    return [_line_of(each) for each in overview.all_of(client, namespace)]


def _line_of(found: Overlooked) -> dict[str, Any]:
    head, snapshot = found.head, found.snapshot
    ready = sum(each.state == "ready" for each in snapshot.members if each.index == 0) if snapshot else 0
    return {
        "namespace": head.namespace,
        "name": head.name,
        "target": head.target,
        "state": state_of(snapshot) if snapshot else "absent",
        "ready": f"{ready}/{snapshot.replicas if snapshot else '?'}",
        "layout": head.layout,
        "revision": head.number,
    }
