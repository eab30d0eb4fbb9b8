"""Writes manifests to a cluster, after saying what that would change.

Effects only; what differs and what it means is decided in `core.lifecycle.changes`.
"""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.core.lifecycle import changes
from shardwright.kubernetes.client import Ref
from shardwright.kubernetes.client.refs import ref_of
from shardwright.kubernetes.client.refusals import Invalid
from shardwright.kubernetes.live import ending, keeping
from shardwright.kubernetes.render import labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shardwright.core.lifecycle.changes import ObjectChange
    from shardwright.kubernetes.client import Client, Tree

__all__ = ["apply_object", "is_ours", "present", "preview", "remove_object", "wait_until_gone"]

_WIDTH = 8
"""Requests side by side; an API server gives one user about this many at once without queueing."""
_IMMUTABLE = re.compile(
    r"immutable|may not be changed|updates to .* are forbidden|field can not be changed", re.IGNORECASE
)
_FIRST_LOOK_SECONDS = 0.02
_LOOK_SECONDS = 0.5


def preview(client: Client, manifests: Sequence[Tree], *, force: bool = False) -> tuple[ObjectChange, ...]:
    """What an apply would do to each object, by the server's own dry run; nothing is written.

    FieldConflict, Invalid and Forbidden as an apply would meet them; Conflict for objects that Argo CD or Flux keep (`keeping`).
    """
    client.kinds  # noqa: B018 - asked once, before the threads
    with ThreadPoolExecutor(_WIDTH) as pool:
        return tuple(pool.map(partial(_preview_one, client, force=force), manifests))


def _preview_one(client: Client, body: Tree, *, force: bool) -> ObjectChange:
    live = client.find(ref_of(body, client.namespace))
    if live is not None:
        keeping.demand_free(ref_of(body, client.namespace), live, "write")
    if live is not None and live["metadata"].get("deletionTimestamp"):
        raise errors.Conflict(f"{ref_of(body)} is being deleted", hint="wait until it is gone, then apply again")
    try:
        return changes.change_of(body, live, client.apply(body, force=force, dry_run=True))
    except errors.NotFound:
        if live is None and _namespace_is_missing(client, body):
            return changes.change_of(body, None, {})
        raise
    except Invalid as refused:
        if live is None or not _IMMUTABLE.search(refused.message):
            raise
        return changes.change_of(body, live, None, refused=refused.message)


def _namespace_is_missing(client: Client, body: Tree) -> bool:
    """A dry run cannot see a namespace that the same apply makes first."""
    namespace = ref_of(body, client.namespace).namespace
    return bool(namespace) and client.find(Ref("v1", "Namespace", namespace)) is None


def is_ours(found: Tree, name: str) -> bool:
    """Whether an object was made by this program, for that deployment or for all that need it.

    An operator hands our labels on to what it makes: that is not ours.
    """
    metadata: Tree = found["metadata"]
    own: Tree = metadata.get("labels") or {}
    owners: list[Tree] = metadata.get("ownerReferences") or []
    if own.get("app.kubernetes.io/managed-by") != labels.MANAGER or any(each.get("controller") for each in owners):
        return False
    is_shared = labels.NEEDED_BY in (metadata.get("annotations") or {})
    return is_shared or own.get("app.kubernetes.io/instance") == name


def present(client: Client, removed: Sequence[ObjectChange], name: str) -> tuple[tuple[ObjectChange, Tree], ...]:
    """Those whose objects are there and ours, asked for side by side, each with its object."""
    if not removed:
        return ()
    client.kinds  # noqa: B018 - asked once, before the threads
    with ThreadPoolExecutor(_WIDTH) as pool:
        refs = [Ref(each.api_version, each.kind, each.name, each.namespace) for each in removed]
        pairs = zip(removed, pool.map(client.find, refs), strict=True)
        return tuple((each, live) for each, live in pairs if live is not None and is_ours(live, name))


def apply_object(client: Client, body: Tree, *, force: bool = False, recreate: bool = False) -> None:
    """Write one object; with `recreate`, by deleting it first where it cannot be changed in place."""
    try:
        client.apply(body, force=force)
    except Invalid as refused:
        if not recreate or not _IMMUTABLE.search(refused.message):
            raise
        remove_object(client, ref_of(body, client.namespace))
        client.apply(body, force=force)


def remove_object(client: Client, ref: Ref, *, timeout_seconds: float = 120.0) -> None:
    """Delete one object with what it owns, and wait until it is gone; nothing to do if it is.

    Conflict for one that Argo CD or Flux keep.
    """
    found = client.find(ref)
    if found is None:
        return
    keeping.demand_free(ref, found, "remove")
    client.delete(ref)
    wait_until_gone(client, [ref], timeout_seconds=timeout_seconds)


def wait_until_gone(client: Client, refs: Sequence[Ref], *, timeout_seconds: float) -> None:
    """Wait until none of the objects is there; TargetError naming what holds the first that stays."""
    deadline = time.monotonic() + timeout_seconds
    for ref in refs:
        pause = _FIRST_LOOK_SECONDS
        while (found := client.find(ref)) is not None:
            if time.monotonic() > deadline:
                why, hint = ending.held_by(client, found)
                raise errors.TargetError(f"{ref} is still there after {timeout_seconds:.0f} s: {why}", hint=hint)
            time.sleep(pause)
            pause = min(_LOOK_SECONDS, pause * 2)
