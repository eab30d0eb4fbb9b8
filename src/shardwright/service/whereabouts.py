"""Where a deployment is that a command names: on this machine, or in the cluster of a kubeconfig."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from shardwright import errors
from shardwright.service import clusters, observing

if TYPE_CHECKING:
    from shardwright.kubernetes.client import Place
    from shardwright.settings import Settings

__all__ = ["where"]


def where(name: str, namespace: str, settings: Settings, place: Place) -> Literal["machine", "cluster"]:
    """Whoever names a cluster means it; else this machine is looked at first. NotFound if it is nowhere."""
    if place.context or place.kubeconfig:
        return "cluster"
    try:
        observing.require(namespace, name, settings)
    except errors.NotFound as missing:
        return _in_the_cluster(name, namespace, place, missing)
    return "machine"


def _in_the_cluster(name: str, namespace: str, place: Place, missing: errors.NotFound) -> Literal["cluster"]:
    """The cluster that is at hand, if the deployment is there; what was missing here where there is none at hand."""
    from shardwright.kubernetes.live import revisions  # noqa: PLC0415 - see clusters

    try:
        client = clusters.connected(place)
    except errors.AccessError as unreachable:
        told = f"{missing.message}; and no cluster was asked: {unreachable.message}"
        hints = "; for a cluster: ".join(hint for hint in (missing.hint, unreachable.hint) if hint)
        raise errors.NotFound(told, hint=hints) from None
    with client:
        revisions.newest(client, namespace, name)
    return "cluster"
