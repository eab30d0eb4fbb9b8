"""How far the start-up of every rank of every replica is, from the lines of its members' logs.

A member that was made anew, by a new pod or a restarted container, begins again. Where no layout is known, a member counts
as one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.progress import Progress, RankProgress
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shardwright.core.layout import Layout
    from shardwright.core.plugins import LogEvent

__all__ = ["RankStart", "Starts", "figures_of"]

_GIB = 2**30


@frozen
class RankStart:
    """Where one rank is."""

    replica: int
    member: int
    rank: int | None
    """None where the layout is not known: it is the whole member."""
    phase: str = "waiting"
    percent: int = 0
    text: str = ""
    """What the log said in figures: `15.0 GiB in 12 s, 1.3 GB/s`."""
    since: float = 0.0
    """When its phase began, in seconds since 1970 by the clock of its node; 0 where nothing tells it."""
    expected_seconds: float = 0.0
    """How long the whole phase takes if it goes on as it did; 0 where nothing is counted in it."""

    def seconds(self, now: float) -> float | None:
        """How long it is in its phase; None where that is not known, or it is ready."""
        return max(0.0, now - self.since) if self.since else None


@frozen
class _Told:
    """What the last line of a rank told of its phase."""

    phase: str = ""
    text: str = ""
    since: float = 0.0
    expected_seconds: float = 0.0


def _told_of(event: LogEvent, at: float, before: _Told | None) -> _Told:
    """By the pace since its first line, where steps are counted."""
    since = before.since if before is not None and before.phase == event.phase else at
    if event.kind == "ready":
        return _Told(event.phase, figures_of(event))
    numbers = dict(event.numbers)
    done, of = numbers.get("done", 0), numbers.get("of", 0)
    is_going = 0 < done < of and at > since
    return _Told(event.phase, figures_of(event), since, (at - since) * of / done if is_going else 0.0)


class Starts:
    """Feed it the events of each member's log in their order."""

    def __init__(self, layout: Layout | None) -> None:
        self._layout = layout
        self._replicas: dict[int, Progress] = {}
        self._members: dict[tuple[int, int], RankProgress] = {}
        self._told: dict[tuple[int, int], _Told] = {}
        self._lives: dict[tuple[int, int], str] = {}

    def begin(self, replica: int, member: int, life: str) -> bool:
        """A member lives under this name from now on; whether that is new, and its ranks begin again."""
        key = (replica, member)
        if self._lives.get(key) == life:
            return False
        self._lives[key] = life
        if self._layout is None:
            self._members[key] = RankProgress(member, member)
        else:
            self._progress(replica, self._layout).forget(member)
        for rank in self._ranks(replica):
            if rank.node == member:
                self._told.pop((replica, rank.rank), None)
        return True

    def feed(self, replica: int, member: int, event: LogEvent, at: float = 0.0) -> tuple[RankStart, ...]:
        """Take one event in, of which the log says when it was (seconds since 1970); the ranks that it moved on."""
        if self._layout is None:
            moved = self._feed_member(replica, member, event)
        elif member < self._layout.nodes:
            moved = self._progress(replica, self._layout).feed(member, event)
        else:
            moved = ()
        for rank in moved:
            key = (replica, rank.rank)
            self._told[key] = _told_of(event, at, self._told.get(key))
        return tuple(self._start_of(replica, rank) for rank in moved)

    def finish(self, replica: int) -> tuple[RankStart, ...]:
        """The replica serves: ranks whose logs end earlier are ready as well."""
        if self._layout is not None:
            moved: Iterable[RankProgress] = self._progress(replica, self._layout).finish()
        else:
            moved = [
                RankProgress(each.rank, each.node, "ready", 100) for each in self._ranks(replica) if each.percent < 100
            ]
            self._members |= {(replica, each.node): each for each in moved}
        for rank in moved:
            self._told.pop((replica, rank.rank), None)
        return tuple(self._start_of(replica, rank) for rank in moved)

    def all(self) -> tuple[RankStart, ...]:
        """Every rank that is known of, in the order of replica and rank."""
        replicas = sorted({replica for replica, _ in self._lives})
        return tuple(self._start_of(replica, rank) for replica in replicas for rank in self._ranks(replica))

    def _feed_member(self, replica: int, member: int, event: LogEvent) -> tuple[RankProgress, ...]:
        before = self._members.get((replica, member), RankProgress(member, member))
        if event.kind not in {"phase", "ready"} or event.percent <= before.percent:
            return ()
        self._members[replica, member] = RankProgress(member, member, event.phase, event.percent)
        return (self._members[replica, member],)

    def _progress(self, replica: int, layout: Layout) -> Progress:
        if replica not in self._replicas:
            self._replicas[replica] = Progress(layout)
        return self._replicas[replica]

    def _ranks(self, replica: int) -> list[RankProgress]:
        if self._layout is not None:
            return self._progress(replica, self._layout).ranks
        return [rank for key, rank in sorted(self._members.items()) if key[0] == replica]

    def _start_of(self, replica: int, rank: RankProgress) -> RankStart:
        number = None if self._layout is None else rank.rank
        told = self._told.get((replica, rank.rank), _Told())
        return RankStart(
            replica, rank.node, number, rank.phase, rank.percent, told.text, told.since, told.expected_seconds
        )


def figures_of(event: LogEvent) -> str:
    """The figures of a line that are worth showing while one waits; empty if it has none."""
    return ", ".join(_figures(dict(event.numbers)))


def _figures(numbers: dict[str, float]) -> Iterator[str]:
    if "weights_gib" in numbers and numbers.get("load_seconds"):
        gib, seconds = numbers["weights_gib"], numbers["load_seconds"]
        yield f"{gib:.1f} GiB in {seconds:.0f} s"
        yield f"{gib * _GIB / 1e9 / seconds:.1f} GB/s"
    elif numbers.get("download_seconds"):
        yield f"downloaded in {numbers['download_seconds']:.0f} s"
    if "done" in numbers and "of" in numbers:
        yield f"{numbers['done']:.0f} of {numbers['of']:.0f}"
    if "kv_tokens" in numbers:
        yield f"KV cache of {numbers['kv_tokens']:,.0f} tokens"
