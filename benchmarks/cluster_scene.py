"""A real API server with many groups on it: what benchmarks of commands on a cluster look at.

Groups are LeaderWorkerSets as they are rendered, with a revision each, as `apply` leaves them; no controller runs, so their
pods are made here, with the status that kubelets write.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import msgspec

from shardwright import settings
from shardwright.kubernetes.client import Client, Place, Ref, connect
from shardwright.kubernetes.live import revisions
from shardwright.service import rollout
from shardwright.testing import builders
from shardwright.testing.cluster import building, control_plane, crds

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from shardwright.core.lifecycle.revision import Revision
    from shardwright.testing.cluster.control_plane import ControlPlane

__all__ = ["NAMESPACE", "fill", "group_name", "patch_status", "pod_name", "running", "status_of"]

NAMESPACE = "bench"
SIZE = 16
_WIDTH = 8
_LWS = "leaderworkerset.sigs.k8s.io"


@contextlib.contextmanager
def running() -> Generator[tuple[ControlPlane, Client]]:
    """An API server that knows LeaderWorkerSets, and a client of it; its memory is kept as Go does by itself, not as in tests."""
    os.environ.update({"GOGC": "100", "GOMEMLIMIT": "off"})
    loaded = settings.load_settings()
    programs = building.obtain_programs(loaded.cache_dir)
    with control_plane.running(programs, loaded.cache_dir / "test-cluster" / "runs") as plane:
        with plane.api() as api:
            crds.install(api, crds.read_module("lws"), ["LeaderWorkerSet"])
            api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
            account = {"name": "default", "namespace": NAMESPACE}
            api.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
        with connect(Place(str(plane.kubeconfig), "", NAMESPACE)) as client:
            yield plane, client


def group_name(index: int) -> str:
    """The name of a group."""
    return f"model-{index:03}"


def fill(client: Client, groups: int) -> None:
    """Make the groups, sixteen pods each, all running, and ready but for a few."""
    wanted = _revision()
    with ThreadPoolExecutor(_WIDTH) as pool:
        list(pool.map(lambda index: _group(client, wanted, index), range(groups)))


def _revision() -> Revision:
    asked = builders.recipe(
        metadata={"name": "model-000", "namespace": NAMESPACE},
        model={"source": "pvc://models/llama", "token": None},
        target={"kind": "lws", "version": "0.8"},
        hardware={"nodes": SIZE},
        parallelism={"pipeline": SIZE},
    )
    plan = builders.plan(asked, layout=builders.layout(1, SIZE, nodes=SIZE))
    return dataclasses.replace(rollout.wanted_of(plan), number=1, outcome="ready")


def _group(client: Client, wanted: Revision, index: int) -> None:
    name = group_name(index)
    text = msgspec.json.encode(wanted.manifests).decode().replace("model-000", name)
    revision = dataclasses.replace(wanted, manifests=tuple(msgspec.json.decode(text)))
    revisions.add(client, NAMESPACE, name, revision)
    (root,) = (dict(body) for body in revision.manifests if body["kind"] == "LeaderWorkerSet")
    client.apply(root)
    template: dict[str, Any] = root["spec"]["leaderWorkerTemplate"]["workerTemplate"]
    for member in range(SIZE):
        client.create(_pod(template, name, member))
        patch_status(client, pod_name(name, member), status_of(name, member))


def pod_name(name: str, member: int) -> str:
    """The name of a pod."""
    return f"{name}-0-{member}" if member else f"{name}-0"


def _pod(template: Mapping[str, Any], name: str, member: int) -> dict[str, Any]:
    own = {f"{_LWS}/name": name, f"{_LWS}/group-index": "0", f"{_LWS}/worker-index": str(member)}
    metadata = {**template["metadata"], "name": pod_name(name, member), "namespace": NAMESPACE}
    metadata["labels"] = {**metadata.get("labels", {}), **own}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {**template["spec"], "nodeName": f"node-{member}"},
    }


def status_of(name: str, member: int, *, ready: bool = True, message: str = "") -> dict[str, Any]:
    """What a kubelet writes of a pod that runs."""
    began = "2026-11-21T12:00:00Z"
    kinds = ("PodScheduled", "Initialized", "ContainersReady", "Ready")
    conditions = [
        {"type": kind, "status": str(ready), "lastTransitionTime": began, "message": message} for kind in kinds
    ]
    container = {
        "name": "vllm", "ready": ready, "started": True, "restartCount": 0, "image": "vllm", "imageID": f"sha256:{name}",
        "containerID": f"containerd://{name}-{member}", "state": {"running": {"startedAt": began}},
    }  # fmt: skip
    return {
        "phase": "Running", "podIP": f"10.0.{member}.1", "startTime": began, "conditions": conditions,
        "containerStatuses": [container],
    }  # fmt: skip


def patch_status(client: Client, pod: str, status: Mapping[str, Any]) -> None:
    """Write the status of a pod."""
    path = client.kinds.find(Ref("v1", "Pod")).path(NAMESPACE, pod, "status")
    headers = {"Content-Type": "application/merge-patch+json"}
    client.tree("patch", path, headers=headers, content=msgspec.json.encode({"status": status}))
