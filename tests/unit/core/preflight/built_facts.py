"""A small deployment and a cluster that has all of it, to be changed by tests in one place each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shardwright.core import preflight
from shardwright.core.preflight.facts import Claim, ClusterFacts, Controller, Namespace, Node, Secret, Untold
from shardwright.core.preflight.needs import (
    Ask,
    ClaimNeed,
    GpuNeed,
    Needs,
    ObjectNeed,
    Operator,
    PodNeed,
    SecretNeed,
)

if TYPE_CHECKING:
    from shardwright.core.rules import Finding

__all__ = ["FACTS", "GPU", "GROUP", "NEEDS", "NOT_ALLOWED", "checked", "node", "pod", "statuses"]

GPU = "nvidia.com/gpu"
GROUP = "leaderworkerset.x-k8s.io"
GIB = float(1 << 30)
NOT_ALLOWED = Untold("list", "things")
SAFE = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def pod(name: str = "leader", count: int = 1, *, gpus: float = 1, **spec: Any) -> PodNeed:  # noqa: ANN401 - as Kubernetes has it
    """Pods of the group."""
    own = {"containers": [{"name": "engine", "image": "engine:1", "securityContext": SAFE}], **spec}
    requests = {"pods": 1.0, "cpu": 4.0, "memory": 8 * GIB} | ({GPU: gpus} if gpus else {})
    return PodNeed(name=name, count=count, spec=own, requests=requests, limits={GPU: gpus} if gpus else {})


def node(name: str = "a", *, gpus: float = 1, labels: dict[str, str] | None = None, **changes: Any) -> Node:  # noqa: ANN401 - fields of a node
    """A node with GPUs whose labels say what an A10G's do."""
    own = {
        "nvidia.com/gpu.product": "NVIDIA-A10G",
        "nvidia.com/gpu.memory": "23028",
        "nvidia.com/cuda.runtime.major": "12",
        "nvidia.com/cuda.runtime.minor": "8",
        "feature.node.kubernetes.io/pci-10de.present": "true",
    }
    allocatable = {"pods": 110.0, "cpu": 16.0, "memory": 64 * GIB, GPU: gpus}
    made = Node(name=name, labels=own | (labels or {}), allocatable=allocatable, families=frozenset({"ipv4"}))
    return replace(made, **changes)


SET = ObjectNeed(f"{GROUP}/v1", "LeaderWorkerSet", "llama", "demo")
ASKS = (Ask("create", f"leaderworkersets.{GROUP}", "demo"), Ask("create", "pods/exec", "demo"))
NEEDS = Needs(
    namespace="demo",
    name="llama",
    target="lws",
    objects=(SET,),
    made_by_others=(ObjectNeed("v1", "Service", "llama", "demo"),),
    pods=(pod(), pod("worker")),
    claims=(ClaimNeed(name="models", pods=2, model_bytes=15 * GIB),),
    secrets=(SecretNeed("hf-token", "token"),),
    gpu=GpuNeed(resource=GPU, name="A10G", memory_bytes=22 * GIB),
    cuda="12.8",
    image="engine:1",
    operators=(
        Operator(
            name="LeaderWorkerSet",
            kinds=((GROUP, "LeaderWorkerSet"),),
            deployments=("lws-controller-manager",),
            install=("kubectl apply -f lws.yaml",),
            asserted="0.8",
        ),
    ),
    is_spread=True,
    asks=ASKS,
)
FACTS = ClusterFacts(
    context="test",
    url="https://cluster",
    version="v1.34.1",
    kinds={(GROUP, "LeaderWorkerSet"): ("v1",)},
    rights=dict.fromkeys(ASKS, True),
    namespace=Namespace("Active"),
    nodes=(node("a"), node("b")),
    used={},
    claims={"models": Claim(phase="Bound", access_modes=("ReadWriteMany",), size_bytes=50 * GIB)},
    storage_classes={"nfs": True},
    quotas=(),
    limits=(),
    priority_classes=frozenset(),
    secrets={"hf-token": Secret("Opaque", frozenset({"token"}))},
    controllers=(
        Controller(namespace="lws-system", name="lws-controller-manager", images=("lws/lws:v0.8.0",), ready=1),
    ),
)


def checked(needs: Needs = NEEDS, facts: ClusterFacts = FACTS, **changes: Any) -> dict[str, Finding]:  # noqa: ANN401 - fields of both
    """Findings by id, the worst of each; fields of facts, else of needs, are changed by their names."""
    of_facts = {key: value for key, value in changes.items() if hasattr(facts, key)}
    of_needs = {key: value for key, value in changes.items() if key not in of_facts}
    found = preflight.check(replace(needs, **of_needs), replace(facts, **of_facts))
    order = ("fail", "warn", "unknown", "pass")
    return {each.id.partition(".")[2]: each for each in sorted(found, key=lambda each: -order.index(each.status))}


def statuses(**changes: Any) -> dict[str, str]:  # noqa: ANN401 - as above
    """The worst status by id."""
    return {name: each.status for name, each in checked(**changes).items()}
