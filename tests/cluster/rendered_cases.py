"""Every manifest that is to be validated: the examples in several variants, for each target at each of its versions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shardwright import errors, registry
from shardwright.core.plan.types import Plan
from shardwright.service import deploying, planning, recipes, rendering
from shardwright.settings import HubSettings

if TYPE_CHECKING:
    from shardwright.core.plugins import Manifest

__all__ = ["CASES", "KINDS", "Case", "manifests_of"]

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
KINDS = sorted(kind for kind, place in registry.TARGETS.items() if place)
_OFFLINE = HubSettings("https://huggingface.co", offline=True)

_ZONES = "{nodeSelectorTerms: [{matchExpressions: [{key: zone, operator: In, values: [a, b]}]}]}"

_ONE_NODE = ("hardware.nodes=1", "parallelism={tensor: 1, pipeline: 1}")

# What a target cannot do without: KubeRay's pods are spanned by Ray alone, which engines' own images do not hold; a group
# for KServe 0.14 is rendered only for a controller that makes one.
_NEEDED: dict[str, tuple[str, ...]] = {
    "kserve": ("target.options={readsSize: true}",),
    "kuberay": ("engine.executor=ray", "engine.image=registry.example.org/engine-with-ray:1"),
}

# What is changed in the example, as `--set` takes it.
VARIANTS: dict[str, tuple[str, ...]] = {
    "as written": (),
    "one node": _ONE_NODE,
    "no claim": ("storage={}",),
    "claim of another's": ("storage={claim: models, download: never}",),
    "RDMA": ("network.rdma={devices: [rdma/hca_0]}", "network.debug=true"),
    "RDMA over an extra network": ("network.rdma={devices: [openshift.io/p2rdma], networks: [rdma-network]}",),
    "three replicas": ("replicas=3",),
    "sglang": ("engine={name: sglang}",),
    "ray": ("engine={name: vllm, version: 0.24.0, executor: ray, image: registry.example.org/vllm-ray}",),
    "an ingress": (
        "expose={kind: ingress, host: llm.example.org, ingressClass: nginx, tls: {secret: certificate}}",
        "expose.auth={apiKey: {secret: llm, key: key}}",
        "network.ipFamily=ipv4",
    ),
    "a bucket": (
        "workload.maxModelLen=8192",
        "model={source: s3://models/llama, shape: llama-3-8b}",
        "storage={claim: models}",
    ),
    "an image": (
        "workload.maxModelLen=8192",
        "model={source: oci://quay.io/org/llama:v1, shape: llama-3-8b}",
        "storage={claim: models}",
    ),
    "tuned pods": (
        "pods={cpu: 16, memory: 64Gi, sharedMemory: 8Gi, serviceAccount: models, priorityClass: serving}",
        "pods.tolerations=[{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]",
        "pods.nodeSelector={zone: a}",
        "pods.imagePullSecrets=[registry]",
        "pods.labels={team: language}",
        "pods.annotations={cost-centre: '0042'}",
        f"pods.affinity={{nodeAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: {_ZONES}}}}}",
        "pods.securityContext={runAsNonRoot: true, runAsUser: 2000}",
        "pods.leader={memory: 80Gi}",
    ),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One recipe for one target."""

    kind: str
    version: str
    example: Path
    variant: str

    def __str__(self) -> str:
        """For the test's name."""
        return f"{self.kind}-{self.version}-{self.example.stem}-{self.variant}"


def _versions(kind: str) -> tuple[str, ...]:
    """All versions of a target; of plain Kubernetes the first and the last, for one server judges them all."""
    known = registry.load_target(kind).versions
    return (known[0], known[-1]) if kind == "kubernetes" else known


CASES = [
    Case(kind, version, example, variant)
    for kind in KINDS
    for version in _versions(kind)
    for example in EXAMPLES
    for variant in VARIANTS
]


def manifests_of(case: Case) -> tuple[Manifest, ...]:
    """As `render` writes them, on one node where more are refused; InputError where that does not help."""
    try:
        return _rendered(case, VARIANTS[case.variant])
    except errors.InputError as refusal:
        try:
            return _rendered(case, (*VARIANTS[case.variant], *_ONE_NODE))
        except errors.InputError:
            raise refusal from None


def _rendered(case: Case, changes: tuple[str, ...]) -> tuple[Manifest, ...]:
    sets = [f"target={{kind: {case.kind}, version: '{case.version}'}}", *_NEEDED.get(case.kind, ()), *changes]
    (loaded,) = recipes.load_recipes([str(case.example)], sets)
    plan = planning.plan_loaded(loaded, _OFFLINE)
    if not isinstance(plan, Plan):
        raise errors.InputError(f"does not fit: {plan.reasons[0]}")
    target = deploying.target_of(plan)
    return rendering.render(deploying.deployment_of(plan, target), target)
