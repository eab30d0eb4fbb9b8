"""Each rule of KServe on a manifest that breaks it, and none on sound ones; what differs between releases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from manifest_changes import as_object, changed

from shardwright.core.manifests.judge import judge
from shardwright.core.manifests.objects import Context
from shardwright.targets.kserve import gpu_resources
from shardwright.targets.kserve.lint import LINT

if TYPE_CHECKING:
    from shardwright.core.rules import Finding

KSERVE = "serving~kserve~io"
ANNOTATIONS = "metadata.annotations"
MODE, SCALER = f"{ANNOTATIONS}.{KSERVE}/deploymentMode", f"{ANNOTATIONS}.{KSERVE}/autoscalerClass"
PREDICTOR, MODEL, WORKER = "spec.predictor", "spec.predictor.model", "spec.predictor.workerSpec"
GPUS = {"limits": {"nvidia.com/gpu": "4"}, "requests": {"nvidia.com/gpu": "4"}}
WORKER_GPUS = {"limits": {"nvidia.com/gpu": "4"}, "requests": {"nvidia.com/gpu": "4"}}
SINGLE: dict[str, Any] = {
    "apiVersion": "serving.kserve.io/v1beta1",
    "kind": "InferenceService",
    "metadata": {
        "name": "llama",
        "namespace": "demo",
        "annotations": {"serving.kserve.io/deploymentMode": "Standard"},
    },
    "spec": {"predictor": {"model": {"modelFormat": {"name": "huggingface"}, "storageUri": "pvc://models/llama"}}},
}
GROUP = changed(
    SINGLE,
    {
        SCALER: "none",
        f"{MODEL}.runtime": "multi",
        f"{MODEL}.resources": GPUS,
        f"{PREDICTOR}.deploymentStrategy": {"type": "Recreate"},
        WORKER: {
            "pipelineParallelSize": 2,
            "tensorParallelSize": 4,
            "containers": [{"name": "worker-container", "resources": WORKER_GPUS}],
        },
    },
)
MEMORY: dict[str, Any] = {
    "volumes": [{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "16Gi"}}],
}


def member(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "image": "vllm/vllm-openai:v0.21.0",
        "command": ["bash", "-c", "ray start --head"],
        "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}],
        "startupProbe": {"httpGet": {"path": "/health", "port": 8080}, "failureThreshold": 120, "periodSeconds": 30},
    }


RUNTIME: dict[str, Any] = {
    "apiVersion": "serving.kserve.io/v1alpha1",
    "kind": "ServingRuntime",
    "metadata": {"name": "multi", "namespace": "demo"},
    "spec": {
        "supportedModelFormats": [{"name": "huggingface"}],
        "protocolVersions": ["v2"],
        "containers": [member("kserve-container")],
        **MEMORY,
        "workerSpec": {
            **MEMORY,
            "pipelineParallelSize": 1,
            "tensorParallelSize": 1,
            "containers": [member("worker-container")],
        },
    },
}
CLAIM: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "models", "namespace": "demo"},
    "spec": {"accessModes": ["ReadWriteMany"]},
}
CANARY: dict[str, Any] = {
    "predictor": {
        "name": "next",
        "model": {
            "name": "kserve-container",
            "modelFormat": {"name": "huggingface"},
            "storageUri": "pvc://models/next",
        },
    },
    "trafficPercent": 10,
}
HEAD, RUNTIME_WORKER = "spec.containers.0", "spec.workerSpec.containers.0"
FORMATS = "spec.supportedModelFormats"
TOKEN = [{"name": "HF_TOKEN", "value": "hf_" + "aB3" * 10}]
SIZE_VARIABLE = [{"name": "TENSOR_PARALLEL_SIZE", "value": "4"}]
PYTHONPATH = [{"name": "PYTHONPATH", "value": "/x"}]
TAINT = [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}]
RDMA: dict[str, Any] = {"limits": {"rdma/hca": "1"}, "requests": {"rdma/hca": "1"}}
RDMA_LISTED: dict[str, Any] = {f"{ANNOTATIONS}.{KSERVE}/gpu-resource-types": '["rdma/hca"]'}
LONE_RDMA: dict[str, Any] = {**RDMA_LISTED, f"{WORKER}.containers.0.resources": RDMA}
OWN = [{"name": "kserve-container", "image": "own", "env": [{"name": "PROTOCOL", "value": "v3"}]}]
BESIDE = [{"name": "transformer-container", "image": "own", "env": [{"name": "STORAGE_URI", "value": "pvc://x"}]}]
ART: dict[str, Any] = {"type": "SquareAttack", "storage": {"parameters": {"type": "gcs"}}}
SECRET: dict[str, Any] = {"enabled": True, "resourceId": "kbs:///a/b"}
COMPLETION: dict[str, Any] = {"exec": {"command": ["curl", "http://localhost:8080/v1/completions"]}}
ASKS_HEAD = {"exec": {"command": ["bash", "-c", "curl http://$HEAD_SVC:8080/health"]}}
RANKS = ["bash", "-c", "NODE_RANK=$(getent hosts $WORKER_SVC | sort -u | grep -n $POD_IP)"]
WAITS = ["bash", "-c", "until [[ $(ray status | grep -c node_) -eq ${PIPELINE_PARALLEL_SIZE} ]]; do sleep 1; done"]
NO_RAY = ["vllm", "serve", "--distributed-executor-backend=mp", "--node-rank=0"]
HURRY: dict[str, Any] = {"httpGet": {"path": "/health", "port": 8080}, "failureThreshold": 3, "periodSeconds": 10}
ONE_FORMAT: dict[str, Any] = {"name": "huggingface", "autoSelect": True}
SMALL = [{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}}]

BROKEN: list[tuple[str, dict[str, Any], dict[str, object]]] = [
    ("kserve.name", SINGLE, {"metadata.name": "1-llama"}),
    ("kserve.name-length", SINGLE, {"metadata.name": "a" * 54}),
    ("kserve.blocked-variable", SINGLE, {f"{MODEL}.env": PYTHONPATH}),
    ("kserve.blocked-variable", GROUP, {f"{WORKER}.containers.0.env": PYTHONPATH}),
    ("kserve.one-implementation", SINGLE, {MODEL: None}),
    ("kserve.one-implementation", SINGLE, {f"{PREDICTOR}.containers": [{"name": "kserve-container"}]}),
    ("kserve.one-implementation", SINGLE, {"spec.transformer": {}}),
    ("kserve.container-name", SINGLE, {f"{MODEL}.name": "kserve-container"}),
    ("kserve.custom-protocol", SINGLE, {MODEL: None, f"{PREDICTOR}.containers": OWN}),
    ("kserve.transformer-storage", SINGLE, {f"{PREDICTOR}.containers": BESIDE}),
    ("kserve.storage-type", SINGLE, {"spec.explainer.art": ART}),
    ("kserve.storage-uris", SINGLE, {f"{PREDICTOR}.storageUris": [{"uri": "s3://a/b"}]}),
    ("kserve.storage-uris", SINGLE, {f"{MODEL}.storageUri": None, f"{PREDICTOR}.storageUris": [{"uri": "s3://a/b", "mountPath": "/"}]}),
    ("kserve.storage-uris", SINGLE, {f"{MODEL}.storageUri": None, f"{PREDICTOR}.storageUris": [{"uri": "s3://a", "mountPath": "/a"}, {"uri": "s3://b", "mountPath": "/b"}]}),
    ("kserve.storage-scheme", SINGLE, {f"{MODEL}.storageUri": "ftp://models/llama"}),
    ("kserve.confidential", SINGLE, {f"{MODEL}.confidential": SECRET}),
    ("kserve.confidential-unused", SINGLE, {f"{MODEL}.confidential": {"enabled": True}}),
    ("kserve.autoscaler-class", SINGLE, {SCALER: "kpa"}),
    ("kserve.replicas", SINGLE, {f"{PREDICTOR}.minReplicas": 3, f"{PREDICTOR}.maxReplicas": 2}),
    ("kserve.replicas", SINGLE, {f"{PREDICTOR}.minReplicas": -1}),
    ("kserve.replicas", SINGLE, {f"{PREDICTOR}.containerConcurrency": -1}),
    ("kserve.replicas", SINGLE, {f"{PREDICTOR}.logger": {}}),
    ("kserve.autoscaling", SINGLE, {MODE: "Knative", f"{PREDICTOR}.deploymentStrategy": {"type": "Recreate"}}),
    ("kserve.autoscaling", SINGLE, {MODE: "Knative", f"{PREDICTOR}.scaleMetric": "memory"}),
    ("kserve.autoscaling", SINGLE, {SCALER: "hpa", f"{PREDICTOR}.scaleTarget": 101}),
    ("kserve.autoscaling", SINGLE, {SCALER: "hpa", f"{PREDICTOR}.scaleMetric": "rps"}),
    ("kserve.autoscaling", SINGLE, {SCALER: "keda", f"{PREDICTOR}.scaleMetric": "cpu"}),
    ("kserve.autoscaling", SINGLE, {SCALER: "keda", f"{PREDICTOR}.autoScaling.metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Value"}}}]}),
    ("kserve.autoscaling", SINGLE, {SCALER: "keda", f"{PREDICTOR}.autoScaling.metrics": [{"type": "External", "external": {"metric": {"backend": "prometheus"}, "target": {"type": "Value", "value": "2"}}}]}),
    ("kserve.worker-containers", GROUP, {f"{WORKER}.containers": [{"name": "worker-container"}, {"name": "b"}]}),
    ("kserve.parallel-variables", GROUP, {f"{MODEL}.env": SIZE_VARIABLE}),
    ("kserve.gpu-types", GROUP, {f"{MODEL}.resources.requests.rdma/hca": "1"}),
    ("kserve.gpu-types", GROUP, {f"{ANNOTATIONS}.{KSERVE}/gpu-resource-types": "rdma/hca"}),
    ("kserve.worker-storage", GROUP, {f"{MODEL}.storageUri": "hf://meta/llama"}),
    ("kserve.worker-storage", GROUP, {f"{MODEL}.storageUri": None}),
    ("kserve.worker-autoscaler", GROUP, {SCALER: None}),
    ("kserve.worker-autoscaler", GROUP, {SCALER: "external"}),
    ("kserve.parallel-sizes", GROUP, {f"{WORKER}.pipelineParallelSize": 0}),
    ("kserve.runtime-worker", GROUP, {f"{MODEL}.runtime": "single"}),
    ("kserve.gpu-total", GROUP, {f"{MODEL}.resources.requests": {"nvidia.com/gpu": "2"}}),
    ("kserve.canary", SINGLE, {"spec.canary": [{**CANARY, "trafficPercent": 60}, {**CANARY, "trafficPercent": 60}]}),
    ("kserve.canary", SINGLE, {"spec.canary": [CANARY], MODE: "Knative"}),
    ("kserve.canary", SINGLE, {"spec.canary": [{**CANARY, "predictor": {**CANARY["predictor"], "maxReplicas": 2}}]}),
    ("kserve.format-priority", RUNTIME, {FORMATS: [{**ONE_FORMAT, "priority": 1}, {**ONE_FORMAT, "priority": 2}]}),
    ("kserve.runtime-priority", RUNTIME, {FORMATS: [{**ONE_FORMAT, "priority": 7}]}),
    ("kserve.runtime-worker-containers", RUNTIME, {"spec.workerSpec.containers": []}),
    ("kserve.runtime-variables", RUNTIME, {f"{HEAD}.env": SIZE_VARIABLE}),
    ("kserve.runtime-gpu-types", RUNTIME, {f"{HEAD}.resources": RDMA}),
    ("kserve.runtime-sizes", RUNTIME, {"spec.workerSpec.tensorParallelSize": 0}),
    ("kserve.runtime-blocked-variable", RUNTIME, {f"{RUNTIME_WORKER}.env": PYTHONPATH}),
    ("kserve.runtime-replicas", RUNTIME, {"spec.replicas": 65536}),
    ("kserve.runtime-container-names", RUNTIME, {f"{RUNTIME_WORKER}.name": "worker"}),
    ("kserve.old-size", GROUP, {f"{WORKER}.size": 1}),
    ("kserve.worker-mode", GROUP, {MODE: "Knative"}),
    ("kserve.worker-replicas", GROUP, {f"{PREDICTOR}.minReplicas": 2, f"{PREDICTOR}.maxReplicas": 2}),
    ("kserve.group-shape", GROUP, {f"{MODEL}.resources": None, f"{WORKER}.containers": None}),
    ("kserve.gpu-limits-only", GROUP, {f"{MODEL}.resources.requests": None}),
    ("kserve.gpu-mixed", GROUP, {f"{WORKER}.containers.0.resources": {"limits": {"amd.com/gpu": 4}}}),
    ("kserve.gpu-hidden", GROUP, LONE_RDMA),
    ("kserve.sizes-implied", GROUP, {f"{WORKER}.tensorParallelSize": None}),
    ("kserve.head-only", GROUP, {f"{PREDICTOR}.tolerations": [{**TAINT[0], "operator": "Exists"}]}),
    ("kserve.worker-variables", GROUP, {f"{WORKER}.containers.0.env": SIZE_VARIABLE}),
    ("kserve.workers-orphaned", GROUP, {}),
    ("kserve.mode-name", SINGLE, {MODE: "RawDeployment"}),
    ("kserve.update-surge", GROUP, {f"{PREDICTOR}.deploymentStrategy": None}),
    ("kserve.served-name", SINGLE, {f"{MODEL}.args": ["--served-model-name", "other", "third", "--seed=1"]}),
    ("kserve.claim-mode", GROUP, {f"{MODEL}.storageUri": "pvc://once/llama"}),
    ("kserve.runtime-name", SINGLE, {f"{MODEL}.runtime": "huggingface-server-multinode"}),
    ("kserve.runtime-name", GROUP, {f"{MODEL}.modelFormat.name": "triton"}),
    ("kserve.bundle", RUNTIME, {}),
    ("kserve.literal-token", SINGLE, {f"{MODEL}.env": TOKEN}),
    ("kserve.literal-token", RUNTIME, {f"{HEAD}.args": ["--token=hf_" + "aB3" * 10]}),
    ("kserve.toleration", RUNTIME, {"spec.workerSpec.tolerations": TAINT}),
    ("kserve.shared-memory", RUNTIME, {f"{HEAD}.volumeMounts": None}),
    ("kserve.shared-memory", RUNTIME, {"spec.workerSpec.volumes": SMALL}),
    ("kserve.busy-head", RUNTIME, {f"{HEAD}.livenessProbe": COMPLETION}),
    ("kserve.worker-liveness", RUNTIME, {f"{RUNTIME_WORKER}.livenessProbe": ASKS_HEAD}),
    ("kserve.unstable-ranks", RUNTIME, {f"{RUNTIME_WORKER}.command": RANKS}),
    ("kserve.ray-wait", RUNTIME, {f"{HEAD}.command": WAITS}),
    ("kserve.executor", RUNTIME, {f"{HEAD}.command": NO_RAY}),
    ("kserve.executor", RUNTIME, {"metadata.annotations": {"multinode/executor-backend": "mp"}}),
    ("kserve.executor", RUNTIME, {"spec.annotations": {"multinode/executor-backend": "mp"}}),
    ("kserve.start-time", RUNTIME, {f"{HEAD}.startupProbe": HURRY}),
    ("kserve.runtime-version", RUNTIME, {"metadata.annotations": {"opendatahub.io/runtime-version": "v0.10.2"}}),
]  # fmt: skip
OTHERS = [
    changed(RUNTIME, {"metadata.name": "single", "spec.workerSpec": None}),
    changed(RUNTIME, {"metadata.name": "rival", FORMATS: [{**ONE_FORMAT, "priority": 7}]}),
    changed(CLAIM, {"metadata.name": "once", "spec.accessModes": ["ReadWriteOnce"]}),
]
ELSEWHERE = {
    "kserve.autoscaler-target",  # releases that are tested below
    "kserve.mode-change",
    "kserve.predictor-name-change",
    "kserve.runtime-worker-kept",
}


def findings(
    body: dict[str, Any], *others: dict[str, Any], version: str = "0.20", old: dict[str, Any] | None = None
) -> list[Finding]:
    """What is found in the first object."""
    context = Context(versions={"kserve": version})
    first, *more = (as_object(each) for each in (body, *others))
    found = judge([first, *more], [LINT], context, [as_object(old)] if old else [])
    alone = judge(more, [LINT], context)
    return [each for each in found if each not in alone]


def said(body: dict[str, Any], *others: dict[str, Any], version: str = "0.20") -> set[str]:
    """Ids of rules that are broken, as far as can be told."""
    return {each.id for each in findings(body, *others, version=version) if each.status != "unknown"}


@pytest.mark.parametrize(("rule", "body", "changes"), BROKEN, ids=[f"{n}-{c[0]}" for n, c in enumerate(BROKEN)])
def test_broken(rule: str, body: dict[str, Any], changes: dict[str, object]) -> None:
    """A manifest that breaks a rule is found, at a path that is in it."""
    others = OTHERS if body is not GROUP else [*OTHERS, RUNTIME]
    found = [each for each in findings(changed(body, changes), *others) if each.id == rule]
    assert found
    assert all(each.message and each.why and each.fix and each.path for each in found)


def test_every_rule_has_a_case() -> None:
    """No rule is without a manifest that breaks it."""
    assert {rule.id for rule in LINT.rules if rule.id.startswith("kserve.")} == {
        rule for rule, _, _ in BROKEN
    } | ELSEWHERE


def test_sound_ones_pass() -> None:
    """Nothing is said of a service, a group and a runtime that are as they should be, but for the release's defect."""
    assert said(SINGLE) == set()
    assert said(GROUP, RUNTIME, CLAIM) == {"kserve.workers-orphaned"}
    assert said(RUNTIME, GROUP) == set()


