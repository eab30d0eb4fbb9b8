"""What goes wrong with engines in Deployments, StatefulSets and Jobs that the API server accepts."""

from __future__ import annotations

import pytest
from kubernetes_objects import findings, ids, sound

C = "spec.template.spec.containers.0"
GROUP = ["vllm", "serve", "m", "--tensor-parallel-size", "4", "--nnodes", "2"]
READY = {"httpGet": {"port": 8000}}


@pytest.mark.parametrize(
    ("kind", "changes", "expected"),
    [
        ("Deployment", {f"{C}.command": ["vllm", "serve", "m", "-tp", "4"]}, "kubernetes.too-few-gpus"),
        ("Pod", {"spec.containers.0.command": ["sh", "-c", "vllm serve m -tp 2 -pp 2"]}, "kubernetes.too-few-gpus"),
        ("StatefulSet", {"spec.replicas": 2, f"{C}.command": GROUP}, "kubernetes.group"),
        ("Deployment", {"spec.strategy": {}}, "kubernetes.update-surge"),
        ("Deployment", {f"{C}.startupProbe.failureThreshold": 100}, "kubernetes.rollout-deadline"),
        ("Job", {"spec.template.metadata.labels": {"sidecar.istio.io/inject": "true"}}, "kubernetes.job-mesh"),
        ("Job", {"spec.template.metadata": {}}, "kubernetes.job-mesh"),
        ("Job", {f"{C}.command": ["sh", "-c", "pip install hf && hf download m"]}, "kubernetes.download"),
        (
            "Job",
            {f"{C}.command": ["python", "-c", "snapshot_download('m', resume_download=True)"]},
            "kubernetes.download",
        ),
        ("Job", {f"{C}.env": [{"name": "HF_HUB_OFFLINE", "value": "1"}]}, "kubernetes.download"),
        ("Job", {f"{C}.env": [{"name": "HF_HUB_ENABLE_HF_TRANSFER", "value": "1"}]}, "kubernetes.download"),
        ("Deployment", {f"{C}.env.1": {"name": "HF_TOKEN", "value": "hf_" + "aB3" * 10}}, "pod.token-literal"),
        ("Deployment", {f"{C}.env.1": {"name": "HF_TOKEN", "value": "x"}}, "pod.secret-literal"),
        ("Deployment", {f"{C}.volumeMounts.0.mountPath": "/shm"}, "pod.shared-memory"),
        ("Deployment", {f"{C}.startupProbe.failureThreshold": 3}, "pod.startup"),
        ("Deployment", {"spec.template.spec.tolerations": [{"key": "nvidia.com/gpu"}]}, "pod.toleration"),
    ],
)
def test_each_trap_is_found(kind: str, changes: dict[str, object], expected: str) -> None:
    """An engine that would not start, not find its peers, or lose its tokens."""
    assert ids(sound(kind, changes)) == [expected]


@pytest.mark.requirement("R159")
def test_a_job_of_which_the_mesh_is_unknown_fails_nothing() -> None:
    """Whether proxies are put into pods is said by the namespace."""
    (found,) = findings(sound("Job", {"spec.template.metadata": {}}))
    assert (found.severity, found.status) == ("info", "unknown")


def test_pods_of_one_template_cannot_have_ranks_of_their_own() -> None:
    """One that is written is the rank of each."""
    changes = {"spec.replicas": 2, f"{C}.command": [*GROUP, "--node-rank", "1"]}
    assert ids(sound("Deployment", changes)) == ["kubernetes.group", "kubernetes.same-rank"]


def test_members_that_are_made_one_after_the_other_never_meet() -> None:
    """The first pod is ready when the second has joined, and the second is made when the first is ready."""
    group = {"spec.replicas": 2, f"{C}.command": GROUP, f"{C}.readinessProbe": READY}
    assert ids(sound("StatefulSet", {**group, "spec.podManagementPolicy": None})) == [
        "kubernetes.group",
        "kubernetes.ordered-start",
    ]
    assert ids(sound("StatefulSet", group)) == ["kubernetes.group"]


@pytest.mark.requirement("R165")
def test_a_claim_of_one_node_is_not_for_several_pods() -> None:
    """Pods of all kinds in the input count, and a Job that has ended does not."""
    claim = sound("PersistentVolumeClaim", {"metadata.name": "models", "spec.accessModes": ["ReadWriteOnce"]})
    assert ids(claim, sound("Deployment")) == []
    assert ids(claim, sound("Deployment", {"spec.replicas": 2})) == ["kubernetes.claim-mode"]
    assert ids(claim, sound("Deployment"), sound("Pod", {"metadata.name": "b"})) == ["kubernetes.claim-mode"]
    assert ids(claim, sound("Deployment", {"spec.replicas": 2, "metadata.namespace": "other"})) == []
    shared = sound("PersistentVolumeClaim", {"metadata.name": "models"})
    assert ids(shared, sound("Deployment", {"spec.replicas": 2})) == []


def test_a_service_called_vllm_sets_the_port_of_the_engine() -> None:
    """VLLM_PORT is then an address, and the engine ends at its start."""
    service = sound("Service", {"metadata.name": "vllm"})
    links = {"spec.template.spec.enableServiceLinks": True}
    assert ids(service, sound("Deployment", links)) == ["kubernetes.service-links"]
    assert ids(service, sound("Deployment")) == []
    assert ids(sound("Service"), sound("Deployment", links)) == []
