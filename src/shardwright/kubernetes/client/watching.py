"""What changes in a cluster, as it changes: a list, then a watch from there, begun again as often as it breaks.

A watch ends for many harmless reasons: the server's own time limit, a proxy, a version that is no longer kept (410). The
one who iterates sees none of that: only objects as they are now, and those that are gone.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from shardwright import errors
from shardwright.kubernetes.client import refusals
from shardwright.kubernetes.client.refusals import Asked
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.kubernetes.client.client import Client
    from shardwright.kubernetes.client.kinds import ApiKind
    from shardwright.kubernetes.client.refs import Ref, Tree

__all__ = ["Event", "follow"]

_READ_SECONDS = 330.0
"""A server ends a watch after 5 to 10 minutes; one that says nothing for longer than this, bookmarks included, is dead."""
_ASKED_SECONDS = 300
_PAUSE_SECONDS = 1.0
_GONE = 410


@frozen
class Event:
    """What became of an object."""

    kind: Literal["is", "gone", "listed"]
    """`listed`: all that there was has been told; comes once, before the first change."""
    object: Tree


def follow(client: Client, ref: Ref, *, labels: str = "", fields: str = "") -> Iterator[Event]:
    """Every object as it is now, `listed`, then every change; until the caller stops or closes the client, or may not read.

    Errors that pass (TemporaryError) are waited out without end; Forbidden and NotFound of the kind are raised.
    """
    kind = client.kinds.find(ref)
    known: dict[str, Tree] = {}
    is_first = True
    while not client.is_closed:
        began = time.monotonic()
        try:
            version, present = _listed(client, kind, ref, labels=labels, fields=fields)
        except errors.TemporaryError as problem:
            time.sleep(max(problem.retry_after_seconds, _PAUSE_SECONDS))
            continue
        yield from _differences(known, present)
        known = present
        if is_first:
            yield Event("listed", {})
            is_first = False
        yield from _watched(client, kind, ref, known, version, labels=labels, fields=fields)
        _rest(began)


def _rest(began: float) -> None:
    """Pause after a round that was over at once: something in between may end every one of them."""
    time.sleep(max(0.0, began + _PAUSE_SECONDS - time.monotonic()))


def _listed(client: Client, kind: ApiKind, ref: Ref, *, labels: str, fields: str) -> tuple[str, dict[str, Tree]]:
    version, found = "", dict[str, "Tree"]()
    for page in client.pages(kind, ref.namespace, labels=labels, fields=fields):
        loaded: Tree = msgspec.json.decode(page)
        version = str(loaded.get("metadata", {}).get("resourceVersion", ""))
        for item in loaded.get("items") or ():
            found[uid_of(item)] = {"apiVersion": ref.api_version, "kind": ref.kind, **item}
    return version, found


def _differences(known: dict[str, Tree], present: dict[str, Tree]) -> Iterator[Event]:
    for uid, old in known.items():
        if uid not in present:
            yield Event("gone", old)
    for uid, new in present.items():
        if uid not in known or version_of(known[uid]) != version_of(new):
            yield Event("is", new)


def _watched(
    client: Client, kind: ApiKind, ref: Ref, known: dict[str, Tree], version: str, *, labels: str, fields: str
) -> Iterator[Event]:
    """Changes since a version; returns when the list has to be read again."""
    query = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(_ASKED_SECONDS)}
    query |= {key: value for key, value in (("labelSelector", labels), ("fieldSelector", fields)) if value}
    asked = Asked("watch", kind.resource, namespace=ref.namespace)
    while not client.is_closed:
        began = time.monotonic()
        try:
            for line in _lines(client, kind.path(ref.namespace), query | {"resourceVersion": version}, asked):
                told = _told(line, known)
                if told is None:
                    return
                version = version_of(told[1]) or version
                if told[0] is not None:
                    yield told[0]
        except refusals.Expired:
            return
        except msgspec.DecodeError:
            pass  # cut off within a line: what it said comes again
        except errors.TemporaryError as problem:
            time.sleep(max(problem.retry_after_seconds, _PAUSE_SECONDS))
        _rest(began)


def _told(line: bytes | str, known: dict[str, Tree]) -> tuple[Event | None, Tree] | None:
    """The event of a line, and its object; None where the watch cannot go on."""
    loaded: Tree = msgspec.json.decode(line)
    what, found = loaded.get("type"), _object(loaded)
    if what == "ERROR":
        return None
    if what == "BOOKMARK":
        return None if not version_of(found) else (None, found)
    if what == "DELETED":
        known.pop(uid_of(found), None)
        return Event("gone", found), found
    known[uid_of(found)] = found
    return Event("is", found), found


def _object(event: Tree) -> Tree:
    return event.get("object") or {}


def _lines(client: Client, path: str, query: dict[str, str], asked: Asked) -> Iterator[str]:
    with client.stream(path, asked=asked, query=query, read_seconds=_READ_SECONDS) as answer:
        yield from (line for line in answer.iter_lines() if line)


def uid_of(body: Tree) -> str:
    """What tells an object from its namesakes before and after."""
    metadata: Any = body.get("metadata") or {}
    return str(metadata.get("uid", ""))


def version_of(body: Tree) -> str:
    """The version of an object that a watch goes on from."""
    metadata: Any = body.get("metadata") or {}
    return str(metadata.get("resourceVersion", ""))
