"""Use case: what happens to a deployment in a cluster, as it happens: its state, members, ranks, warnings, first errors.

Built on watches and followed logs, so nothing is asked again and again; what comes faster than `_LEAST_SECONDS` is told
together.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

from shardwright import errors
from shardwright.core.lifecycle import happenings, updates
from shardwright.core.lifecycle.bodies import map_at, number_at
from shardwright.core.lifecycle.happenings import Happening
from shardwright.core.lifecycle.snapshot import serves, state_of
from shardwright.core.lifecycle.starts import RankStart, Starts
from shardwright.core.lifecycle.turnover import Turnover
from shardwright.service import clusters, seeing
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from shardwright.core.lifecycle.snapshot import Member, Snapshot, State
    from shardwright.kubernetes.client import Client
    from shardwright.kubernetes.live import views
    from shardwright.kubernetes.live.feed import Feed, Item, LogEnd, Seen
    from shardwright.service.rollout import Rollout
    from shardwright.service.seeing import Subject

__all__ = ["View", "budget_seconds", "follow", "replaced_pods", "until_ready"]

_PLACING_SECONDS = 900
"""For what the start-up of an engine does not hold: a place on nodes, an image of 10 to 20 GB, volumes."""
_PERIOD_SECONDS, _FAILURES = 10, 3
"""Of a probe that does not say them. Source: API core/v1."""
_LEAST_SECONDS = 0.1
_TICK_SECONDS = 1.0
_TAIL = 2000
_OLD_READY_SECONDS = 30.0
"""How long a group whose pods were to be made anew may stay ready with the old ones before it counts as it is. Operators
answer to a change within a few seconds."""
_SETTLED_SECONDS = 3.0
"""How long a group that was ready before, or whose containers were started again or pods replaced, has to stay ready: it
looks so for a moment before its operator ends it."""
_LOGGED = frozenset({"running", "ready", "waiting", "ended"})


@frozen(kw_only=True)
class View:
    """A deployment at one moment, and what is new since the view before."""

    seconds: float
    """Since it is followed."""
    state: State
    snapshot: Snapshot
    starts: tuple[RankStart, ...]
    news: tuple[Happening, ...] = ()
    unfollowed: tuple[str, ...] = ()
    """Members whose logs are not read: there are more than can be followed at once."""


def budget_seconds(manifests: Iterable[Mapping[str, object]]) -> float:
    """How long a start may take, until the first answer: what start-up probes allow at most, and placing pods."""
    return _PLACING_SECONDS + max((start for body in manifests for start in _starts(body)), default=0)


def _starts(value: object) -> Iterator[int]:
    """Seconds that each start-up probe of a tree allows."""
    if isinstance(value, list | tuple):
        for inner in cast("Sequence[object]", value):
            yield from _starts(inner)
    elif isinstance(value, dict):
        tree = cast("dict[str, object]", value)
        if probe := map_at(tree, "startupProbe"):
            yield number_at(probe, _PERIOD_SECONDS, "periodSeconds") * number_at(probe, _FAILURES, "failureThreshold")
        for inner in tree.values():
            yield from _starts(inner)


def replaced_pods(client: Client, rollout: Rollout) -> frozenset[str]:
    """Uids of the pods that a roll-out is about to replace; asked before it is carried out. Empty if it replaces none."""
    from shardwright.kubernetes.live import observing  # noqa: PLC0415 - see clusters

    if rollout.before is None or not any(map(updates.replaces_pods, rollout.changes)):
        return frozenset()
    subject = seeing.find(client, rollout.namespace, rollout.name)
    return frozenset(each.metadata.uid for each in observing.pods_of(client, subject.namespace, subject.parts))


def follow(client: Client, subject: Subject, *, began: float | None = None) -> Iterator[View]:
    """Views until the caller stops: one a change, and one a second so that time is seen to pass.

    `began`: by the monotonic clock, where it is followed for another time; else now. Forbidden if it or its pods may not be watched; what else may not be is told as a note.
    """
    from shardwright.kubernetes.live.feed import Feed  # noqa: PLC0415 - see clusters

    since = time.monotonic() if began is None else began
    feed = Feed(client, subject.namespace, subject.parts)
    told = _Told(subject)
    try:
        while True:
            started = time.monotonic()
            told.take(feed.batch(_TICK_SECONDS))
            if feed.is_complete:
                yield told.view(feed, time.monotonic() - since)
            time.sleep(max(0.0, _LEAST_SECONDS - (time.monotonic() - started)))
    finally:
        feed.close()


class _Told:
    """What the stream said so far."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._root: views.Root | None = None
        self._pods: dict[str, views.Pod] = {}
        self._jobs: dict[str, views.Job] = {}
        self._fetchers: dict[str, views.Pod] = {}
        self._warnings: dict[str, views.Event] = {}
        self._before: Snapshot | None = None
        self._starts = Starts(subject.layout)
        self._logs: dict[str, Member] = {}
        """Members by the key of the log that is followed."""
        self._followed: set[str] = set()
        """Keys of all logs that were ever followed: of a life once."""
        self._failed: set[str] = set()
        self._news: list[Happening] = []
        self._moved: dict[tuple[int, int | None, int], Happening] = {}

    def take(self, items: Iterable[Item]) -> None:
        from shardwright.kubernetes.live import feed  # noqa: PLC0415 - see clusters

        for item in items:
            match item:
                case feed.Seen():
                    self._see(item)
                case feed.Line():
                    self._read(item.key, item.text, clusters.seconds_of(item.time))
                case feed.LogEnd():
                    self._end(item)
                case feed.Trouble(kind, problem):
                    if kind in {"pod", "root"}:
                        raise problem
                    self._news.append(Happening(what="note", subject=f"{kind}s are not watched", text=problem.message))
                case _:
                    pass

    def _see(self, item: Seen) -> None:
        from shardwright.kubernetes.live import views  # noqa: PLC0415 - see clusters

        match item.body:
            case views.Pod() as pod:
                (self._fetchers if item.kind == "fetcher" else self._pods)[item.uid] = pod
            case views.Job() as job:
                self._jobs[item.uid] = job
            case views.Event() as event:
                self._warnings[item.uid] = event
            case views.Root() as root:
                self._root = root
            case None:
                self._forget(item)

    def _forget(self, item: Seen) -> None:
        if item.kind == "root" and self._root is not None and self._root.metadata.uid == item.uid:
            self._root = None
        for table in (self._pods, self._jobs, self._fetchers, self._warnings):
            table.pop(item.uid, None)

    def _read(self, key: str, text: str, at: float) -> None:
        event = self._subject.read_log(text)
        member = self._logs.get(key)
        if event is None or member is None:
            return
        if event.kind in {"error", "death"} and key not in self._failed:
            self._failed.add(key)
            self._news.append(
                Happening(what="error", subject=member.name, text=event.text, replica=member.group, member=member.index)
            )
        for start in self._starts.feed(member.group, member.index, event, at):
            # Of many steps that came at once only the last is news.
            self._moved[start.replica, start.rank, start.member] = happenings.of_rank(start, member.name, at)

    def _end(self, item: LogEnd) -> None:
        member = self._logs.pop(item.key, None)
        if member is None or item.problem is None or isinstance(item.problem, errors.NotFound):
            return
        text = f"its log cannot be read: {item.problem.message}"
        self._news.append(Happening(what="note", subject=member.name, text=text))

    def view(self, feed: Feed, seconds: float) -> View:
        """The deployment now; starts to follow the logs of members that are new."""
        from shardwright.kubernetes.live import seen  # noqa: PLC0415 - see clusters

        subject = self._subject
        pods, jobs = tuple(self._pods.values()), tuple(self._jobs.values())
        # Of pods that are gone no warning is worth a line: where pods are replaced without end there are hundreds.
        fetchers = tuple(self._fetchers.values())
        names = {subject.parts.root.name, *(each.metadata.name for each in (*pods, *jobs, *fetchers))}
        looked = seen.Looked(
            root=self._root,
            pods=pods,
            jobs=jobs,
            fetchers=fetchers,
            events=[each for each in self._warnings.values() if each.involved_object.name in names],
        )
        snapshot = seen.snapshot_of(subject.namespace, subject.target, subject.parts, looked)
        news = [*happenings.between(self._before, snapshot), *self._news]
        self._before, self._news = snapshot, []
        unfollowed = tuple(self._lives(snapshot, feed))
        news += [*self._moved.values(), *self._ready(snapshot)]
        self._moved = {}
        return View(
            seconds=seconds,
            state=state_of(snapshot),
            snapshot=snapshot,
            starts=self._starts.all(),
            news=tuple(news),
            unfollowed=unfollowed,
        )

    def _lives(self, snapshot: Snapshot, feed: Feed) -> Iterator[str]:
        """Follow the log of each life of each member once; the names of those that are too many."""
        from shardwright.kubernetes.live.feed import MAX_LOGS  # noqa: PLC0415 - see clusters

        for member in snapshot.members:
            if member.state == "ending":
                continue
            key = f"{member.uid}/{member.restarts}"
            self._starts.begin(member.group, member.index, key)
            if member.state not in _LOGGED or key in self._followed:
                continue
            if len(self._logs) >= MAX_LOGS:
                yield member.name
            else:
                self._followed.add(key)
                self._logs[key] = member
                feed.follow_log(key, member.name, index=member.index, tail=_TAIL)

    def _ready(self, snapshot: Snapshot) -> Iterator[Happening]:
        """Ranks of replicas that serve, whose logs may end earlier."""
        for index in range(snapshot.replicas):
            if serves(snapshot, index):
                names = {each.index: each.name for each in snapshot.group(index)}
                for start in self._starts.finish(index):
                    yield happenings.of_rank(start, names.get(start.member, ""))


