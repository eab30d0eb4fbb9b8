"""Groups of the stand-in engine, and what of a run is still to be seen on this machine."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from shardwright import errors
from shardwright.local import proc, sweeping
from shardwright.local.hosts.base import link_name
from shardwright.local.spec import EngineProcess, LocalGroup, Program
from waiting import wait_for

if TYPE_CHECKING:
    from shardwright.local.runner import LocalRunner
    from shardwright.local.spec import HostKind

ENGINE = str(Path(__file__).with_name("local_fake_engine.py"))
HOST_KINDS: list[HostKind] = ["netns", "loopback"] if os.geteuid() == 0 else ["loopback"]


def group(
    *, warm: bool = True, hosts: int = 2, ranks: int = 2, environment: dict[str, str] | None = None, **fields: object
) -> LocalGroup:
    """Two hosts with two ranks each, started by a warm parent, unless said otherwise."""
    variables = {"FAKE_HOSTS": str(hosts), "FAKE_RANKS": str(ranks), **(environment or {})}
    program = Program(("engine", "serve") if warm else (sys.executable, ENGINE, "serve"), tuple(variables.items()))
    engine = EngineProcess(sys.executable, (sys.executable, ENGINE, "warm") if warm else None)
    made = LocalGroup(
        "fake", "tests", hosts, ranks, program, program, r"VllmWorker-(\d+)", "/health", 20, engine=engine
    )
    return dataclasses.replace(made, **cast("Any", fields))


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


def _command(pid: int) -> str:
    """Its command line; empty for this process itself and for one that only waits to be collected."""
    try:
        return "" if pid == os.getpid() else Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def pids_of(runner: LocalRunner, name: str = "fake") -> dict[str, int]:
    """Pids of a running group by what they are: `rank 0`, `launcher host-0`, `host host-0`, `engine`, `supervisor` ..."""
    status: Any = runner.observe("tests", name)
    found = {role: status[role][0] for role in ("supervisor", "guard") if status[role]}
    for member in status["processes"]:
        label = f"{member['role']} {member['host']}" if member["host"] else member["role"]
        found[label if member["rank"] is None else f"rank {member['rank']}"] = member["pid"]
    return found


def bring_up(runner: LocalRunner, name: str = "fake", ranks: int = 4) -> dict[str, int]:
    """Wait until a group serves and all of its ranks are known; its pids."""
    for _ in runner.changes("tests", name):
        pass
    wait_for(lambda: sum(label.startswith("rank") for label in pids_of(runner, name)) == ranks)
    return pids_of(runner, name)


def state_of(runner: LocalRunner, name: str = "fake") -> str:
    """State of the group; empty while there is none."""
    try:
        return str(runner.observe("tests", name)["state"])
    except errors.NotFound:
        return ""


def wait_for_end(runner: LocalRunner, name: str = "fake") -> dict[str, Any]:
    """The last status, once supervisor and guard are gone too."""
    wait_for(lambda: state_of(runner, name) == "ended")
    status: dict[str, Any] = dict(runner.observe("tests", name))
    for role in ("supervisor", "guard"):
        wait_for(lambda role=role: not proc.is_alive(proc.Identity(*status[role])))
    return status


def read_events(logs: str) -> list[Any]:
    """Events of the run whose logs are there."""
    return [json.loads(line) for line in (Path(logs).parent / "events.ndjson").read_text("utf-8").splitlines()]


def left_below(tmp_path: Path) -> list[str]:
    """What is left of the only deployment of a test, also where it got no further than a folder."""
    statuses = [json.loads(path.read_bytes()) for path in tmp_path.rglob("status.json")]
    runs = [status["run"] for status in statuses]
    unfinished = [f"state {status['state']}" for status in statuses if status["state"] != "ended"]
    return unfinished + [line for run in runs or ["none"] for line in left_of(run, tmp_path)]
