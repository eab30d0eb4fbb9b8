"""Starts one process that dies with this one: its own session, the kernel's death signal, a host's namespaces.

The child runs a few system calls between fork and exec; what fails there is raised here. To be called from the main
thread of a process with one thread: the death signal follows the thread, and so does the pid namespace of children.
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING, NoReturn

from shardwright.local import kernel
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from pathlib import Path

__all__ = ["Command", "spawn"]

_NAMESPACES = kernel.NEW_NETWORK | kernel.NEW_IPC | kernel.NEW_UTS | kernel.NEW_MOUNTS


@frozen
class Command:
    """What to run."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    """All of it; the program is looked for in its PATH."""
    output: Path
    """Where output and errors are appended."""
    inherited: int | None = None
    """A descriptor that the program gets under the same number."""


def spawn(
    command: Command,
    *,
    enter: int | None = None,
    first_of_namespace: bool = False,
    prepare: Callable[[], None] | None = None,
) -> int:
    """Start it and return its pid once the program runs; OSError if it cannot.

    `enter`: pid of a host's first process, whose namespaces it is to run in. `first_of_namespace`: it becomes the first
    process of a new pid namespace. `prepare` runs in the child just before the program.
    """
    living, witness = os.pipe()  # at its end when this process is gone
    trouble, report = os.pipe()  # closed by exec
    host = None if enter is None else os.pidfd_open(enter)
    try:
        with _children_in(host, first_of_namespace=first_of_namespace):
            pid = os.fork()
            if pid == 0:  # the child never leaves this block: it has no way back to the parent's namespace
                os.close(witness)
                _become(command, living, report, host, prepare)
    finally:
        for descriptor in (living, report, *(() if host is None else (host,))):
            os.close(descriptor)
    try:
        _raise_reported(trouble, pid)
    finally:
        os.close(witness)
    return pid


@contextlib.contextmanager
def _children_in(host: int | None, *, first_of_namespace: bool) -> Generator[None]:
    """Have children in another pid namespace for a while: that of a host, or a new one."""
    if not first_of_namespace:
        with kernel.in_namespace(host, "pid", kernel.NEW_PIDS):
            yield
        return
    own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    try:
        kernel.unshare(kernel.NEW_PIDS)
        try:
            yield
        finally:
            kernel.enter_namespaces(own, kernel.NEW_PIDS)
    finally:
        os.close(own)


def _become(
    command: Command, living: int, report: int, host: int | None, prepare: Callable[[], None] | None
) -> NoReturn:
    """The child's way to its program; never returns."""
    try:
        os.setsid()
        kernel.set_death_signal(signal.SIGKILL)
        os.set_blocking(living, False)
        with contextlib.suppress(BlockingIOError):
            os.read(living, 1)  # not blocked: the parent ended before the death signal was set
            os._exit(1)
        _attach(command)
        folder = os.getcwd()  # noqa: PTH109 - between fork and exec nothing but system calls
        if host is not None:
            kernel.enter_namespaces(host, _NAMESPACES)
            os.chdir(folder)  # the mount namespace began at its root
        if prepare is not None:
            prepare()
        _reset_signals()
        os.execvpe(command.argv[0], command.argv, command.environment)  # noqa: S606 - no shell is wanted
    except (OSError, ValueError) as problem:  # ValueError: a null character in a text
        os.write(report, f"{getattr(problem, 'errno', 0) or 0} {problem}".encode())
    finally:
        os._exit(127)


def _attach(command: Command) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(command.output, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for source, number in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, number)
    if command.inherited is not None:
        os.set_inheritable(command.inherited, True)  # noqa: FBT003 - its signature


def _reset_signals() -> None:
    """Undo what Python ignores and what the parent holds back; both would outlive exec."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _raise_reported(trouble: int, pid: int) -> None:
    with os.fdopen(trouble, "rb") as source:
        text = source.read().decode()
    if text:
        os.waitpid(pid, 0)
        number, _, message = text.partition(" ")
        raise OSError(int(number), message)
