"""Groups of the stand-in engine, and what of a run is still to be seen on this machine."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shardwright.local import proc, sweeping
from shardwright.local.hosts.base import link_name
from shardwright.local.spec import EngineProcess, LocalGroup, Program

if TYPE_CHECKING:
    from collections.abc import Callable

    from shardwright.local.runner import LocalRunner

ENGINE = str(Path(__file__).with_name("local_fake_engine.py"))
HOST_KINDS = ["netns", "loopback"] if os.geteuid() == 0 else ["loopback"]


def group(*, warm: bool = True, hosts: int = 2, ranks: int = 2, environment: dict[str, str] | None = None, **fields: Any) -> LocalGroup:
    """Two hosts with two ranks each, started by a warm parent, unless said otherwise."""
    variables = {"FAKE_HOSTS": str(hosts), "FAKE_RANKS": str(ranks), **(environment or {})}
    program = Program(("serve",) if warm else (sys.executable, ENGINE, "serve"), tuple(variables.items()))
    engine = EngineProcess(sys.executable, (sys.executable, ENGINE, "warm") if warm else None)
    made = LocalGroup("fake", "tests", hosts, ranks, program, program, r"VllmWorker-(\d+)", "/health", 20, engine=engine)
    return dataclasses.replace(made, **fields)


def run_of(runner: LocalRunner, name: str = "fake") -> str:
    """Label of the run."""
    return str(runner.observe("tests", name)["run"])


def left_of(run: str, state_dir: Path) -> list[str]:
    """Whatever of a run is still there: processes, links, shared memory, files."""
    found = [f"process {pid}: {_command(pid)}" for pid in proc.marked(f"{sweeping.RUN_VARIABLE}={run}")]
    found += [f"process {pid}: {_command(pid)}" for pid in proc.processes() if str(state_dir) in _command(pid)]
    prefix = sweeping.shared_memory_prefix(run)
    places = [Path("/sys/class/net", link_name(run)), sweeping.runtime_folder(run)]
    places += [*Path("/dev/shm").glob(f"{prefix}*"), *Path("/dev/shm").glob(f"sem.{prefix}*")]
    return found + [str(place) for place in places if place.exists()]


def namespaces() -> set[int]:
    """Numbers of all pid and network namespaces that processes of this machine are in."""
    found: set[int] = set()
    for pid in proc.processes():
        with contextlib.suppress(OSError):
            found |= {os.stat(f"/proc/{pid}/ns/{kind}").st_ino for kind in ("pid", "net")}
    return found


def _command(pid: int) -> str:
    """Its command line; empty for this process itself and for one that only waits to be collected."""
    try:
        return "" if pid == os.getpid() else Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def wait_for(condition: Callable[[], bool], timeout_seconds: float = 10) -> None:
    """Until the condition holds; AssertionError if it does not in time."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def processes_of(run: str) -> dict[str, int]:
    """Pids of a run by what they are: `host-0`, `engine`, `supervisor` ... are told by their command lines."""
    found: dict[str, int] = {}
    for pid in sorted(proc.marked(f"{sweeping.RUN_VARIABLE}={run}")):
        command = _command(pid)
        for name in ("first_process.py host-0", "first_process.py host-1", "local_fake_engine.py warm"):
            if name in command:
                found[name.split(" ")[-1]] = pid
    return found
