"""Which death of a group was the first cause. Pure: it is given what was seen.

Two things hide it. A process that is killed takes others along, by the kernel's parent-death signal or with its host,
and these can be gone before it is. And an engine's launcher may exit seconds after the process that really died.
"""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING, Literal

from shardwright.local import kernel
from shardwright.local.kernel import Outcome
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from shardwright.local.spec import LocalGroup

__all__ = ["Death", "Role", "describe", "first_cause", "is_decisive", "rank_of", "render_death"]

Role = Literal["launcher", "announced", "found", "host", "engine"]
"""The process that a host was told to run; one that gave its name; one that was only seen; the first process of a host;
the one that has loaded the engine for all hosts."""

LOOK_BACK_SECONDS = 15.0
"""How long an engine may take to exit because of a process that died before. Measured: 4.5 s (vLLM 0.32)."""
_CRASHES = frozenset({signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE})


@frozen
class Death:
    """The end of one process of the group."""

    role: Role
    name: str
    host: int | None
    """None: of no single host."""
    pid: int
    parent: int
    """Its parent when it was first seen; 0: of no interest."""
    rank: int | None
    seconds: float
    """Since the supervisor began."""
    outcome: Outcome = kernel.UNKNOWN


def rank_of(name: str, pattern: str) -> int | None:
    """The rank in a process's name, if it has one."""
    match = re.search(pattern, name)
    return int(match[1]) if match and (match[1] or "").isdigit() else None


def is_decisive(death: Death) -> bool:
    """Whether the group ends with it.

    A launcher, a host and the engine's loader: always. A process that gave its name: unless it was no rank and ended
    well. Others: never.
    """
    if death.role in {"launcher", "host", "engine"}:
        return True
    return death.role == "announced" and (death.rank is not None or death.outcome != Outcome(code=0))


def first_cause(deaths: Sequence[Death], takers: Collection[int] = ()) -> Death:
    """The death that led to the others; `deaths` are in the order in which they were seen, one is decisive.

    `takers`: pids that were already ending when the end of a child was noticed.
    """
    trigger = next(death for death in deaths if is_decisive(death))
    earlier = deaths[: deaths.index(trigger)]
    first = next((death for death in earlier if _is_crash_before(death, trigger)), trigger)
    while (taken_along_by := _killer(first, deaths, takers)) is not None:
        first = taken_along_by
    return first


def _is_crash_before(death: Death, trigger: Death) -> bool:
    crashed = death.outcome.signal is not None and death.outcome.signal in _CRASHES
    return crashed and trigger.seconds - death.seconds <= LOOK_BACK_SECONDS


def _killer(death: Death, deaths: Sequence[Death], takers: Collection[int]) -> Death | None:
    """The parent or host with which this process went; None if it died by itself.

    What goes with another is killed. A parent that exits because its child died does so later, with a code.
    """
    if death.outcome not in {kernel.UNKNOWN, Outcome(signal=signal.SIGKILL)} or death.role in {"host", "engine"}:
        return None
    for other in deaths:
        if other is death or other.role == death.role == "launcher":
            continue  # one launcher may be two processes, outside and inside of a namespace; each ends as the other did
        is_parent = other.pid == death.parent and (other.outcome.signal is not None or other.pid in takers)
        if is_parent or (other.role == "host" and other.host == death.host):
            return other
    return None


def describe(death: Death, group: LocalGroup) -> str:
    """Who died and how, for people: `rank 1 (VllmWorker-1, pid 812) on host-1 was killed by SIGKILL after 12.3 s`."""
    place = "" if death.host is None else f" on host-{death.host}"
    if death.rank is not None:
        who = f"rank {death.rank} ({death.name}, pid {death.pid}){place}"
    else:
        name = {"host": f"host-{death.host} itself", "launcher": f"the launcher of host-{death.host}"}
        numbers = ranks_with(death, group)
        shown = f"rank {numbers[0]}" if len(numbers) == 1 else f"ranks {numbers[0]} to {numbers[-1]}"
        who = f"{name.get(death.role, death.name + place)} (pid {death.pid}), with {shown},"
    return f"{who} {_manner(death.outcome)} after {death.seconds:.1f} s"


def ranks_with(death: Death, group: LocalGroup) -> tuple[int, ...]:
    """The ranks that cannot go on without this process: its own, those of its host, or all."""
    if death.rank is not None:
        return (death.rank,)
    hosts = range(group.hosts) if death.host is None else (death.host,)
    return tuple(rank for host in hosts for rank in group.ranks(host))


def _manner(outcome: Outcome) -> str:
    if outcome.signal is not None:
        return f"was killed by {_signal_name(outcome.signal)}"
    if outcome.code is not None:
        return f"exited with code {outcome.code}"
    return "ended, how is not known,"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


def render_death(death: Death, group: LocalGroup, log_lines: Sequence[str]) -> dict[str, object]:
    """As it stands in the status."""
    number = death.outcome.signal
    return {
        "text": describe(death, group),
        "host": None if death.host is None else f"host-{death.host}",
        "process": death.name,
        "rank": death.rank,
        "ranks": list(ranks_with(death, group)),
        "pid": death.pid,
        "exitCode": death.outcome.code,
        "signal": number,
        "signalName": None if number is None else _signal_name(number),
        "seconds": round(death.seconds, 3),
        "log": list(log_lines),
    }
