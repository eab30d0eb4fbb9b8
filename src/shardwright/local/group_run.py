"""One run of a group, from its hosts on: bring it up, hold its processes, end all together and say who went first.

Whatever ends first ends the group: a launcher, a named process, a host, the time to start, or a wish from outside.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from shardwright import errors
from shardwright.local import deaths, following, kernel
from shardwright.local.bring_up import BringUp
from shardwright.local.finding import Finder
from shardwright.local.watch import Member, Watch
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from shardwright.local.deaths import Death, Role
    from shardwright.local.launching import Setup
    from shardwright.local.record import Record
    from shardwright.local.state import Place

__all__ = ["End", "GroupRun"]

Reason = Literal["stopped", "failed", "timed-out"]
_NEWS_SECONDS = 0.05
_SCAN_SECONDS = 0.5
_SETTLE_SECONDS = 2.0
_UNKNOWN_SECONDS = 0.3
_GRACE_SECONDS: dict[Reason, float] = {"stopped": 3.0, "failed": 1.0, "timed-out": 1.0}
_ORPHANS_SECONDS = 0.3
_PROGRAMS: tuple[Role, ...] = ("launcher", "announced", "found")
_LOG_LINES = 20
_SHOWN_LINES = 8


@frozen
class End:
    """Why a run is over."""

    reason: Reason
    message: str
    code: str = ""
    """Of the error that it is to a user; empty if it was asked for."""
    hint: str = ""


class GroupRun:
    """A group on hosts that exist; to be used within a running event loop."""

    def __init__(self, setup: Setup, record: Record) -> None:
        self._setup = setup
        self._record = record
        self._ending: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self._watch = Watch(setup.group.rank_pattern, record.seconds, self._note_death)
        announcements = tuple(setup.place.processes(host.index) for host in setup.hosts.hosts)
        self._finder = Finder(self._watch, setup.hosts.hosts, announcements)
        self._bring_up = BringUp(setup, record, self._watch)
        self._first: int | None = None  # index in the deaths seen
        self._tasks: set[asyncio.Task[None]] = set()

    def ask_end(self, end: End) -> None:
        """End the group for this reason, unless it ends already."""
        if not self._ending.done():
            self._ending.set_result(end)

    async def run(self) -> End:
        """From the start to the end of the group's processes; what does not end by itself is left to the caller."""
        bringing_up = self._begin(self._bring_up.run())
        self._begin(self._keep_looking())
        try:
            end = await self._ending
            bringing_up.cancel()
            self._record.enter("ending", reason=end.reason, message=end.message)
            await self._end_programs(_GRACE_SECONDS[end.reason])
        finally:
            for task in self._tasks:
                task.cancel()
            self._bring_up.close()
        return end

    def close(self) -> None:
        """Once all processes are gone: learn how they ended, and let go of them."""
        self._watch.explain()
        self._watch.close()

    def first_death(self) -> dict[str, object] | None:
        """The first cause as it stands in the status, with what became known since; None if nothing died by itself."""
        if self._first is None:
            return None
        first = self._watch.deaths[self._first]
        log = self._setup.place.log("engine" if first.host is None else f"host-{first.host}")
        return deaths.render_death(first, self._setup.group, following.last_lines(log, _LOG_LINES))

    def explained(self, end: End) -> End:
        """The end with what became known since about the first that died, and with the logs that tell of it."""
        if end.reason == "stopped" or end.hint:
            return end
        place, names = self._setup.place, [host.name for host in self._setup.hosts.hosts]
        if self._first is not None and end.reason == "failed":
            first = self._watch.deaths[self._first]
            end = replace(end, message=deaths.describe(first, self._setup.group))
            names = ["engine"] if first.host is None else [f"host-{first.host}"]
        elif place.log("engine").exists():
            names.append("engine")
        return replace(end, hint="\n  ".join(line for name in names for line in _excerpt(place, name)))

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        """A task that ended by an error ends the group with it."""
        self._tasks.discard(task)
        if task.cancelled() or (problem := task.exception()) is None:
            return
        if isinstance(problem, TimeoutError):
            self.ask_end(End("timed-out", str(problem), errors.TargetError.code))
        elif isinstance(problem, errors.ShardwrightError):
            self.ask_end(End("failed", problem.message, problem.code, problem.hint))
        elif isinstance(problem, OSError):
            self.ask_end(End("failed", str(problem), errors.EnvironmentFault.code))
        elif not self._ending.done():
            self._ending.set_exception(problem)

    def _note_death(self, death: Death) -> None:
        if death.role != "found":
            outcome = {"exitCode": death.outcome.code, "signal": death.outcome.signal}
            host = None if death.host is None else f"host-{death.host}"
            self._record.event("death", host=host, process=death.name, rank=death.rank, pid=death.pid, **outcome)
        if self._first is None and not self._ending.done() and deaths.is_decisive(death):
            self._first = self._watch.deaths.index(death)
            self._begin(self._settle())

    async def _settle(self) -> None:
        """Wait until it is clear whether the first that died was taken along by another, then end the group."""
        clock = asyncio.get_running_loop().time
        began = clock()
        self._finder.find()
        takers: set[int] = set()
        while True:
            self._watch.explain()
            first = deaths.first_cause(self._watch.deaths, takers)
            taker = self._watch.ending_above(first)
            if taker is not None:
                takers.add(taker)
            patience = _SETTLE_SECONDS if taker is not None else _UNKNOWN_SECONDS
            if (taker is None and first.outcome != kernel.UNKNOWN) or clock() - began > patience:
                break
            await asyncio.sleep(0.01)
        self._first = self._watch.deaths.index(first)
        self.ask_end(End("failed", deaths.describe(first, self._setup.group), errors.TargetError.code))

    async def _keep_looking(self) -> None:
        """Find processes as soon as they give their names, others twice a second."""
        clock = asyncio.get_running_loop().time
        written: set[tuple[int, Member]] = set()
        while True:
            self._finder.find()
            if written != self._watch.members.items():
                written = set(self._watch.members.items())
                self._record.keep_members(self._watch.render())
            until = clock() + _SCAN_SECONDS
            while clock() < until and not self._finder.has_news():  # noqa: ASYNC110 - a file has no event to wait for
                await asyncio.sleep(_NEWS_SECONDS)

    async def _end_programs(self, grace_seconds: float) -> None:
        """Ask the launchers to end; wait for the leader's, and a moment for what it leaves: followers serve nobody."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + grace_seconds
        self._bring_up.ask_to_end()
        while clock() < deadline and self._watch.lives(*_PROGRAMS):
            if not self._watch.lives("launcher", host=0):
                deadline = min(deadline, clock() + _ORPHANS_SECONDS)
            await asyncio.sleep(0.01)
            self._bring_up.ask_to_end()  # who was being started when the end came


def _excerpt(place: Place, name: str) -> list[str]:
    """The end of a log, as it is put under an error."""
    lines = following.last_lines(place.log(name), _SHOWN_LINES)
    return [f"last lines of {name}:", *(f"  {line}" for line in lines)] if lines else [f"{name} wrote nothing"]
