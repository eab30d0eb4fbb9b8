# ruff: noqa: INP001  a script's neighbour, found through sys.path[0]; it is no part of the tool's own package
"""What every process of the engine does, whoever starts it: die with its parent, write its name, name its shared memory.

Knows multiprocessing and Linux, not the engine. Source for names and defaults: CPython 3.11 to 3.13, Lib/multiprocessing.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from multiprocessing import process, shared_memory

import linux_calls


class _Lineage:
    """Who forks, noted just before each fork, so that the child can tell whether its parent still lives."""

    pid = 0
    is_main_thread = False
    leaves_pid_namespace = False
    is_watched = False


class _ProcessLog:
    """The open file to which each process writes its name and pid; inherited by every fork."""

    descriptor: int | None = None


def watch_forks() -> None:
    """Let every process forked from now on die with the process that forked it, at any depth.

    The kernel's signal comes when the *thread* that forked ends, so a fork made by any other thread than the main one
    is left alone.
    """
    if not _Lineage.is_watched:
        _Lineage.is_watched = True
        os.register_at_fork(before=_note_parent, after_in_child=_follow_parent)


def follow(parent_pid: int) -> None:
    """Die with the parent from now on; end at once when it is gone already."""
    linux_calls.die_with_parent(signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(1)


def fork_into_pid_namespace() -> int:
    """Fork when a pid namespace was entered: the child sees no parent, so a pipe tells it whether it lives."""
    read_end, write_end = os.pipe()
    _Lineage.leaves_pid_namespace = True
    pid = os.fork()
    _Lineage.leaves_pid_namespace = False
    if pid:
        os.close(read_end)  # the write end stays open as long as this process lives
        return pid
    os.close(write_end)
    os.set_blocking(read_end, False)
    try:
        os.read(read_end, 1)
        os._exit(1)  # end of file: the parent died before this process asked to die with it
    except BlockingIOError:
        os.close(read_end)
    return 0


def _note_parent() -> None:
    _Lineage.pid = os.getpid()
    _Lineage.is_main_thread = threading.current_thread() is threading.main_thread()


def _follow_parent() -> None:
    if not _Lineage.is_main_thread:
        return
    linux_calls.die_with_parent(signal.SIGKILL)
    if not _Lineage.leaves_pid_namespace and os.getppid() != _Lineage.pid:
        os._exit(1)


def write_names_to(path: str) -> None:
    """Append one JSON line, name and pid, for each process that multiprocessing starts from now on.

    Opened once and inherited, so that it is found even where the mount tree changes afterwards.
    """
    _ProcessLog.descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)


def write_name(name: str) -> None:
    """One line in one write: lines of processes that start at the same time do not mix."""
    if _ProcessLog.descriptor is not None:
        os.write(_ProcessLog.descriptor, json.dumps({"name": name, "pid": os.getpid()}).encode() + b"\n")


def write_names_at_start() -> None:
    """Make the name the first thing that a process of multiprocessing does."""
    bootstrap = process.BaseProcess._bootstrap  # noqa: SLF001  there is no public place that runs first in the child

    def bootstrap_with_name(self: process.BaseProcess, *arguments: object, **named: object) -> object:
        write_name(self.name)
        return bootstrap(self, *arguments, **named)

    process.BaseProcess._bootstrap = bootstrap_with_name  # noqa: SLF001  likewise


def name_shared_memory(prefix: str) -> None:
    """Begin the names of shared memory and semaphores with this prefix, so that a sweep after SIGKILL knows them.

    They appear in /dev/shm as PREFIX... and sem.PREFIX...; without a prefix Python says psm_... and sem.mp-...
    """
    shared_memory._SHM_NAME_PREFIX = f"/{prefix}-"  # noqa: SLF001  no public setting
    shared_memory._SHM_SAFE_NAME_LENGTH = len(prefix) + 2 + 16  # noqa: SLF001  its own limit of 14 is for other systems
    process.current_process()._config["semprefix"] = f"/{prefix}"  # noqa: SLF001  children inherit it