def until_ready(
    client: Client,
    subject: Subject,
    *,
    timeout_seconds: float,
    old: frozenset[str] = frozenset(),
    turnover: Turnover | None = None,
    began: float | None = None,
) -> Iterator[View]:
    """Views until it is ready, with none of the pods whose uids are `old`; or stopped, where no replicas are asked for.

    TimeoutError if that takes longer; TargetError if it cannot become ready: its download failed, or it was deleted.
    `turnover` is told what is seen; `began` is as above, and the time is counted from there.
    """
    turnover = Turnover(old) if turnover is None else turnover
    ready_since: float | None = None
    is_shaken = False
    for view in follow(client, subject, began=began):
        turnover.see(view.snapshot)
        yield view
        _demand_hope(subject, view)
        if view.state == "stopped":
            return
        if view.state != "ready":
            is_shaken, ready_since = is_shaken or ready_since is not None, None
        else:
            ready_since = view.seconds if ready_since is None else ready_since
            held = view.seconds - ready_since
            has_old = any(each.uid in old for each in view.snapshot.members)
            is_shaken = is_shaken or turnover.is_any or any(each.restarts for each in view.snapshot.members)
            if held >= (_OLD_READY_SECONDS if has_old else _SETTLED_SECONDS if is_shaken else 0):
                return
        if view.seconds > timeout_seconds:
            raise TimeoutError


def _demand_hope(subject: Subject, view: View) -> None:
    if view.state in {"failed", "absent"}:
        said = next((each.message for each in view.snapshot.downloads if each.state == "failed"), "")
        why = f"the download of the model failed: {said}" if view.state == "failed" else "it was deleted"
        raise errors.TargetError(f"{subject.namespace}/{subject.name} will not become ready: {why}")
