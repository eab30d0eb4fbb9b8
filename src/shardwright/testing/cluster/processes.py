"""The processes of one run: each with a log file, watched while something is waited for, killed at the end.

The kernel kills them when the process that started them dies. To be used from the main thread (`local.spawning`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.local import spawning

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

__all__ = ["Processes"]

_LOG_LINES = 20
_POLL_SECONDS = 0.05
_GO_SETTINGS = {"GOGC": "400", "GOMEMLIMIT": "2GiB"}
"""Programs in Go look for garbage a quarter as often: memory is plentiful in a test, processors are not."""
_OTHERS_SETTINGS = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "KUBECONFIG")


class Processes:
    """What one run has started, by name; `kill_all` at its end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pids: dict[str, int] = {}
        self._commands: dict[str, tuple[spawning.Command, bool, Callable[[], None] | None]] = {}

    @property
    def pids(self) -> Mapping[str, int]:
        """Pid of each process that was started and not stopped."""
        return self._pids

    def log(self, name: str) -> Path:
        """Where that process writes."""
        return self._folder / f"{name}.log"

    def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        first_of_namespace: bool = False,
        prepare: Callable[[], None] | None = None,
    ) -> int:
        """Start a program and return its pid; EnvironmentFault if it cannot be started.

        The environment is this process's own without proxies, with `environment` on top; the rest is as `spawning` has it.
        """
        own = {key: value for key, value in os.environ.items() if key.upper() not in _OTHERS_SETTINGS}
        command = spawning.Command(tuple(argv), _GO_SETTINGS | own | dict(environment or {}), self.log(name))
        self._commands[name] = (command, first_of_namespace, prepare)
        return self.start_again(name)

    def start_again(self, name: str) -> int:
        """Start a program as it was started before; its log goes on. It must have been stopped."""
        command, first, prepare = self._commands[name]
        try:
            pid = spawning.spawn(command, first_of_namespace=first, prepare=prepare)
        except OSError as problem:
            raise errors.EnvironmentFault(
                f"{command.argv[0]} cannot be started: {problem.strerror}",
                hint="if it was built for the test cluster, remove it to have it built again",
            ) from problem
        self._pids[name] = pid
        return pid

    def send(self, name: str, number: int) -> None:
        """Send a signal, as SIGSTOP and SIGCONT to have a process hang for a while."""
        os.kill(self._pids[name], number)

    def stop(self, name: str, number: int = signal.SIGKILL) -> None:
        """End one process and wait until it is gone."""
        _kill(self._pids[name], number)
        _collect(self._pids.pop(name))

    def kill_all(self) -> None:
        """End all of them, the last that was started first, and wait until they are gone."""
        pids = list(reversed(self._pids.values()))
        self._pids.clear()
        for pid in pids:
            _kill(pid, signal.SIGKILL)
        for pid in pids:
            _collect(pid)

    def wait_until(self, is_so: Callable[[], bool], what: str, of: str, *, timeout_seconds: float) -> None:
        """Wait for something that the process `of` brings about.

        TargetError, with what it logged, if any process of the run ends meanwhile or it does not come in time.
        """
        deadline = time.monotonic() + timeout_seconds
        while not is_so():
            self.demand_alive()
            if time.monotonic() > deadline:
                raise errors.TargetError(
                    f"{what} not within {timeout_seconds:.0f} s; last lines of {of}:\n{self.last_lines(of)}"
                )
            time.sleep(_POLL_SECONDS)

    def demand_alive(self) -> None:
        """TargetError, with what it logged, if a process has ended that was not stopped."""
        for name, pid in self._pids.items():
            if os.waitpid(pid, os.WNOHANG)[0]:
                del self._pids[name]
                raise errors.TargetError(f"{name} ended by itself:\n{self.last_lines(name)}")

    def last_lines(self, name: str, count: int = _LOG_LINES) -> str:
        """The end of a process's log, for messages."""
        lines = self.log(name).read_text("utf-8", errors="replace").splitlines() if self.log(name).exists() else []
        return "\n".join(f"  {line}" for line in lines[-count:])


def _kill(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _collect(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