@pytest.mark.parametrize(
    ("version", "annotation", "is_right"),
    [("0.15.0", "external", True), ("0.15.0", "none", False), ("0.15.2", "none", True), ("0.15.2", "external", False)],
)
@pytest.mark.requirement("R012")
def test_autoscaler_by_release(version: str, annotation: str, *, is_right: bool) -> None:
    """With 0.15.0 a group's autoscaler class is external, from 0.15.1 on none."""
    body = changed(GROUP, {SCALER: annotation, MODE: "RawDeployment"})
    assert ("kserve.worker-autoscaler" not in said(body, version=version)) == is_right


@pytest.mark.requirement("R037")
def test_smallest_pipeline_by_release() -> None:
    """One stage is allowed from 0.15.1 on."""
    body = changed(GROUP, {f"{WORKER}.pipelineParallelSize": 1})
    assert "kserve.parallel-sizes" in said(body, version="0.15.0")
    assert "kserve.parallel-sizes" not in said(body, version="0.15.1")


@pytest.mark.requirement("R013")
@pytest.mark.requirement("R041")
def test_images_hold_models_from_016_on() -> None:
    """A group reads its model from an OCI image from 0.16 on only."""
    body = changed(GROUP, {f"{MODEL}.storageUri": "oci://registry/llama"})
    assert "kserve.worker-storage" in said(body, version="0.15.2")
    assert "kserve.worker-storage" not in said(body, version="0.16")


