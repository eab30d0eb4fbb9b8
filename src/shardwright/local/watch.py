"""The processes of a group, each held by a pidfd: the order of their deaths is the order in which the kernel tells them.

Knows no host and no engine; `finding` looks for processes that nobody told of.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

from shardwright.local import deaths, kernel, proc
from shardwright.local.deaths import Death, Role
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from shardwright.local.proc import Process

__all__ = ["Member", "Watch"]


@frozen
class Member:
    """A process that lives."""

    role: Role
    name: str
    host: int | None
    process: Process
    pidfd: int


class Watch:
    """Holds all processes of one group; tells each death, in order."""

    def __init__(self, rank_pattern: str, clock: Callable[[], float], on_death: Callable[[Death], None]) -> None:
        self.members: dict[int, Member] = {}
        self.deaths: list[Death] = []
        self._rank_pattern = rank_pattern
        self._clock = clock
        self._on_death = on_death
        self._unexplained: dict[int, int] = {}  # index in deaths -> pidfd, to be asked again later

    def add(self, pid: int, *, role: Role, name: str, host: int | None) -> bool:
        """Hold a process from now on; False if it is gone. One that is held already may get a better name."""
        held = self.members.get(pid)
        if held is not None:
            if held.role == "found":
                self.members[pid] = replace(held, role=role, name=name)
            return True
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            return False
        try:
            process = proc.read_process(pid)
        except ProcessLookupError:
            os.close(pidfd)
            return False
        self.members[pid] = Member(role, name, host, process, pidfd)
        asyncio.get_running_loop().add_reader(pidfd, self._ended, pid)
        return True

    def add_missing(self, pid: int, *, role: Role, name: str, host: int) -> None:
        """A process that was told or gave its name, and was gone before it could be held."""
        self._note(Death(role, name, host, pid, 0, deaths.rank_of(name, self._rank_pattern), self._clock()))

    def ending_above(self, death: Death) -> int | None:
        """Pid of the parent or the host of this process if that is ending just now and was not seen dead yet."""
        for pid, member in list(self.members.items()):
            is_host = member.role == "host" and member.host == death.host
            if (is_host or pid == death.parent) and _is_ending(pid):
                if is_host:  # only SIGKILL ends it, and it waits for everything else in the host
                    self._ended(pid, kernel.Outcome(signal=signal.SIGKILL))
                return pid
        return None

    def _ended(self, pid: int, known: kernel.Outcome | None = None) -> None:
        member = self.members.pop(pid)
        asyncio.get_running_loop().remove_reader(member.pidfd)
        outcome = known or _outcome(member)
        if outcome == kernel.UNKNOWN:
            self._unexplained[len(self.deaths)] = member.pidfd
        else:
            os.close(member.pidfd)
        rank = deaths.rank_of(member.name, self._rank_pattern) if member.role == "announced" else None
        parent = member.process.parent
        self._note(Death(member.role, member.name, member.host, pid, parent, rank, self._clock(), outcome))

    def _note(self, death: Death) -> None:
        self.deaths.append(death)
        self._on_death(death)

    def explain(self) -> None:
        """Ask the kernel again how processes ended that had not been waited for."""
        for index, pidfd in list(self._unexplained.items()):
            outcome = kernel.outcome_of_reaped(pidfd)
            if outcome != kernel.UNKNOWN:
                self.deaths[index] = replace(self.deaths[index], outcome=outcome)
                os.close(self._unexplained.pop(index))

    def explain_launcher(self, host: int, outcome: kernel.Outcome) -> None:
        """How a launcher ended, as told by the process that started it."""
        for index, death in enumerate(self.deaths):
            if death.role == "launcher" and death.host == host and death.outcome == kernel.UNKNOWN:
                self.deaths[index] = replace(death, outcome=outcome)

    def signal(self, pid: int, number: signal.Signals) -> None:
        """Send a signal to a process that is held; nothing if it is not."""
        if pid in self.members:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.members[pid].pidfd, number)

    def render(self) -> list[dict[str, object]]:
        """The living processes as JSON values; times to tell them from later ones of the same number."""
        return [
            {
                "pid": member.process.pid,
                "startTicks": member.process.start_ticks,
                "host": None if member.host is None else f"host-{member.host}",
                "role": member.role,
                "process": member.name,
                "rank": deaths.rank_of(member.name, self._rank_pattern) if member.role == "announced" else None,
            }
            for member in self.members.values()
        ]

    def lives(self, *roles: Role, host: int | None = None) -> bool:
        """Whether a process of one of these kinds lives, on that host or on any."""
        return any(member.role in roles and host in {None, member.host} for member in self.members.values())

    def close(self) -> None:
        """Let go of all."""
        for member in self.members.values():
            asyncio.get_running_loop().remove_reader(member.pidfd)
            os.close(member.pidfd)
        for pidfd in self._unexplained.values():
            os.close(pidfd)
        self.members.clear()
        self._unexplained.clear()


def _is_ending(pid: int) -> bool:
    try:
        return proc.read_process(pid).is_ending
    except ProcessLookupError:
        return True


def _outcome(member: Member) -> kernel.Outcome:
    """How a process ended whose pidfd says so: from the kernel's record of it, or from waiting for it if it is ours."""
    pid = member.process.pid
    outcome = proc.zombie_outcome(pid, member.process.start_ticks)
    with contextlib.suppress(ChildProcessError):
        result = os.waitid(os.P_PIDFD, member.pidfd, os.WEXITED | os.WNOHANG)
        if result is not None:
            return (
                kernel.Outcome(code=result.si_status)
                if result.si_code == os.CLD_EXITED
                else kernel.Outcome(signal=result.si_status)
            )
    return kernel.outcome_of_reaped(member.pidfd) if outcome == kernel.UNKNOWN else outcome
