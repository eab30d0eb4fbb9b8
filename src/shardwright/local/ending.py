"""Ends a deployment from outside: asks its supervisor, waits until it and its guard are gone, insists if it must."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
import time
from typing import TYPE_CHECKING, cast

from shardwright import errors
from shardwright.local import proc, state

if TYPE_CHECKING:
    from collections.abc import Generator

    from shardwright.local.state import Place

__all__ = ["end", "uninterrupted"]

_WRITTEN_SECONDS = 5.0
_END_SECONDS = 20.0
_KILL_SECONDS = 15.0


def end(place: Place) -> None:
    """Return when neither supervisor nor guard runs; TargetError if they cannot be ended."""
    supervisor, guard = (_open(place, name) for name in ("supervisor", "guard"))
    held = {pidfd for pidfd in (supervisor, guard) if pidfd is not None}
    try:
        _send(supervisor if supervisor is not None else guard, signal.SIGTERM)
        if not _wait(held, _END_SECONDS):
            _send(supervisor, signal.SIGKILL)  # its guard ends the group and cleans up
            if not _wait(held, _KILL_SECONDS):
                raise errors.TargetError(
                    f"{place.name}: its supervisor does not end", hint=f"see {place.log('supervisor')}"
                )
    finally:
        for pidfd in held:
            os.close(pidfd)
    _collect(place)


@contextlib.contextmanager
def uninterrupted() -> Generator[None]:
    """Let an end that has begun come to its end: a second Ctrl-C would leave half of it. It takes seconds at most."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread alone
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _open(place: Place, name: str) -> int | None:
    """A pidfd of the supervisor or the guard; None if it is gone. Waits for one that starts just now."""
    deadline = time.monotonic() + _WRITTEN_SECONDS
    while time.monotonic() < deadline:
        status = state.read_json(place.status)
        if status.get(name) is not None:
            return _hold(proc.Identity(*cast("list[int]", status[name])))
        if status.get("state", "ended") == "ended":
            return None
        time.sleep(0.02)
    return None


def _hold(wanted: proc.Identity) -> int | None:
    try:
        pidfd = os.pidfd_open(wanted.pid)
    except ProcessLookupError:
        return None
    if proc.is_alive(wanted):
        return pidfd
    os.close(pidfd)
    return None


def _send(pidfd: int | None, number: signal.Signals) -> None:
    if pidfd is not None:
        try:
            signal.pidfd_send_signal(pidfd, number)
        except ProcessLookupError:
            return
        except PermissionError as problem:
            raise errors.AccessError(
                "its supervisor belongs to another user", hint="use that user's account"
            ) from problem


def _wait(held: set[int], timeout_seconds: float) -> bool:
    """Whether all of these processes end in time."""
    deadline = time.monotonic() + timeout_seconds
    for pidfd in held:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            return False
    return True


def _collect(place: Place) -> None:
    """If the guard is a child of this process, collect it."""
    guard = state.read_json(place.status).get("guard")
    if guard is not None:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(cast("list[int]", guard)[0], os.WNOHANG)
