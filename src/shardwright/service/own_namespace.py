"""Use case: the namespace of a deployment: there, made first, or said to be missing."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from shardwright import errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shardwright.core.lifecycle.changes import ObjectChange
    from shardwright.kubernetes.client import Client, Tree

    Manifests = Sequence[Mapping[str, Any]]

__all__ = ["added_to", "demand", "is_first", "make_first"]


def demand(manifests: Manifests, namespace: str, client: Client) -> None:
    """NotFound if it is neither there nor among the manifests; Conflict while it is being deleted."""
    if any(_is_namespace(body) for body in manifests):
        return
    try:
        found = _found(namespace, client)
    except errors.AccessError:
        return  # who may not read namespaces may still work in one
    if found is None:
        raise errors.NotFound(f"there is no namespace {namespace!r}", hint="--create-namespace makes it")
    if found["metadata"].get("deletionTimestamp"):
        raise errors.Conflict(
            f"namespace {namespace!r} is being deleted", hint="wait until it is gone, or use another one"
        )


def added_to(manifests: tuple[Any, ...], namespace: str, client: Client) -> tuple[Any, ...]:
    """The manifests with their namespace before them, unless it is among them or there: then it is used as it is."""
    if any(_is_namespace(body) for body in manifests):
        return manifests
    with contextlib.suppress(errors.AccessError):
        if _found(namespace, client) is not None:
            return manifests
    return ({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}, *manifests)


def _found(namespace: str, client: Client) -> Tree | None:
    from shardwright.kubernetes.client import Ref  # noqa: PLC0415 - see clusters

    return client.find(Ref("v1", "Namespace", namespace))


def make_first(manifests: Manifests, changes: Sequence[ObjectChange], client: Client) -> Iterator[ObjectChange]:
    """Make what is to be made; before the lease is taken, which needs its namespace."""
    from shardwright.kubernetes.live import applying  # noqa: PLC0415 - see clusters

    for body, change in zip(manifests, changes, strict=True):
        if is_first(body, change):
            applying.apply_object(client, dict(body))
            yield change


def is_first(body: Mapping[str, Any], change: ObjectChange) -> bool:
    """Whether this is a namespace to be made, which `make_first` does."""
    return _is_namespace(body) and change.action == "create"


def _is_namespace(body: Mapping[str, Any]) -> bool:
    return body.get("kind") == "Namespace"
