"""Processes of this machine as /proc shows them: who descends from whom, in which namespace, with which mark.

Reads only, but for `kill_descendants`. Source of the fields: proc(5).
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from shardwright.local import kernel
from shardwright.values import frozen

__all__ = [
    "Identity",
    "Process",
    "boot_id",
    "descendants",
    "identity",
    "inner_pid",
    "is_alive",
    "kill_descendants",
    "marked",
    "namespace_of",
    "processes",
    "read_process",
    "zombie_outcome",
]

_PROC = Path("/proc")
_PF_EXITING = 0x4
# Fields of /proc/PID/stat after the name, counted from 0.
_STATE, _PARENT, _FLAGS, _START = 0, 1, 6, 19


@frozen
class Identity:
    """A process for good: numbers are given again, together with the start time they are not."""

    pid: int
    start_ticks: int
    """Clock ticks between the machine's start and the process's."""


@frozen
class Process:
    """One process at one moment."""

    pid: int
    parent: int
    name: str
    start_ticks: int
    is_ending: bool
    """Its main thread ends or has ended."""
    is_zombie: bool

    @property
    def identity(self) -> Identity:
        """What tells it from a later process of the same number."""
        return Identity(self.pid, self.start_ticks)


def read_process(pid: int) -> Process:
    """That process now; ProcessLookupError if there is none."""
    try:
        text = (_PROC / str(pid) / "stat").read_text("utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError) as gone:
        raise ProcessLookupError(pid) from gone
    before, _, after = text.rpartition(")")
    fields = after.split()
    zombie = fields[_STATE] in "ZX"
    return Process(
        pid=pid,
        parent=int(fields[_PARENT]),
        name=before.partition("(")[2],
        start_ticks=int(fields[_START]),
        is_ending=zombie or bool(int(fields[_FLAGS]) & _PF_EXITING),
        is_zombie=zombie,
    )


def processes() -> dict[int, Process]:
    """All processes by their number."""
    found: dict[int, Process] = {}
    for name in os.listdir(_PROC):  # noqa: PTH208 - plain names, hundreds of them, twice a second
        if name.isdigit():
            with contextlib.suppress(ProcessLookupError):
                found[int(name)] = read_process(int(name))
    return found


def descendants(pid: int, known: dict[int, Process]) -> set[int]:
    """Children, their children and so on; not the process itself."""
    children: dict[int, list[int]] = {}
    for process in known.values():
        children.setdefault(process.parent, []).append(process.pid)
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child not in found:
                found.add(child)
                waiting.append(child)
    return found


def identity(pid: int) -> Identity:
    """What tells that process from a later one; ProcessLookupError if there is none."""
    return read_process(pid).identity


def is_alive(wanted: Identity) -> bool:
    """Whether that very process runs; one that only waits to be collected does not."""
    try:
        process = read_process(wanted.pid)
    except ProcessLookupError:
        return False
    return process.identity == wanted and not process.is_zombie


def boot_id() -> str:
    """Differs after each start of the machine; start ticks begin anew then."""
    return (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()


def namespace_of(pid: int) -> int:
    """Number of the pid namespace; ProcessLookupError if it cannot be read."""
    try:
        return (_PROC / str(pid) / "ns/pid").stat().st_ino
    except OSError as problem:
        raise ProcessLookupError(pid) from problem


def inner_pid(pid: int) -> int:
    """Its number inside its innermost pid namespace; ProcessLookupError if there is no such process."""
    try:
        lines = (_PROC / str(pid) / "status").read_text("utf-8", errors="replace").splitlines()
    except OSError as gone:
        raise ProcessLookupError(pid) from gone
    line = next((line for line in lines if line.startswith("NSpid:")), f"NSpid: {pid}")
    return int(line.split()[-1])


def marked(mark: str) -> list[int]:
    """Processes that have this `NAME=value` in the environment they were started with; never this process itself."""
    wanted = mark.encode()
    found: list[int] = []
    for name in os.listdir(_PROC):  # noqa: PTH208 - as above
        if name.isdigit() and int(name) != os.getpid():
            with contextlib.suppress(OSError):
                if wanted in (_PROC / name / "environ").read_bytes().split(b"\0"):
                    found.append(int(name))
    return found


def zombie_outcome(pid: int, start_ticks: int) -> kernel.Outcome:
    """How a process ended that its parent has not waited for; UNKNOWN if it runs or is gone."""
    with contextlib.suppress(OSError, ProcessLookupError):
        process = read_process(pid)
        last = (_PROC / str(pid) / "stat").read_text("utf-8", errors="replace").split()[-1]
        if process.is_zombie and process.start_ticks == start_ticks:
            return kernel.outcome_of_status(int(last))
    return kernel.UNKNOWN


def kill_descendants(timeout_seconds: float) -> list[int]:
    """Kill all descendants of this process until none is left, and collect them; those that did not end in time.

    Complete where this process is a subreaper: nothing that descends from it can escape to another parent.
    """
    deadline = time.monotonic() + timeout_seconds
    while True:
        _collect_children()
        known = processes()
        living = {pid for pid in descendants(os.getpid(), known) if not known[pid].is_zombie}
        if not living or time.monotonic() > deadline:
            return sorted(living)
        for pid in living:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)


def _collect_children() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