def test_nothing_is_checked_of_groups_before_015() -> None:
    """0.14 has no check of groups, and 0.13 does not know them."""
    body = changed(GROUP, {SCALER: None, WORKER: {"size": 1}, MODE: "RawDeployment"})
    assert "kserve.worker-autoscaler" not in said(body, version="0.14.1")
    assert "kserve.unknown-field" not in said(body, version="0.14.1")
    assert "kserve.unknown-field" in said(body, version="0.13")


def test_annotated_targets_before_015() -> None:
    """Releases up to 0.14 read the target from an annotation."""
    body = changed(SINGLE, {f"{ANNOTATIONS}.{KSERVE}/targetUtilizationPercentage": "150"})
    assert "kserve.autoscaler-target" in said(body, version="0.14")
    assert "kserve.autoscaler-target" not in said(body, version="0.15")


def test_updates() -> None:
    """The mode stays, a new predictor name needs a new model, a runtime keeps its workers; deletion asks nothing."""
    old = changed(SINGLE, {"status.deploymentMode": "Knative"})
    named = changed(SINGLE, {f"{PREDICTOR}.name": "v2"})
    single = changed(RUNTIME, {"spec.workerSpec": None})
    for rule, new, before in (
        ("kserve.mode-change", SINGLE, old),
        ("kserve.predictor-name-change", named, SINGLE),
        ("kserve.runtime-worker-kept", single, RUNTIME),
    ):
        assert rule in {each.id for each in findings(new, old=before)}
        going = changed(new, {"metadata.deletionTimestamp": "2026-11-21T00:00:00Z"})
        assert rule not in {each.id for each in findings(going, old=before)}


