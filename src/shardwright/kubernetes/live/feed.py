"""All that changes of one deployment, as one stream: its objects, and the logs of its members.

A thread a thing that is watched, one bounded queue that they all fill: whoever reads slowly slows them down, and nothing
piles up. A watch that ends or expires is begun again (`client.watching`); a log that breaks goes on where it was.
"""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING, TypeAlias

from shardwright import errors
from shardwright.kubernetes.client import Ref, streams, watching
from shardwright.kubernetes.live import observing, views
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.lifecycle.parts import Parts
    from shardwright.kubernetes.client import Client, Tree
    from shardwright.kubernetes.live.observing import Kind

__all__ = ["MAX_LOGS", "Feed", "Item", "Line", "Listed", "LogEnd", "Seen", "Trouble", "lines_of"]

MAX_LOGS = 64
"""Logs followed at once: each is a connection, and a client has a hundred."""
_QUEUE = 8192
_RETRY_SECONDS = 1.0

Body: TypeAlias = "views.Pod | views.Root | views.Job | views.Event"
_VIEWS: dict[Kind, type[views.Pod | views.Root | views.Job | views.Event]] = {
    "pod": views.Pod,
    "root": views.Root,
    "job": views.Job,
    "fetcher": views.Pod,
    "warning": views.Event,
}


@frozen
class Seen:
    """An object as it is now."""

    kind: Kind
    uid: str
    body: Body | None
    """None: it is gone."""


@frozen
class Listed:
    """All objects of a kind that there were have been told."""

    kind: Kind


@frozen
class Line:
    """A line of a member's log."""

    key: str
    """As `follow_log` was given it."""
    time: str
    text: str


@frozen
class LogEnd:
    """A log that goes on no more; the error if it could not be read."""

    key: str
    problem: errors.ShardwrightError | None = None


@frozen
class Trouble:
    """Something cannot be watched."""

    kind: Kind
    problem: errors.ShardwrightError


Item: TypeAlias = "Seen | Listed | Line | LogEnd | Trouble"


class Feed:
    """One deployment's stream. Ends when the client is closed; `close` stops it before."""

    def __init__(
        self, client: Client, namespace: str, parts: Parts, *, kinds: frozenset[Kind] = frozenset(_VIEWS)
    ) -> None:
        self._client, self._namespace, self._parts = client, namespace, parts
        self._items: queue.Queue[Item] = queue.Queue(_QUEUE)
        self._stopped = threading.Event()
        self._waiting: set[Kind] = set(kinds)
        client.kinds  # noqa: B018 - asked once, before the threads
        for kind, ref, labels, fields in observing.watched(namespace, parts):
            if kind in kinds:
                self._start(self._watch, kind, ref, labels, fields)

    def batch(self, wait_seconds: float) -> list[Item]:
        """What came, in its order, after at most so many seconds; more than one queue full is left for the next call."""
        found: list[Item] = []
        try:
            found.append(self._items.get(timeout=wait_seconds))
            while len(found) < _QUEUE:
                found.append(self._items.get_nowait())
        except queue.Empty:
            pass
        for item in found:
            if isinstance(item, Listed | Trouble):
                self._waiting.discard(item.kind)
        return found

    @property
    def is_complete(self) -> bool:
        """Whether all that there was at the beginning has been told, as far as it may be read."""
        return not self._waiting

    def follow_log(
        self,
        key: str,
        pod: str,
        *,
        index: int = 0,
        tail: int | None,
        since_seconds: int | None = None,
        container: str = "",
    ) -> None:
        """Bring the lines of the engine's container too, the last `tail` that there are and then as they come.

        `index`: the member's in its replica. `container`: another than the engine's.
        """
        self._start(self._read, key, pod, container or self._parts.container_of(index), tail, since_seconds)

    def close(self) -> None:
        """Bring no more; threads end when what they wait for comes, at the latest when the client is closed."""
        self._stopped.set()

    def _start(self, work: object, *given: object) -> None:
        threading.Thread(target=work, args=given, daemon=True, name="feed").start()  # pyright: ignore[reportArgumentType] - a method of ours

    def _put(self, item: Item) -> bool:
        """Whether anybody still listens."""
        while not self._stopped.is_set():
            try:
                self._items.put(item, timeout=1.0)
            except queue.Full:
                continue
            return True
        return False

    def _watch(self, kind: Kind, ref: Ref, labels: str, fields: str) -> None:
        try:
            for event in watching.follow(self._client, ref, labels=labels, fields=fields):
                if not self._put(_item_of(kind, event)):
                    return
        except errors.ShardwrightError as problem:
            self._put(Trouble(kind, problem))

    def _read(self, key: str, pod: str, container: str, tail: int | None, since_seconds: int | None) -> None:
        lines = lines_of(self._client, self._namespace, pod, container, tail=tail, since_seconds=since_seconds)
        try:
            for moment, text in lines:
                if not self._put(Line(key, moment, text)):
                    return
        except errors.ShardwrightError as problem:
            self._put(LogEnd(key, problem))
        else:
            self._put(LogEnd(key))


def _item_of(kind: Kind, event: watching.Event) -> Item:
    if event.kind == "listed":
        return Listed(kind)
    body = event.object
    is_there = event.kind == "is"
    return Seen(kind, _uid(body), observing.view_of(body, _VIEWS[kind]) if is_there else None)


def _uid(body: Tree) -> str:
    return str(body["metadata"]["uid"])


def lines_of(
    client: Client,
    namespace: str,
    pod: str,
    container: str,
    *,
    tail: int | None = None,
    since_seconds: int | None = None,
) -> Iterator[tuple[str, str]]:
    """The log of a container as it grows, until the container ends; goes on after a break without telling a line twice."""
    wanted = streams.Excerpt(container=container, follow=True, tail=tail, since_seconds=since_seconds)
    last = told = ""
    while True:
        try:
            for moment, text in streams.log_lines(client, namespace, pod, wanted):
                if moment > told:
                    yield moment, text
                    last = moment
        except errors.TemporaryError:
            if client.is_closed:
                return
            time.sleep(_RETRY_SECONDS)
            told = last
            wanted = streams.Excerpt(container=container, follow=True, since_time=last) if last else wanted
        else:
            return
