"""A cluster for preflights: an API server alone, with nodes, an operator and storage that exist as objects only."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shardwright.core.plan.types import Plan
from shardwright.kubernetes.client import Place, connect
from shardwright.service import checking, planning, recipes
from shardwright.settings import HubSettings
from shardwright.testing.cluster import crds

if TYPE_CHECKING:
    from shardwright.core.preflight import Needs
    from shardwright.core.rules import Finding
    from shardwright.kubernetes.client import Client
    from shardwright.testing.cluster.api import Api
    from shardwright.testing.cluster.control_plane import ControlPlane

__all__ = ["EXAMPLE", "LABELS", "Stage", "found", "needs"]

EXAMPLE = Path(__file__).parents[2] / "examples" / "llama-3-8b-two-nodes.yaml"
LABELS = {
    "nvidia.com/gpu.product": "NVIDIA-A10G",
    "nvidia.com/gpu.memory": "23028",
    "nvidia.com/cuda.runtime.major": "13",
    "nvidia.com/cuda.runtime.minor": "0",
    "feature.node.kubernetes.io/pci-10de.present": "true",
}
SECRET = "the-value-that-nobody-may-see"


def needs(namespace: str, *sets: str) -> Needs:
    """Of the two-node example in that namespace, for the release whose definitions are there."""
    own = (f"metadata.namespace={namespace}", "target.version=0.8.0", *sets)
    (loaded,) = recipes.load_recipes([str(EXAMPLE)], list(own))
    plan = planning.plan_loaded(loaded, HubSettings("https://huggingface.co", offline=True))
    assert isinstance(plan, Plan)
    return checking.needs_of_plan(plan)


def found(client: Client, wanted: Needs) -> dict[str, Finding]:
    """Findings by id, the worst of each."""
    order = ("fail", "warn", "unknown", "pass")
    findings = sorted(checking.check(client, wanted), key=lambda each: -order.index(each.status))
    return {each.id.partition(".")[2]: each for each in findings}


class Stage:
    """What tests put on the server."""

    def __init__(self, plane: ControlPlane, api: Api, folder: Path) -> None:
        self.plane, self.api, self.folder = plane, api, folder
        self._count = 0

    def client(self, kubeconfig: Path | None = None) -> Client:
        """Of the administrator, or of a kubeconfig; to be used in a `with` block."""
        return connect(Place(kubeconfig=str(kubeconfig or self.plane.kubeconfig)))

    def furnish(self) -> None:
        """All that the example needs of a cluster, outside of its namespace."""
        crds.install(self.api, crds.read_module("lws"), ["LeaderWorkerSet"])
        for name in ("gpu-a", "gpu-b"):
            self.node(name)
        self.make("storage.k8s.io/v1", "StorageClass", "nfs", provisioner="nfs",
                  annotations={"storageclass.kubernetes.io/is-default-class": "true"})  # fmt: skip
        self.make("v1", "Namespace", "lws-system")
        # Definitions are told a moment after a kind is served.
        self.wait_for("/openapi/v3/apis/leaderworkerset.x-k8s.io/v1")
        self.controller()

    def wait_for(self, path: str) -> None:
        """Until a new kind is served there."""
        deadline = time.monotonic() + 30
        while not self.api.has(path):
            assert time.monotonic() < deadline, f"not served: {path}"
            time.sleep(0.1)

    def controller(self) -> None:
        """The Deployment of an operator that nobody runs, with a pod that is said to be ready."""
        pods = {"containers": [{"name": "manager", "image": "registry.k8s.io/lws/lws:v0.8.0"}]}
        spec = {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": pods},
        }
        path = self.make("apps/v1", "Deployment", "lws-controller-manager", "lws-system", spec=spec)
        self.status(path, {"replicas": 1, "readyReplicas": 1})

    def node(self, name: str, gpus: int = 1) -> None:
        """A node that says of itself what an A10G's does."""
        path = self.make("v1", "Node", name, labels=LABELS)
        # The server taints new nodes until a controller finds them ready; here is none.
        self.patch(path, {"op": "remove", "path": "/spec/taints"})
        amounts = {"cpu": "16", "memory": "64Gi", "pods": "110", "nvidia.com/gpu": str(gpus)}
        ready = {"type": "Ready", "status": "True"}
        self.status(path, {"capacity": amounts, "allocatable": amounts, "conditions": [ready]})

    def status(self, path: str, status: dict[str, Any]) -> None:
        """Write an object's status, as its controller would."""
        self.patch(f"{path}/status", {"op": "add", "path": "/status", "value": status})

    def patch(self, path: str, operation: dict[str, Any]) -> None:
        """Change an object by one operation of JSON Patch."""
        headers = {"Content-Type": "application/json-patch+json"}
        self.api.connection.ask("PATCH", path, {}, content=json.dumps([operation]).encode(), headers=headers)

    def make(self, api_version: str, kind: str, name: str, namespace: str = "", **parts: Any) -> str:  # noqa: ANN401 - of an object
        """Create an object; its path."""
        metadata: dict[str, Any] = {"name": name} | ({"namespace": namespace} if namespace else {})
        metadata |= {key: parts.pop(key) for key in ("labels", "annotations") if key in parts}
        body = {"apiVersion": api_version, "kind": kind, "metadata": metadata, **parts}
        self.api.create(body)
        return f"{self.api.path_of(body)}/{name}"

    def namespace(self, **labels: str) -> str:
        """A new namespace with the example's Secret and the account of its pods."""
        self._count += 1
        name = f"check-{self._count}"
        self.make("v1", "Namespace", name, labels={key.replace("__", "/"): value for key, value in labels.items()})
        self.make("v1", "Secret", "hf-token", name, stringData={"token": SECRET})
        self.make("v1", "ServiceAccount", "default", name)
        return name

    def as_account(self, namespace: str, name: str) -> Path:
        """A kubeconfig of a new service account without any right."""
        path = self.make("v1", "ServiceAccount", name, namespace)
        asked: dict[str, Any] = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": []},
        }
        answer = self.api.connection.ask("POST", f"{path}/token", {}, json=asked)
        config = json.loads(self.plane.kubeconfig.read_text("utf-8"))
        config["users"][0]["user"] = {"token": answer["status"]["token"]}
        place = self.folder / f"{namespace}-{name}.json"
        place.write_text(json.dumps(config), "utf-8")
        return place

    def pod(self, namespace: str, name: str, node: str, gpus: int = 1) -> None:
        """A pod that takes GPUs of a node."""
        container = {"name": "a", "image": "a", "resources": {"limits": {"nvidia.com/gpu": str(gpus)}}}
        self.make("v1", "Pod", name, namespace, spec={"nodeName": node, "containers": [container]})
