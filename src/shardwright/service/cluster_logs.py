"""Use case: the logs of all members of a deployment in a cluster as one, by time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.core.lifecycle.merging import LogLine, Source, in_order, moment_of
from shardwright.service import seeing
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shardwright.core.lifecycle.snapshot import Member, Snapshot
    from shardwright.kubernetes.client import Client
    from shardwright.kubernetes.live import views
    from shardwright.kubernetes.live.feed import Feed, Item
    from shardwright.service.seeing import Subject

__all__ = ["Note", "Wanted", "read"]

_TOGETHER_SECONDS = 0.4
"""Followed lines are told in the order of their times within so long; one that comes later than that stands later."""
_NO_PREVIOUS = "previous terminated container"
"""What the API server says of a container that was never started again."""
_NO_EARLIER = " had no run before this one; a pod that was made anew keeps nothing of the old one's log"
_STARTED = frozenset({"running", "ready", "waiting", "ended", "ending"})


@frozen(kw_only=True)
class Wanted:
    """Which lines."""

    rank: int | None = None
    """Of the member that holds this rank, in each replica; where no layout is known, of the member of this index."""
    since_seconds: int | None = None
    tail: int | None = None
    """So many last lines of each member."""
    previous: bool = False
    """Of the run before the last restart."""
    follow: bool = False


@frozen
class Note:
    """What is not told, and why."""

    text: str


def read(client: Client, subject: Subject, wanted: Wanted) -> Iterator[LogLine | Note]:
    """Lines by time; with `follow` for as long as the caller asks, of new pods too.

    NotFound if no member holds that rank. A member without a log is a note.
    """
    _demand_rank(subject, wanted.rank)
    return _followed(client, subject, wanted) if wanted.follow else _whole(client, subject, wanted)


def _demand_rank(subject: Subject, rank: int | None) -> None:
    layout = subject.layout
    count = layout.world_size if layout else subject.parts.size
    if rank is not None and rank >= count:
        what = "ranks" if layout else "members"
        raise errors.NotFound(
            f"{subject.namespace}/{subject.name} has no rank {rank}", hint=f"it has {what} 0 to {count - 1}"
        )


def _source(subject: Subject, member: Member) -> Source:
    layout = subject.layout
    ranks = tuple(rank.index for rank in layout.ranks if rank.node == member.index) if layout else ()
    return Source(member.name, member.group, member.index, ranks)


def _is_wanted(source: Source, wanted: Wanted) -> bool:
    return wanted.rank is None or wanted.rank in (source.ranks or (source.member,))


def _whole(client: Client, subject: Subject, wanted: Wanted) -> Iterator[LogLine | Note]:
    from shardwright.kubernetes.live.feed import MAX_LOGS  # noqa: PLC0415 - see clusters

    snapshot = seeing.look(client, subject)
    members = [each for each in snapshot.members if _is_wanted(_source(subject, each), wanted)]
    started = [each for each in members if each.state in _STARTED]
    for each in members:
        if each not in started:
            yield Note(f"{each.name} has no log yet: it is {each.state}")
    yield from _too_many(started, MAX_LOGS)
    notes: list[Note] = []
    places = [(_source(subject, each), subject.parts.container_of(each.index)) for each in started[:MAX_LOGS]]
    downloads = _downloads(snapshot, wanted)
    yield from (each for each in downloads if isinstance(each, Note))
    places += [(each, "") for each in downloads if isinstance(each, Source)]
    sources = [_lines(client, subject, place, wanted, notes) for place in places]
    yield from in_order(sources)
    yield from notes


def _too_many(members: Sequence[Member], most: int) -> Iterator[Note]:
    if len(members) > most:
        yield Note(
            f"{len(members) - most} of {len(members)} members are left out, from {members[most].name} on: use --rank"
        )


def _downloads(snapshot: Snapshot, wanted: Wanted) -> list[Source | Note]:
    """Of the model that is on its way, or did not come: the pod that brings it, and why it does not run."""
    found: list[Source | Note] = []
    for each in snapshot.downloads if wanted.rank is None else ():
        if each.state == "complete":
            continue
        if each.message:
            found.append(Note(f"download {each.name}: {each.message}"))
        if each.pod and each.state != "waiting":
            found.append(Source(each.pod, 0, 0, is_download=True))
    return found


def _lines(
    client: Client, subject: Subject, place: tuple[Source, str], wanted: Wanted, notes: list[Note]
) -> Iterator[LogLine]:
    from shardwright.kubernetes.client import streams  # noqa: PLC0415 - see clusters

    source, container = place
    excerpt = streams.Excerpt(
        container=container,
        previous=wanted.previous,
        since_seconds=wanted.since_seconds,
        tail=wanted.tail,
    )
    try:
        for moment, text in streams.log_lines(client, subject.namespace, source.name, excerpt):
            yield LogLine(source, moment, text)
    except errors.AccessError:
        raise
    except errors.ShardwrightError as problem:
        told = _NO_EARLIER if wanted.previous and _NO_PREVIOUS in problem.message else f": {problem.message}"
        notes.append(Note(f"{source.name}{told}"))


def _followed(client: Client, subject: Subject, wanted: Wanted) -> Iterator[LogLine | Note]:
    from shardwright.kubernetes.live.feed import Feed  # noqa: PLC0415 - see clusters

    downloads = _downloads(seeing.look(client, subject), wanted)
    yield from (each for each in downloads if isinstance(each, Note))
    feed = Feed(client, subject.namespace, subject.parts, kinds=frozenset({"pod"}))
    told = _Followed(subject, wanted, feed)
    told.follow([each for each in downloads if isinstance(each, Source)])
    try:
        while True:
            items, until = feed.batch(1.0), time.monotonic() + _TOGETHER_SECONDS
            while items and time.monotonic() < until:
                items += feed.batch(max(0.01, until - time.monotonic()))
            yield from told.take(items)
    finally:
        feed.close()


class _Followed:
    """Which logs are followed."""

    def __init__(self, subject: Subject, wanted: Wanted, feed: Feed) -> None:
        self._subject, self._wanted, self._feed = subject, wanted, feed
        self._pods: dict[str, views.Pod] = {}
        self._sources: dict[str, Source] = {}
        self._ended: set[str] = set()
        self._is_told = False
        self._is_listed = False

    def follow(self, downloads: Sequence[Source]) -> None:
        """The model's download, which has one container."""
        for source in downloads:
            self._sources[source.name] = source
            tail, since = self._wanted.tail, self._wanted.since_seconds
            self._feed.follow_log(source.name, source.name, tail=tail, since_seconds=since, container="download")

    def take(self, items: Sequence[Item]) -> Iterator[LogLine | Note]:
        """The lines in a batch by their time, and new logs followed."""
        from shardwright.kubernetes.live import feed, views  # noqa: PLC0415 - see clusters

        lines: list[LogLine] = []
        for item in items:
            match item:
                case feed.Line():
                    lines.append(LogLine(self._sources[item.key], item.time, item.text))
                case feed.LogEnd():
                    self._ended.add(item.key)
                    if item.problem is not None and not isinstance(item.problem, errors.NotFound):
                        yield Note(f"{self._sources[item.key].name}: {item.problem.message}")
                case feed.Trouble():
                    raise item.problem
                case feed.Seen(body=views.Pod() as pod):
                    self._pods[item.uid] = pod
                case feed.Seen():
                    self._pods.pop(item.uid, None)
                case _:
                    pass
        yield from sorted(lines, key=lambda line: moment_of(line.time))
        yield from self._more()

    def _more(self) -> Iterator[Note]:
        from shardwright.kubernetes.live import seen  # noqa: PLC0415 - see clusters
        from shardwright.kubernetes.live.feed import MAX_LOGS  # noqa: PLC0415 - see clusters

        for member in seen.members_of(self._pods.values(), self._subject.parts):
            key, source = f"{member.uid}/{member.restarts}", _source(self._subject, member)
            is_due = member.state in _STARTED and key not in self._sources and _is_wanted(source, self._wanted)
            if not is_due:
                continue
            if len(self._sources) - len(self._ended) >= MAX_LOGS:
                if not self._is_told:
                    self._is_told = True
                    yield Note(f"{member.name} and others are not followed: there are more than {MAX_LOGS}; use --rank")
                continue
            self._sources[key] = source
            # What was wanted of the past holds for what there was; a new log is told from its beginning.
            wanted = Wanted() if self._is_listed else self._wanted
            self._feed.follow_log(
                key, member.name, index=member.index, tail=wanted.tail, since_seconds=wanted.since_seconds
            )
        self._is_listed = self._feed.is_complete
