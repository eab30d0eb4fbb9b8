"""Use case: all deployments in sight: those of this machine, and of a namespace of the cluster that is at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from shardwright import errors
from shardwright.kubernetes.place import NoContext
from shardwright.service import clusters, seeing
from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.kubernetes.client import Client
    from shardwright.kubernetes.place import Place
    from shardwright.settings import Settings

__all__ = ["Listing", "all_deployments"]


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
    return tuple(head | each for each in seeing.all_statuses(client, namespace)), told
