"""Removes what a run left: by its supervisor's guard right after a crash, else by the next command.

Files in /dev/shm and temporary folders are known by the run's label, processes by the label in their environment and by
the list that the supervisor kept, links by their name.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from shardwright import errors
from shardwright.local import proc, state
from shardwright.local.hosts.base import link_name
from shardwright.local.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shardwright.local.state import Place

__all__ = ["RUN_VARIABLE", "clean", "mark_vanished", "own", "runtime_folder", "shared_memory_prefix", "sweep"]

RUN_VARIABLE = "SHARDWRIGHT_RUN"
_OWNER = "owner.json"
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where the kernel keeps it
_LONGEST_TEMPORARY_FOLDER = 40
"""Engines put sockets below it, whose paths may have 107 characters at most."""
_LINK_SECONDS = 2.0


def runtime_folder(run: str) -> Path:
    """Where a run keeps sockets and temporary files; a short path."""
    usual = tempfile.gettempdir()
    return Path(usual if len(usual) <= _LONGEST_TEMPORARY_FOLDER else "/tmp") / f"sw-{run}"  # noqa: S108 - mode 0700


def shared_memory_prefix(run: str) -> str:
    """How names of shared memory begin where hosts share /dev/shm."""
    return f"sw{run}"


def clean(run: str, folder: Path) -> None:
    """Remove shared memory, temporary files and the link of a run whose processes are gone. Repeating it is harmless."""
    prefix = shared_memory_prefix(run)
    for pattern in (f"{prefix}*", f"sem.{prefix}*"):
        for path in _SHARED_MEMORY.glob(pattern):
            with contextlib.suppress(PermissionError):  # another user's file of the same name
                path.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    _remove_link(run)


def _remove_link(run: str) -> None:
    """Wait for the kernel to remove the link with its other end; remove it where that end is held by someone."""
    link = Path("/sys/class/net") / link_name(run)
    deadline = time.monotonic() + _LINK_SECONDS
    while link.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    if link.exists():
        from shardwright.local.hosts import links  # noqa: PLC0415 - slow to import, rarely needed

        links.remove_link(run)


def sweep(state_dir: Path, only: Place | None = None) -> tuple[str, ...]:
    """End and remove what dead supervisors left, and mark their deployments ended; the names of these.

    Leaves alone what a living supervisor holds.
    """
    swept: list[str] = []
    for place in state.places(state_dir) if only is None else (only,):
        _forget(place)
        status = state.read_json(place.status)
        if not place.folder.is_dir() or status.get("state") == "ended" or not status.get("run"):
            continue
        with (
            contextlib.suppress(
                errors.Conflict, errors.EnvironmentFault
            ),  # held by a living one; or a full disk: later
            state.take_lock(place, "lock", f"a sweep (pid {os.getpid()})"),
        ):
            _kill(_left_over(place, str(status["run"])))
            mark_vanished(
                place, "its supervisor was killed or the machine was restarted; what was left has been removed"
            )
            swept.append(place.name)
        _forget(place)
    return tuple(swept)


def own(place: Place) -> None:
    """Say that this process removes the folder at its end; if it cannot, the next sweep does."""
    place.make()
    own_identity = proc.identity(os.getpid())
    state.write_json(place.folder / _OWNER, {"pid": own_identity.pid, "ticks": own_identity.start_ticks})


def _forget(place: Place) -> None:
    """Remove the folder of a run that has ended, and whose owner has gone without doing so."""
    owner, status = state.read_json(place.folder / _OWNER), state.read_json(place.status)
    if not owner or status.get("state", "ended") != "ended":
        return
    if not proc.is_alive(proc.Identity(int(str(owner["pid"])), int(str(owner["ticks"])))):
        with (
            contextlib.suppress(errors.Conflict, errors.EnvironmentFault),
            state.take_lock(place, "lock", f"a sweep (pid {os.getpid()})"),
        ):
            place.remove()


def mark_vanished(place: Place, message: str, *, reason: Literal["failed", "stopped"] = "failed") -> None:
    """Clean up after a supervisor that could not, and write the status that it did not write."""
    status = state.read_json(place.status)
    if status.get("state") == "ended" or not status.get("run"):
        return
    record = Record(place)
    clean(record.run, record.runtime_folder)
    record.end(reason, message, code="supervisor-vanished" if reason == "failed" else "")


def _left_over(place: Place, run: str) -> set[int]:
    """Processes of a run: those that carry its label, and those that the supervisor knew and that still live."""
    found = set(proc.marked(f"{RUN_VARIABLE}={run}"))
    known = state.read_json(place.members)
    if known.get("boot") == proc.boot_id():
        for member in cast("list[dict[str, int]]", known["processes"]):
            if proc.is_alive(proc.Identity(member["pid"], member["startTicks"])):
                found.add(member["pid"])
    return found - {os.getpid()}


def _kill(pids: Iterable[int]) -> None:
    """End them and wait until they are gone, at most 5 s."""
    held: list[int] = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            held.append(os.pidfd_open(pid))
            signal.pidfd_send_signal(held[-1], signal.SIGKILL)
    deadline = time.monotonic() + 5
    for descriptor in held:
        _wait_for_end(descriptor, deadline - time.monotonic())
        os.close(descriptor)


def _wait_for_end(descriptor: int, timeout_seconds: float) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    poll.poll(max(0.0, timeout_seconds) * 1000)
