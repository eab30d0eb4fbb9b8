"""`watch` under many changes of pods: whether it keeps up with 1,000 a second, and whether its memory stays flat.

A real API server is asked for everything that a watch asks, and its stream is recorded while the pods of one group change;
that stream is then played at the wanted rate, for such a server on a small machine does not write so fast. The watch runs
in this process, the player in another. `python benchmarks/watch.py [SECONDS [RATE]]`.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cluster_scene
import msgspec
import replayed_watch

from shardwright.kubernetes.client import Place, connect, kinds
from shardwright.kubernetes.live import observing
from shardwright.service import following, seeing

if TYPE_CHECKING:
    from shardwright.kubernetes.client import Client
    from shardwright.service.following import View
    from shardwright.service.seeing import Subject

GROUP = cluster_scene.group_name(0)
RATE = 1000
ROUNDS = 8
_PAGE = os.sysconf("SC_PAGE_SIZE")


def recorded() -> tuple[Subject, dict[str, bytes], list[dict[str, Any]]]:
    """What a real server answers to a watch, and the changes that it tells: pods ready and not, all ready at the end."""
    with cluster_scene.running() as (_, client):
        cluster_scene.fill(client, 1)
        subject = seeing.find(client, cluster_scene.NAMESPACE, GROUP)
        answers = {
            path: client.http.get(path, headers={"Accept": kinds.DISCOVERY}).content for path in ("/api", "/apis")
        }
        paths = {}
        for kind, ref, labels, fields in observing.watched(subject.namespace, subject.parts):
            path = client.kinds.find(ref).path(ref.namespace)
            paths[kind] = path
            answers[path] = client.http.get(path, params={"labelSelector": labels, "fieldSelector": fields}).content
        version = msgspec.json.decode(answers[paths["pod"]])["metadata"]["resourceVersion"]
        _change(client)
        query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": "5"}
        lines = client.http.get(paths["pod"], params=query, timeout=30).content.splitlines()
    return subject, answers, [msgspec.json.decode(line) for line in lines if line]


def _change(client: Client) -> None:
    for turn in range(ROUNDS):
        for member in range(cluster_scene.SIZE):
            status = cluster_scene.status_of(GROUP, member, ready=bool(turn % 2), message=f"turn {turn}")
            cluster_scene.patch_status(client, cluster_scene.pod_name(GROUP, member), status)


def resident() -> int:
    """Bytes of memory that this process has now."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE


class Watching:
    """The watch, in a thread."""

    def __init__(self, client: Client, subject: Subject) -> None:
        self.views: list[View] = []
        self.sizes: list[int] = []
        self._thread = threading.Thread(target=self._run, args=(client, subject), daemon=True)
        self._thread.start()

    def _run(self, client: Client, subject: Subject) -> None:
        for view in following.follow(client, subject):
            self.views[:] = [view]
            self.sizes.append(resident())

    @property
    def is_up_to_date(self) -> bool:
        """Whether the last change has been seen."""
        return bool(self.views) and all(each.state == "ready" for each in self.views[0].snapshot.members)


def main() -> None:
    """Print what was measured beside the goal."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    rate = int(sys.argv[2]) if len(sys.argv) > 2 else RATE
    subject, answers, changes = recorded()
    size = sum(len(msgspec.json.encode(change)) for change in changes) // len(changes)
    with tempfile.TemporaryDirectory() as folder:
        playing = replayed_watch.playing(answers, changes, Path(folder), rate=rate, seconds=seconds)
        with playing as (kubeconfig, pipe), connect(Place(str(kubeconfig), "", subject.namespace)) as client:
            before = time.process_time()
            watching = Watching(client, subject)
            count, ended, took = pipe.recv()
            while not watching.is_up_to_date:
                time.sleep(0.01)
            late, used = time.monotonic() - ended, time.process_time() - before
    half = len(watching.sizes) // 2
    first, second = max(watching.sizes[10:half]), max(watching.sizes[half:])
    print(
        f"{count:,} changes of {cluster_scene.SIZE} pods, {size:,} bytes each, {count / took:,.0f} a second for {took:.0f} s   goal {RATE:,} a second"
    )
    print(f"  all seen {late:.2f} s after the last was written; {len(watching.sizes):,} views shown")
    print(
        f"  processor {used / count * 1e6:.0f} us a change: one core follows {count / used:,.0f} a second; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    print(f"  memory at most {first / 1e6:.1f} MB in the first half, {second / 1e6:.1f} MB in the second   goal: flat")


if __name__ == "__main__":
    main()
