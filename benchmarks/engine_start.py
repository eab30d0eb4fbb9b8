"""How long until two hosts serve: a rehearsal (one warm parent, forked) against the same command lines by hand (spawned).

Same twin, flags, variables, caches and addresses, in turn, three pairs after one warm-up of each; medians and their ratio.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2

from shardwright.core.plan.types import Plan
from shardwright.local import spec
from shardwright.service import engines, planning, recipes, rehearsing
from shardwright.settings import load_settings

if TYPE_CHECKING:
    from shardwright.local.spec import LocalGroup

EXAMPLE = Path(__file__).parents[1] / "examples" / "llama-3-8b-two-nodes.yaml"
PAIRS = 3
GOAL = 0.4
PREFIX = f"swbench{os.getpid()}"
ADDRESSES = ("127.0.0.71", "127.0.0.72")


def by_hand(group: LocalGroup, launcher: str) -> float:
    """Seconds until the leader answers, both members started as the engine starts by itself; both are ended."""
    started = time.monotonic()
    processes = [start(group, launcher, host) for host in range(group.hosts)]
    try:
        while not answers(f"http://{ADDRESSES[0]}:{group.serve_port}{group.probe_path}"):
            if any(process.poll() is not None for process in processes):
                raise SystemExit("a member ended before the group served")
            time.sleep(0.2)
        return time.monotonic() - started
    finally:
        for process in processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for path in Path("/dev/shm").glob(f"{PREFIX}*"):
            path.unlink(missing_ok=True)


def start(group: LocalGroup, launcher: str, host: int) -> subprocess.Popen[bytes]:
    """One member with its own address, in a process group of its own."""
    values = {
        "SHARDWRIGHT_LEADER_ADDRESS": ADDRESSES[0],
        "SHARDWRIGHT_OWN_ADDRESS": ADDRESSES[host],
        "SHARDWRIGHT_MEMBER_INDEX": str(host),
        "SHARDWRIGHT_INTERFACE": "lo",
        "SHARDWRIGHT_SERVE_PORT": str(group.serve_port),
        "SHARDWRIGHT_GROUP_PORT": str(group.group_port),
    }
    program = group.program(host)
    argv = [spec.expand(part, values) for part in program.argv[1:]]
    environment = {name: spec.expand(value, values) for name, value in program.environment}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.Popen(
        [str(group.engine.python), launcher, "run", "--spawn", "--", *argv],
        env=inherited | environment | {"SHARDWRIGHT_SHARED_MEMORY_PREFIX": PREFIX},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def answers(url: str) -> bool:
    """Whether the leader serves."""
    try:
        return httpx2.get(url, timeout=2).status_code == 200
    except httpx2.HTTPError:
        return False


def main() -> None:
    """Print both medians and their ratio."""
    settings = load_settings()
    (loaded,) = recipes.load_recipes([str(EXAMPLE)], [])
    plan = planning.plan_recipe(loaded.recipe, settings.hub)
    assert isinstance(plan, Plan)
    prepared = rehearsing.prepare(plan, settings, host_kind="loopback")
    launcher = engines.build_of("vllm", None).launcher
    pairs: list[tuple[float, float]] = []
    for _ in range(PAIRS + 1):
        with rehearsing.running(prepared, settings) as session:
            forked = list(session.updates())[-1].seconds
        pairs.append((forked, by_hand(prepared.group, launcher)))
    forked, spawned = (statistics.median(column) for column in zip(*pairs[1:], strict=True))
    print(f"rehearsal ready {forked:.1f} s, by hand {spawned:.1f} s: {forked / spawned:.2f}x   goal at most {GOAL}x")


if __name__ == "__main__":
    main()