def test_a_patient_worker_may_ask_its_head() -> None:
    """What the finding asks for is no finding."""
    patient = {**ASKS_HEAD, "failureThreshold": 10, "periodSeconds": 30}
    assert "kserve.worker-liveness" not in said(changed(RUNTIME, {f"{RUNTIME_WORKER}.livenessProbe": patient}), *OTHERS)
    assert "kserve.worker-liveness" in said(changed(RUNTIME, {f"{RUNTIME_WORKER}.livenessProbe": ASKS_HEAD}), *OTHERS)


def test_a_disabled_runtime_is_not_asked() -> None:
    """The webhook passes by what is disabled."""
    body = changed(RUNTIME, {"spec.disabled": True, f"{HEAD}.env": SIZE_VARIABLE})
    assert "kserve.runtime-variables" not in said(body)


@pytest.mark.requirement("R060")
@pytest.mark.requirement("R014")
def test_a_claim_for_several_nodes() -> None:
    """A claim that one node alone can mount is told; one for reading everywhere is enough."""
    for modes, is_right in ((["ReadWriteOnce"], False), (["ReadOnlyMany"], True), (["ReadWriteMany"], True)):
        claim = changed(CLAIM, {"spec.accessModes": modes})
        assert ("kserve.claim-mode" not in said(GROUP, RUNTIME, claim)) == is_right


