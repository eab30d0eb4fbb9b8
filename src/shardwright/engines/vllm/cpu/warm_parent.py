# ruff: noqa: INP001  a script's neighbour, found through sys.path[0]; it is no part of the tool's own package
"""The warm parent: has imported the engine once, and forks a launcher for each host that it is asked for.

Speaks JSON, one object a packet, over a SOCK_SEQPACKET socket.
Out: {"event": "warm", "seconds", "threads"}, {"event": "started", "id", "pid"}, {"event": "refused", "id", "reason"},
{"event": "exited", "id", "code", "signal"}. In: {"start": {"id", "argv", "env", "log", "processes", "enter",
"shared_memory_prefix", "folder"}}; `enter` is the pid of a host's first process, or null; `folder` the working
directory. When the other end closes, everything that was started is killed.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import pathlib
import resource
import select
import signal
import socket
import sys
import time
from typing import Any, NoReturn

import engine_imports
import engine_mends
import linux_calls
import process_rules

_PACKET_BYTES = 1 << 20


class Launchers:
    """The launchers that live, by the descriptor that becomes readable when one ends."""

    def __init__(self) -> None:
        self._by_descriptor: dict[int, tuple[str, int]] = {}

    def add(self, name: str, pid: int) -> int:
        """Watch this child; the descriptor that tells of its end."""
        descriptor = os.pidfd_open(pid)
        self._by_descriptor[descriptor] = (name, pid)
        return descriptor

    def reap(self, descriptor: int) -> dict[str, object]:
        """The event that tells how this child ended."""
        name, pid = self._by_descriptor.pop(descriptor)
        os.close(descriptor)
        _, status = os.waitpid(pid, 0)
        by_signal = os.WIFSIGNALED(status)
        return {
            "event": "exited",
            "id": name,
            "code": None if by_signal else os.WEXITSTATUS(status),
            "signal": os.WTERMSIG(status) if by_signal else None,
        }

    def close(self) -> None:
        """Forget all, in a child that was forked."""
        for descriptor in self._by_descriptor:
            os.close(descriptor)
        self._by_descriptor.clear()

    def kill(self) -> None:
        """End every launcher with its process group; what they forked dies with them."""
        for descriptor, (_, pid) in list(self._by_descriptor.items()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)  # when it had not made its group yet
            self.reap(descriptor)


def serve(descriptor: int) -> int:
    """Import the engine, then start launchers until the other end of the socket closes."""
    control = socket.socket(fileno=descriptor)
    process_rules.follow(os.getppid())
    process_rules.watch_forks()
    process_rules.write_names_at_start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; who started this decides
    gc.disable()  # nothing that is imported is rubbish; looking for it takes a quarter of the time
    began = time.monotonic()
    given = dict(os.environ)
    engine_mends.mend_version()
    engine_imports.import_engine()
    engine_mends.mend_after_import(fork=True)
    set_at_import = {name: value for name, value in os.environ.items() if given.get(name) != value}
    gc.freeze()  # pages of what was imported stay shared with every fork
    gc.enable()
    threads = sum(1 for _ in pathlib.Path("/proc/self/task").iterdir())
    _send(control, {"event": "warm", "seconds": round(time.monotonic() - began, 3), "threads": threads})
    launchers = Launchers()
    try:
        wanted = _answer(control, launchers)
    finally:
        launchers.kill()
    return 0 if wanted is None else _become_host(wanted, set_at_import)


def _answer(control: socket.socket, launchers: Launchers) -> dict[str, Any] | None:
    """Start and watch launchers. In this process: None at the end; in each fork: what it is to become."""
    poll = select.poll()
    poll.register(control, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor != control.fileno():
                poll.unregister(descriptor)
                _send(control, launchers.reap(descriptor))
                continue
            packet = _receive(control)
            if not packet:
                return None
            wanted = json.loads(packet)["start"]
            try:
                pid = os.fork()
            except OSError as error:
                _send(control, {"event": "refused", "id": wanted["id"], "reason": f"fork: {error.strerror}"})
                continue
            if pid == 0:
                control.close()
                launchers.close()
                return wanted
            poll.register(launchers.add(wanted["id"], pid), select.POLLIN)
            _send(control, {"event": "started", "id": wanted["id"], "pid": pid})


def _receive(control: socket.socket) -> bytes:
    """The next packet; empty when the other end is gone, also if it left events unread."""
    try:
        return control.recv(_PACKET_BYTES)
    except ConnectionResetError:
        return b""


def _send(control: socket.socket, event: dict[str, object]) -> None:
    with contextlib.suppress(ConnectionError):  # the next read says that the other end is gone
        control.send(json.dumps(event).encode())


def _become_host(wanted: dict[str, Any], set_at_import: dict[str, str]) -> int:
    """Turn the fork into one host's launcher; the exit code of the engine's command."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _redirect(wanted["log"])
    process_rules.write_names_to(wanted["processes"])
    if wanted["enter"] is not None:
        linux_calls.enter_namespaces(linux_calls.open_namespaces(wanted["enter"]))
        pid = process_rules.fork_into_pid_namespace()
        if pid:
            _mirror(pid)
    os.chdir(wanted.get("folder", "/"))  # entering a mount namespace leads to its root
    process_rules.write_name("launcher")
    process_rules.name_shared_memory(wanted["shared_memory_prefix"])
    engine_imports.take_environment(wanted["env"], set_at_import)
    return engine_imports.run_command(wanted["argv"])


def _redirect(path: str) -> None:
    """Send output and errors, Python's and the libraries', to the end of this file, line by line."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdout.reconfigure(line_buffering=True)
    sys.stderr.reconfigure(line_buffering=True)


def _mirror(pid: int) -> NoReturn:
    """Wait for the launcher inside the namespace, pass signals on to it, and end the way it ended."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: os.kill(pid, received))
    _, status = os.waitpid(pid, 0)
    if not os.WIFSIGNALED(status):
        os._exit(os.WEXITSTATUS(status))
    number = os.WTERMSIG(status)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if number not in {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)
