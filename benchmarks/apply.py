"""What `apply` adds to the same server-side applies by kubectl, side by side against one real API server.

Planning and checking are left out: the revision is at hand. What is timed is the rest of the command in a process that
has imported none of it: connecting, the dry run of every object, the Lease, the applies, the history. kubectl is timed as
a whole process. Goal: at most 300 ms more. `python benchmarks/apply.py [RUNS]`; needs a kubectl on the PATH.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import cluster_scene
import msgspec

from shardwright.service import rollout
from shardwright.testing import builders

if TYPE_CHECKING:
    from shardwright.core.lifecycle.revision import Revision

GOAL_SECONDS = 0.3
RUNS = 15
# Runs in a process of its own, which tells its seconds. What plans and reads recipes is imported before the clock starts.
ONE = """
import sys, time, msgspec
from shardwright.core.lifecycle.revision import Revision
from shardwright.service import clusters, rollout
name, namespace, kubeconfig, path = sys.argv[1:]
held = msgspec.json.decode(open(path, "rb").read())
wanted = Revision(**{**held, "manifests": tuple(held["manifests"])})
began = time.perf_counter()
from shardwright.kubernetes.client.kubeconfig import Place
options = rollout.Options()
with clusters.connected(Place(kubeconfig, "", namespace)) as client:
    prepared = rollout.prepare_again(wanted, namespace, name, client, options)
    steps = len(list(rollout.carry_out(prepared, client, options))) if prepared.is_needed else 0
print(time.perf_counter() - began, steps)
"""


def revision(name: str) -> Revision:
    """A group of two nodes with claim, download Job and Service."""
    asked = builders.recipe(
        metadata={"name": name, "namespace": cluster_scene.NAMESPACE},
        model={"source": "pvc://models/llama", "token": None},
        target={"kind": "lws", "version": "0.8"},
    )
    return rollout.wanted_of(dataclasses.replace(builders.plan(), recipe=asked))


def ours(name: str, kubeconfig: Path, folder: Path) -> tuple[float, int]:
    """Seconds, and how many steps were taken."""
    path = folder / f"{name}.revision"
    if not path.exists():
        path.write_bytes(msgspec.json.encode(dataclasses.asdict(revision(name))))
    command = [sys.executable, "-c", ONE, name, cluster_scene.NAMESPACE, str(kubeconfig), str(path)]
    seconds, steps = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(seconds), int(steps)


def theirs(name: str, kubeconfig: Path, folder: Path) -> float:
    """Seconds of a kubectl that applies the same objects."""
    path = folder / f"{name}.json"
    if not path.exists():
        items = [{**body} for body in revision(name).manifests]
        path.write_bytes(msgspec.json.encode({"apiVersion": "v1", "kind": "List", "items": items}))
    command = ["kubectl", "--kubeconfig", str(kubeconfig), "apply", "--server-side", "-f", str(path)]
    began = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - began


def told(what: str, mine: list[float], other: list[float]) -> None:
    """One line: medians and their difference."""
    own, reference = statistics.median(mine), statistics.median(other)
    print(
        f"  {what:<10} {own * 1000:5.0f} ms, kubectl {reference * 1000:5.0f} ms: {(own - reference) * 1000:+5.0f} ms   goal at most {GOAL_SECONDS * 1000:+.0f} ms"
    )


def main() -> None:
    """Print what was measured beside the goal."""
    if shutil.which("kubectl") is None:
        raise SystemExit("kubectl is not on the PATH")
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    new: tuple[list[float], list[float]] = ([], [])
    same: tuple[list[float], list[float]] = ([], [])
    with cluster_scene.running() as (plane, _), tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for index in range(runs + 1):  # the first fills caches
            mine, other = f"ours-{index:03}", f"theirs-{index:03}"
            seconds, steps = ours(mine, plane.kubeconfig, folder)
            again, none = ours(mine, plane.kubeconfig, folder)
            if (steps < len(revision(mine).manifests), none) != (False, 0):
                raise SystemExit(f"{steps} steps at first and {none} at the second apply")
            reference = theirs(other, plane.kubeconfig, folder), theirs(other, plane.kubeconfig, folder)
            if index:
                new[0].append(seconds)
                new[1].append(reference[0])
                same[0].append(again)
                same[1].append(reference[1])
    print(f"apply without plan and check: median of {runs}; load of the machine {os.getloadavg()[0]:.1f}")
    told("new", *new)
    told("unchanged", *same)


if __name__ == "__main__":
    main()