@pytest.mark.requirement("R064")
def test_triton_is_for_one_node() -> None:
    """Triton has no runtime for several nodes; on one node nothing is said of it."""
    assert "kserve.runtime-name" in said(changed(GROUP, {f"{MODEL}.runtime": "kserve-triton"}))
    assert "kserve.runtime-name" not in said(changed(SINGLE, {f"{MODEL}.runtime": "kserve-triton"}))


@pytest.mark.requirement("R023")
def test_a_crd_without_the_sizes_is_refused() -> None:
    """Where the CRD at hand has no sizes, they are an error: the API server would drop them."""
    lost = {each.path for each in findings(GROUP, version="0.14.1") if each.id == "kserve.unknown-field"}
    assert lost == {f"{WORKER}.{name}" for name in ("pipelineParallelSize", "tensorParallelSize")}


def test_what_the_cluster_decides_is_not_told() -> None:
    """A runtime and a claim that are not at hand are unknown, not wrong."""
    unknown = {each.id for each in findings(GROUP) if each.status == "unknown"}
    assert {"kserve.runtime-worker", "kserve.claim-mode"} <= unknown


@pytest.mark.parametrize(
    ("total", "head", "worker", "nodes"),
    [
        (16, 0, 0, (16, 1, 1)),
        (16, 8, 8, (2, 8, 8)),
        (16, 0, 8, (2, 8, 8)),
        (16, 8, 0, (9, 8, 1)),
        (8, 0, 8, (1, 8, 0)),
        (6, 0, 4, (2, 2, 4)),
    ],
)
@pytest.mark.requirement("R066")
@pytest.mark.requirement("R071")
def test_pods_of_a_group_on_ray(total: int, head: int, worker: int, nodes: tuple[int, int, int]) -> None:
    """The number of pods comes from GPU requests, as KServe computes it; too few are refused."""
    assert gpu_resources.ray_nodes(total, head, worker) == nodes
    with pytest.raises(ValueError, match="too few"):
        gpu_resources.ray_nodes(16, 4, 8)


@pytest.mark.requirement("R067")
@pytest.mark.requirement("R065")
def test_mends() -> None:
    """Old sizes and variables become today's fields."""
    body = changed(GROUP, {f"{WORKER}.size": 3, f"{WORKER}.pipelineParallelSize": None, f"{MODEL}.env": SIZE_VARIABLE})
    body = changed(body, {f"{WORKER}.tensorParallelSize": None})
    made, context = as_object(body), Context(versions={"kserve": "0.20"})
    mended: dict[str, object] = {}
    for rule in LINT.rules:
        if rule.id in {"kserve.old-size", "kserve.parallel-variables"} and rule.mend:
            for breach in rule.check(made, context):
                changes = rule.mend(made, context, breach)
                assert changes[0].is_removal
                mended |= {str(change.path[-1]): change.value for change in changes if not change.is_removal}
    assert mended == {"pipelineParallelSize": 4, "tensorParallelSize": 4}
