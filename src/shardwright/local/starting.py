"""Starts the supervisor of a deployment and waits until it has made the hosts; the command's side of it."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import sys
import time
from typing import TYPE_CHECKING, cast

from shardwright import errors
from shardwright.local import following, spec, state, sweeping

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from shardwright.local.spec import LocalGroup
    from shardwright.local.state import Place

__all__ = ["commanding", "demand", "new_run", "problem_of", "start"]

_START_SECONDS = 60.0
_UNDO_SECONDS = 20.0
_POLL_SECONDS = 0.01
_PROBLEMS: dict[str, type[errors.ShardwrightError]] = {
    kind.code: kind for kind in (errors.InputError, errors.Conflict, errors.EnvironmentFault, errors.TargetError)
}


def start(place: Place, group: LocalGroup, run: str, *, tied: bool) -> None:
    """Start the group's supervisor; it is past making hosts when this returns.

    `tied`: it ends when this process does. Conflict if the deployment runs already or a pinned port is taken;
    EnvironmentFault if this machine cannot make the hosts. Whatever interrupts this call ends what it started.
    """
    kind = "a rehearsal" if tied else "a deployment"
    holder = f"{kind} that pid {os.getpid()} started at {time.strftime('%Y-%m-%d %H:%M:%S')}"
    guard, is_ours = 0, False
    try:
        with state.take_lock(place, "lock", holder) as lock, _uninterrupted():
            is_ours = True
            _write(place, group, run, tied=tied)
            guard = _spawn(place, lock, tied=tied)  # which takes the lock over
        _await_hosts(place, guard)
    except BaseException:
        if is_ours:
            _undo(place, guard)
        raise


def new_run() -> str:
    """A label for a run, different from all others."""
    return secrets.token_hex(4)


@contextlib.contextmanager
def commanding(place: Place) -> Generator[None]:
    """Be the only command that changes this deployment; Conflict names the other one."""
    with state.take_lock(place, "command.lock", f"another command (pid {os.getpid()})"):
        yield


def problem_of(status: Mapping[str, object]) -> errors.ShardwrightError:
    """The error in a status that ended badly, as a user is told."""
    kind = _PROBLEMS.get(str(status.get("code")), errors.TargetError)
    return kind(
        f"{status.get('namespace')}/{status.get('name')}: {status.get('message')}", hint=str(status.get("hint"))
    )


@contextlib.contextmanager
def _uninterrupted() -> Generator[None]:
    """Let a Ctrl-C wait until the block is over; the new process is not affected."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _undo(place: Place, guard: int) -> None:
    """End what was started; guard and supervisor are both gone once the lock is free."""
    if guard:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(guard, signal.SIGTERM)
            os.waitpid(guard, 0)
    deadline = time.monotonic() + _UNDO_SECONDS
    while time.monotonic() < deadline:
        try:
            with state.take_lock(place, "lock", f"a command that ends (pid {os.getpid()})"):
                return sweeping.mark_vanished(place, "interrupted before its hosts were made", reason="stopped")
        except errors.Conflict:
            time.sleep(_POLL_SECONDS)
    return None


def demand(group: LocalGroup) -> None:
    """What must be so before anything is touched; EnvironmentFault if it is not."""
    if sys.platform != "linux":
        raise errors.EnvironmentFault(
            f"groups run on Linux only; this is {sys.platform}",
            hint="plan and render work here; run it on a Linux machine",
        )
    if group.engine.python is None:
        raise errors.EnvironmentFault(
            f"{group.namespace}/{group.name}: no installed engine is named to run it",
            hint="install one: shardwright engine install",
        )


def _write(place: Place, group: LocalGroup, run: str, *, tied: bool) -> None:
    """What the supervisor finds: the group, its revision and a first status."""
    body = spec.render_group(group)
    place.clear_run()
    state.write_json(place.spec, body)
    revision = state.write_revision(
        place, {"run": run, "tied": tied, "at": round(time.time(), 3), "group": body, "outcome": None}
    )
    unknown_yet = ("reason", "hostKind", "address", "servePort", "groupPort", "url", "warmSeconds", "readySeconds")
    state.write_json(
        place.status,
        {
            "name": group.name,
            "namespace": group.namespace,
            "state": "preparing",
            "message": "",
            "code": "",
            "hint": "",
            **dict.fromkeys((*unknown_yet, "firstDeath", "endedAt", "supervisor", "guard")),
            "hosts": [],
            "run": run,
            "tied": tied,
            "revision": revision,
            "recipeDigest": group.recipe_digest,
            "startedAt": round(time.time(), 3),
            "runtimeFolder": str(sweeping.runtime_folder(run)),
            "logs": str(place.log("host-0").parent),
        },
    )


def _spawn(place: Place, lock: int, *, tied: bool) -> int:
    """The guard's pid. It has a session of its own: a Ctrl-C in the terminal reaches only this command."""
    from shardwright.local import proc  # noqa: PLC0415 - Linux only

    argv = [sys.executable, "-P", "-m", "shardwright.local.supervisor", str(place.folder), "--lock", str(lock)]
    if tied:
        own = proc.identity(os.getpid())
        argv += ["--starter", str(own.pid), str(own.start_ticks)]
    log = (str(place.log("supervisor")), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, *log),
        (os.POSIX_SPAWN_DUP2, 1, 2),
        (os.POSIX_SPAWN_DUP2, lock, lock),  # onto itself: it stays open in the new program
    ]
    return os.posix_spawn(sys.executable, argv, os.environ, file_actions=actions, setsid=True, setsigmask=())


def _await_hosts(place: Place, guard: int) -> None:
    """Wait until the hosts stand. Without its guard the supervisor still ends in order, and says why: it is waited for."""
    ended: str | None = None
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        status = state.read_json(place.status)
        if status["state"] == "ended" and status["reason"] != "stopped":
            if ended is None:
                os.waitpid(guard, 0)
            raise problem_of(status)
        if status["state"] != "preparing":
            return
        if ended is not None and not _is_supervised(status):
            said = following.last_lines(place.log("supervisor"), 3)
            raise errors.EnvironmentFault(
                f"{place.name}: the supervisor did not start: {' | '.join(said) or ended}",
                hint="try again; dmesg tells whether the kernel ended it for want of memory",
            )
        ended = ended or _collect(guard)
        time.sleep(_POLL_SECONDS)
    raise errors.EnvironmentFault(f"{place.name}: the supervisor made no hosts in {_START_SECONDS:.0f} s")


def _collect(guard: int) -> str | None:
    """How the guard ended; None if it runs."""
    from shardwright.local import kernel  # noqa: PLC0415 - Linux only

    pid, status = os.waitpid(guard, os.WNOHANG)
    if not pid:
        return None
    outcome = kernel.outcome_of_status(status)
    if outcome.signal is None:
        return f"its guard exited with code {outcome.code}"
    return f"the supervisor's guard was killed by {signal.Signals(outcome.signal).name}"


def _is_supervised(status: Mapping[str, object]) -> bool:
    """Whether the supervisor of that status lives."""
    from shardwright.local import proc  # noqa: PLC0415 - Linux only

    known = status.get("supervisor")
    return known is not None and proc.is_alive(proc.Identity(*cast("list[int]", known)))
