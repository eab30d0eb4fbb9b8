"""Every manifest that is to be validated: each variant of one example for each version of a target, all examples for the newest.

Not each variant of each example, which is nine times as many and brings no field that these do not bring (a test of
`make soak` compares them). Which example a variant is made of changes from release to release.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from crd_releases import order_of
from rendered_here import Rendered, rendered

from shardwright import errors, registry
from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.plugins import Manifest

__all__ = ["CASES", "EXAMPLES", "KINDS", "VARIANTS", "Case", "manifests_of", "versions"]

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
KINDS = sorted(kind for kind, place in registry.TARGETS.items() if place)
_ZONES = "{nodeSelectorTerms: [{matchExpressions: [{key: zone, operator: In, values: [a, b]}]}]}"

_ONE_NODE_KINDS = {"kubernetes"}
_ONE_NODE = ("hardware.nodes=1", "parallelism={tensor: 1, pipeline: 1}")

# What a target cannot do without: KubeRay's pods are spanned by Ray alone, which engines' own images do not hold.
_NEEDED: dict[str, tuple[str, ...]] = {
    "kuberay": ("engine.executor=ray", "engine.image=registry.example.org/engine-with-ray:1"),
}

# What is tried besides where a recipe is refused as it is: releases of OpenShift AI bring one version of the engine, and
# take another only as an image.
_OWN_IMAGE = ("engine.image=registry.example.org/engine:1",)
_TRIED: dict[str, tuple[tuple[str, ...], ...]] = {
    "openshift-ai": ((), _OWN_IMAGE, _ONE_NODE, (*_OWN_IMAGE, *_ONE_NODE))
}

AS_WRITTEN = "as written"
# What is changed in the example, as `--set` takes it.
VARIANTS: dict[str, tuple[str, ...]] = {
    AS_WRITTEN: (),
    "one node": _ONE_NODE,
    "no claim": ("storage={}", "model.token={secret: hf-token, key: token}"),
    "claim of another's": (
        "workload.maxModelLen=8192",
        "model={source: 'hf://meta-llama/Meta-Llama-3-8B-Instruct', token: {secret: hf-token, key: token}}",
        "storage={claim: models, download: never}",
        "network.ipFamily=ipv4",
    ),
    "RDMA": ("network.rdma={devices: [rdma/hca_0]}", "network.debug=true"),
    "RDMA over an extra network": ("network.rdma={devices: [openshift.io/p2rdma], networks: [rdma-network]}",),
    "three replicas": ("replicas=3", "storage={claim: models, class: fast, size: 50Gi}"),
    "sglang": ("engine={name: sglang}",),
    "ray": ("engine={name: vllm, version: 0.24.0, executor: ray, image: registry.example.org/vllm-ray}",),
    "an ingress": (
        "expose={kind: ingress, host: llm.example.org, ingressClass: nginx, tls: {secret: certificate}}",
        "expose.auth={apiKey: {secret: llm, key: key}}",
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


@frozen
class Case:
    """One recipe for one target."""

    kind: str
    version: str
    variant: str
    examples: tuple[Path, ...]
    """In order of preference: the first that may have the variant is taken."""

    def __str__(self) -> str:
        """For the test's name."""
        of = f"-{self.examples[0].stem}" if len(self.examples) == 1 else ""
        return f"{self.kind}-{self.version}-{self.variant}{of}"


def versions(kind: str) -> tuple[str, ...]:
    """All versions of a target; of plain Kubernetes the first and the last, for one server judges them all."""
    known = registry.load_target(kind).versions
    return (known[0], known[-1]) if kind == "kubernetes" else known


def _cases(kind: str, version: str, number: int) -> list[Case]:
    """Each variant, of examples whose order begins with another one each time; in the newest release each example too."""
    starts = [(number + place) % len(EXAMPLES) for place in range(len(VARIANTS))]
    orders = [tuple(EXAMPLES[start:] + EXAMPLES[:start]) for start in starts]
    cases = [Case(kind, version, variant, order) for variant, order in zip(VARIANTS, orders, strict=True)]
    if version == versions(kind)[-1]:
        cases += [Case(kind, version, AS_WRITTEN, (example,)) for example in EXAMPLES]
    return cases


_RELEASES = sorted(((kind, version) for kind in KINDS for version in versions(kind)), key=lambda each: order_of(*each))


def _turns() -> dict[tuple[str, str], int]:
    """For each release, which of its project's definitions it is held against, counted from the oldest."""
    met: dict[str, list[list[int]]] = {}
    turns: dict[tuple[str, str], int] = {}
    for release in _RELEASES:
        project, order, _ = order_of(*release)
        orders = met.setdefault(project, [])
        if order not in orders:
            orders.append(order)
        turns[release] = len(orders)
    return turns


_TURNS = _turns()
CASES = sorted(
    (case for number, release in enumerate(_RELEASES) for case in _cases(*release, number)),
    key=lambda case: _TURNS[case.kind, case.version],
)
"""In turns: one server judges what is held against one release of each project, and the next one against the next."""


def manifests_of(case: Case) -> tuple[Manifest, ...]:
    """As `render` writes them; the last InputError where no example may have the variant.

    The first example that makes a group of several nodes, which has more fields; else the first that is rendered at
    all, with less of it changed where that is possible.
    """
    outcome = _outcome(case)
    if isinstance(outcome, errors.InputError):
        raise outcome
    return outcome


@functools.lru_cache(1000)
def _outcome(case: Case) -> tuple[Manifest, ...] | errors.InputError:
    refusal = errors.InputError("no example")
    for tried in _TRIED.get(case.kind, ((), _ONE_NODE)):
        single: Rendered | None = None
        for example in case.examples:
            try:
                found = rendered(example, (*_target(case), *VARIANTS[case.variant], *tried))
            except errors.InputError as problem:
                refusal = problem
                continue
            if found.nodes > 1 or case.kind in _ONE_NODE_KINDS or "hardware.nodes=1" in VARIANTS[case.variant] + tried:
                return found.manifests
            single = single or found
        if single:
            return single.manifests
    return refusal


def _target(case: Case) -> tuple[str, ...]:
    return (f"target={{kind: {case.kind}, version: '{case.version}'}}", *_NEEDED.get(case.kind, ()))
