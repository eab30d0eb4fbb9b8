"""`shardwright status` of many groups against a real API server: time and memory of the whole process.

200 groups of 16 pods; goal: at most 500 ms and 100 MB. `python benchmarks/status.py [GROUPS]`.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import cluster_scene

SHARDWRIGHT = Path(sys.executable).with_name("shardwright")
RUNS = 9
GOAL_SECONDS, GOAL_BYTES = 0.5, 100_000_000


def measured(command: list[str]) -> tuple[float, float, int, int]:
    """Seconds, processor seconds and peak bytes of one process, and lines that it printed."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    lines = len(process.stdout.read().splitlines())
    _, code, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(code)
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, lines


def main() -> None:
    """Print what was measured beside the goal."""
    groups = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with cluster_scene.running() as (plane, client):
        cluster_scene.fill(client, groups)
        command = [str(SHARDWRIGHT), "status", "-A", "--kubeconfig", str(plane.kubeconfig)]
        runs = [measured(command) for _ in range(RUNS + 1)][1:]
        bare = [measured([str(SHARDWRIGHT), "--version"]) for _ in range(RUNS)]
    lines = {run[3] for run in runs}
    if lines != {groups + 1}:
        raise SystemExit(f"printed {lines} lines for {groups} groups")
    seconds, processor, size = (statistics.median(run[part] for run in runs) for part in range(3))
    start = statistics.median(run[0] for run in bare)
    print(f"status of {groups} groups of {cluster_scene.SIZE} pods: median of {RUNS} whole processes")
    print(
        f"  {seconds * 1000:6.0f} ms (processor {processor * 1000:.0f} ms, --version takes {start * 1000:.0f} ms)   goal at most {GOAL_SECONDS * 1000:.0f} ms"
    )
    print(
        f"  fastest {min(run[0] for run in runs) * 1000:.0f} ms; load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    print(f"  {size / 1e6:6.0f} MB                                          goal at most {GOAL_BYTES / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
