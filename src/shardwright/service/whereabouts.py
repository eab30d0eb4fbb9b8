"""Where a deployment is that a command names: on this machine, or in the cluster of a kubeconfig; and in which namespace.

Without -n that is `default` on this machine, and in a cluster the namespace of the context, as kubectl has it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.service import clusters, observing
from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.kubernetes.place import Place
    from shardwright.settings import Settings

__all__ = ["HERE", "Found", "where"]

HERE = "default"
"""Namespace of this machine, where none is given."""


@frozen
class Found:
    """Where it is."""

    place: Place
    """Its namespace is always told."""
    is_here: bool
    """On this machine."""

    @property
    def namespace(self) -> str:
        """The namespace that it is in."""
        return self.place.namespace


def where(name: str, settings: Settings, place: Place, *, takes_kinds: bool = True) -> Found:
    """Whoever names a cluster or KIND/NAME means the cluster; else this machine is looked at first. NotFound if it is nowhere.

    `takes_kinds`: whether the command is for objects of others too; InputError for KIND/NAME if it is not.
    """
    short, slash, own = name.partition("/")
    if slash and not takes_kinds:
        raise errors.InputError(
            f"{name}: a deployment of this program is named without {short}/", hint=f"write {own or 'its NAME'}"
        )
    if slash or place.is_named:
        return Found(clusters.resolved(place), is_here=False)
    here = dataclasses.replace(place, namespace=place.namespace or HERE)
    try:
        observing.require(here.namespace, name, settings)
    except errors.NotFound as missing:
        return Found(_in_the_cluster(name, place, missing), is_here=False)
    return Found(here, is_here=True)


def _in_the_cluster(name: str, place: Place, missing: errors.NotFound) -> Place:
    """The cluster that is at hand, if the deployment is there; what was missing here where there is none at hand."""
    from shardwright.kubernetes.live import revisions  # noqa: PLC0415 - see clusters

    try:
        there = clusters.resolved(place)
        client = clusters.connected(there)
    except errors.AccessError as unreachable:
        told = f"{missing.message}; and no cluster was asked: {unreachable.message}"
        hints = "; for a cluster: ".join(hint for hint in (missing.hint, unreachable.hint) if hint)
        raise errors.NotFound(told, hint=hints) from None
    with client:
        try:
            revisions.newest(client, there.namespace, name)
        except errors.NotFound as nowhere:
            hints = "; on this machine ".join(hint for hint in (nowhere.hint, missing.hint) if hint)
            raise errors.NotFound(f"{nowhere.message}, nor on this machine", hint=hints) from None
    return there
