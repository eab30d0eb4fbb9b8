"""Every mend of a rule puts its breach right, brings no error, and is made once."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from shardwright import registry
from shardwright.core.manifests import judge, mending_rounds, reading
from shardwright.core.manifests.objects import Context

GPUS = "resources: {limits: {nvidia.com/gpu: 2}}"
ISVC = """
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: llama, annotations: {serving.kserve.io/autoscalerClass: none, serving.kserve.io/deploymentMode: Standard}}
spec:
  predictor:
    model: {modelFormat: {name: vLLM}, storageUri: 'pvc://a/b', runtime: r}
    workerSpec: {pipelineParallelSize: 2, tensorParallelSize: 2}
"""
RUNTIME = """
apiVersion: serving.kserve.io/v1alpha1
kind: ServingRuntime
metadata: {name: r}
spec:
  containers: [{name: kserve-container, image: 'a:1', command: [vllm, serve]}]
  workerSpec: {pipelineParallelSize: 2, tensorParallelSize: 2, containers: [{name: worker-container, image: 'a:1'}]}
"""
LLM = """
apiVersion: serving.kserve.io/v1alpha1
kind: LLMInferenceService
metadata: {name: llama}
spec: {model: {uri: 'hf://a/b', name: llama}}
"""
LWS = f"""
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {{name: a}}
spec:
  leaderWorkerTemplate:
    size: 2
    leaderTemplate: {{spec: {{containers: [{{name: a, image: 'a:1', {GPUS}}}]}}}}
    workerTemplate: {{spec: {{containers: [{{name: a, image: 'a:1', {GPUS}}}]}}}}
"""
RAY = """
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: a}
spec:
  rayVersion: 2.52.0
  headGroupSpec: {rayStartParams: {}, template: {spec: {containers: [{name: h, image: 'rayproject/ray:2.52.0'}]}}}
"""
JOB = """
apiVersion: ray.io/v1
kind: RayJob
metadata: {name: a}
spec:
  entrypoint: python a.py
  rayClusterSpec:
    rayVersion: 2.52.0
    headGroupSpec: {rayStartParams: {}, template: {spec: {containers: [{name: h, image: 'rayproject/ray:2.52.0'}]}}}
"""
SERVICE = (
    RAY.replace("kind: RayCluster", "kind: RayService")
    .replace("spec:\n", "spec:\n  rayClusterConfig:\n", 1)
    .replace("  rayVersion", "    rayVersion")
    .replace("  headGroupSpec", "    headGroupSpec")
)
STATEFUL = f"""
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: a}}
spec:
  replicas: 2
  serviceName: a
  selector: {{matchLabels: {{a: b}}}}
  template:
    metadata: {{labels: {{a: b}}}}
    spec: {{containers: [{{name: a, image: 'a:1', {GPUS}}}]}}
"""
CONTAINER = ("spec", "template", "spec", "containers", 0)
LEADER = ("spec", "leaderWorkerTemplate", "leaderTemplate", "spec", "containers", 0)
WORKER = ("spec", "leaderWorkerTemplate", "workerTemplate", "spec", "containers", 0)
HEAD = ("spec", "headGroupSpec", "template", "spec", "containers", 0)
MODEL, ANNOTATIONS = ("spec", "predictor", "model"), ("metadata", "annotations")
SERVE = ["vllm", "serve", "m"]
FT = ("spec", "gcsFaultToleranceOptions")
TOKEN = "hf_" + "AbCdEfGh1234" * 2

Row = tuple[str, str, dict[tuple[str | int, ...], Any], dict[tuple[str | int, ...], Any]]
ROWS: tuple[Row, ...] = (
    ("kserve.parallel-variables", ISVC, {(*MODEL, "env"): [{"name": "TENSOR_PARALLEL_SIZE", "value": "4"}], ("spec", "predictor", "workerSpec", "tensorParallelSize"): None}, {("spec", "predictor", "workerSpec", "tensorParallelSize"): 4, (*MODEL, "env"): None}),
    ("kserve.worker-autoscaler", ISVC, {(*ANNOTATIONS, "serving.kserve.io/autoscalerClass"): "hpa"}, {(*ANNOTATIONS, "serving.kserve.io/autoscalerClass"): "none"}),
    ("kserve.old-size", ISVC, {("spec", "predictor", "workerSpec"): {"size": 1, "tensorParallelSize": 2}}, {("spec", "predictor", "workerSpec"): {"pipelineParallelSize": 2, "tensorParallelSize": 2}}),
    ("kserve.worker-mode", ISVC, {(*ANNOTATIONS, "serving.kserve.io/deploymentMode"): "Knative"}, {(*ANNOTATIONS, "serving.kserve.io/deploymentMode"): "Standard"}),
    ("kserve.mode-name", ISVC, {(*ANNOTATIONS, "serving.kserve.io/deploymentMode"): "RawDeployment"}, {(*ANNOTATIONS, "serving.kserve.io/deploymentMode"): "Standard"}),
    ("kserve.worker-replicas", ISVC, {("spec", "predictor", "minReplicas"): 2, ("spec", "predictor", "maxReplicas"): 2}, {("spec", "predictor", "minReplicas"): 1, ("spec", "predictor", "maxReplicas"): 1}),
    ("kserve.worker-variables", ISVC, {("spec", "predictor", "workerSpec", "containers"): [{"name": "worker-container", "env": [{"name": "PIPELINE_PARALLEL_SIZE", "value": "2"}]}]}, {("spec", "predictor", "workerSpec", "containers", 0, "env"): None}),
    ("kserve.container-name", ISVC, {(*MODEL, "name"): "x"}, {(*MODEL, "name"): None}),
    ("kserve.runtime-name", ISVC, {(*MODEL, "runtime"): "huggingface-server-multinode"}, {(*MODEL, "runtime"): "kserve-huggingfaceserver-multinode"}),
    ("kserve.gpu-types", ISVC, {(*MODEL, "resources"): {"limits": {"nvidia.com/gpu": 2, "rdma/a": 1}, "requests": {"nvidia.com/gpu": 2, "rdma/b": 1}}}, {(*ANNOTATIONS, "serving.kserve.io/gpu-resource-types"): '["rdma/a", "rdma/b"]'}),
    ("kserve.gpu-limits-only", ISVC, {(*MODEL, "resources"): {"limits": {"nvidia.com/gpu": 2}}}, {(*MODEL, "resources", "requests", "nvidia.com/gpu"): 2}),
    ("kserve.head-only", ISVC, {("spec", "predictor", "nodeSelector"): {"a": "b"}}, {("spec", "predictor", "workerSpec", "nodeSelector"): {"a": "b"}}),
    ("kserve.literal-token", ISVC, {(*MODEL, "env"): [{"name": "HF_TOKEN", "value": TOKEN}]}, {(*MODEL, "env", 0): {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "llama-credentials", "key": "HF_TOKEN"}}}}),
    ("kserve.toleration", ISVC, {("spec", "predictor", "tolerations"): [{"key": "gpu"}]}, {("spec", "predictor", "tolerations", 0, "operator"): "Exists"}),
    ("kserve.wrong-type", ISVC, {("spec", "predictor", "minReplicas"): "1", (*MODEL, "env"): [{"name": "A", "value": 5}]}, {("spec", "predictor", "minReplicas"): 1, (*MODEL, "env", 0, "value"): "5"}),
    ("kserve.runtime-gpu-types", RUNTIME, {("spec", "containers", 0, "resources"): {"limits": {"rdma/a": 1, "nvidia.com/gpu": 2}, "requests": {"rdma/a": 1, "nvidia.com/gpu": 2}}}, {("spec", "annotations", "serving.kserve.io/gpu-resource-types"): '["rdma/a"]'}),
    ("kserve.runtime-variables", RUNTIME, {("spec", "containers", 0, "env"): [{"name": "PIPELINE_PARALLEL_SIZE", "value": "3"}]}, {("spec", "workerSpec", "pipelineParallelSize"): 2, ("spec", "containers", 0, "env"): None}),
    ("kserve.executor", RUNTIME, {(*ANNOTATIONS, "multinode/executor-backend"): "mp"}, {("spec", "annotations", "multinode/executor-backend"): "mp", ("metadata", "annotations"): None}),
    ("kserve.shared-memory", RUNTIME, {}, {("spec", "workerSpec", "volumes", 0, "emptyDir"): {"medium": "Memory", "sizeLimit": "16Gi"}}),
    ("kserve.start-time", RUNTIME, {("spec", "containers", 0, "startupProbe"): {"httpGet": {"path": "/health", "port": 8080}, "periodSeconds": 10}}, {("spec", "containers", 0, "startupProbe", "failureThreshold"): 120}),
    ("kserve.busy-head", RUNTIME, {("spec", "containers", 0, "livenessProbe"): {"exec": {"command": ["bash", "-c", "curl localhost:8080/v1/completions"]}}}, {("spec", "containers", 0, "livenessProbe"): {"httpGet": {"path": "/health", "port": 8080}}}),
    ("kserve.llm-size-ignored", LLM, {("spec", "parallelism"): {"pipeline": 2}}, {("spec", "worker"): {}}),
    ("kserve.llm-scheduler-replicas", LLM, {("spec", "router"): {"scheduler": {"replicas": 0}}}, {("spec", "router", "scheduler", "replicas"): 1}),
    ("kserve.llm-literal-token", LLM, {("spec", "template"): {"containers": [{"name": "main", "env": [{"name": "API_KEY", "value": "x y"}]}]}}, {("spec", "template", "containers", 0, "env", 0, "value"): None}),
    ("kserve.llm-toleration", LLM, {("spec", "template"): {"containers": [{"name": "main"}], "tolerations": [{"key": "a"}]}}, {("spec", "template", "tolerations", 0, "operator"): "Exists"}),
    ("lws.rank-fixed", LWS, {(*WORKER, "command"): [*SERVE, "--nnodes", "2", "--node-rank=0", "--headless"]}, {(*WORKER, "command", 5): "--node-rank=$(LWS_WORKER_INDEX)"}),
    ("lws.nodes", LWS, {(*LEADER, "command"): [*SERVE, "--nnodes", "3", "-tp", "4"]}, {(*LEADER, "command", 4): "$(LWS_GROUP_SIZE)"}),
    ("lws.leader-address", LWS, {(*WORKER, "command"): ["sh", "-c", "vllm serve m --headless --master-addr localhost --node-rank $X"]}, {(*WORKER, "command", 2): "vllm serve m --headless --master-addr $(LWS_LEADER_ADDRESS) --node-rank $X"}),
    ("lws.headless", LWS, {(*WORKER, "command"): [*SERVE, "--nnodes", "2", "--node-rank", "$(LWS_WORKER_INDEX)"]}, {(*WORKER, "command", 7): "--headless"}),
    ("lws.no-group-restart", LWS, {("spec", "leaderWorkerTemplate", "restartPolicy"): "None"}, {("spec", "leaderWorkerTemplate", "restartPolicy"): "RecreateGroupOnPodRestart"}),
    ("lws.startup-policy", LWS, {("spec", "startupPolicy"): "LeaderReady", (*LEADER, "command"): [*SERVE, "--nnodes", "2", "-tp", "4"], (*LEADER, "readinessProbe"): {"tcpSocket": {"port": 1}}}, {("spec", "startupPolicy"): "LeaderCreated"}),
    ("lws.rollout-stuck", LWS, {("spec", "rolloutStrategy"): {"rollingUpdateConfiguration": {"maxUnavailable": 0, "maxSurge": 0}}}, {("spec", "rolloutStrategy", "rollingUpdateConfiguration", "maxUnavailable"): 1}),
    ("lws.surge", LWS, {("spec", "rolloutStrategy"): {"rollingUpdateConfiguration": {"maxUnavailable": 0, "maxSurge": 2}}}, {("spec", "rolloutStrategy", "rollingUpdateConfiguration"): {"maxUnavailable": 1, "maxSurge": 0}}),
    ("lws.worker-probe", LWS, {(*WORKER, "command"): [*SERVE, "--headless"], (*WORKER, "readinessProbe"): {"tcpSocket": {"port": 1}}}, {(*WORKER, "readinessProbe"): None}),
    ("pod.token-literal", LWS, {(*LEADER, "env"): [{"name": "X", "value": TOKEN}]}, {(*LEADER, "env", 0, "valueFrom", "secretKeyRef", "key"): "X"}),
    ("pod.secret-literal", LWS, {(*LEADER, "env"): [{"name": "API_KEY", "value": "abc"}]}, {(*LEADER, "env", 0, "valueFrom", "secretKeyRef", "name"): "a-credentials"}),
    ("pod.shared-memory", LWS, {(*LEADER, "resources", "limits", "memory"): "8Gi"}, {("spec", "leaderWorkerTemplate", "leaderTemplate", "spec", "volumes", 0, "emptyDir", "sizeLimit"): "4Gi"}),
    ("pod.liveness", LWS, {(*LEADER, "livenessProbe"): {"httpGet": {"path": "/", "port": 1}}}, {(*LEADER, "startupProbe", "failureThreshold"): 120, (*LEADER, "livenessProbe", "failureThreshold"): 10}),
    ("pod.startup", LWS, {(*LEADER, "startupProbe"): {"httpGet": {"path": "/", "port": 1}, "periodSeconds": 30}}, {(*LEADER, "startupProbe", "failureThreshold"): 40}),
    ("pod.after-shell", LWS, {(*LEADER, "command"): ["sh", "-c", "bash multi-node-serving.sh leader; vllm serve m -tp 4"]}, {(*LEADER, "command", 2): "bash multi-node-serving.sh leader && vllm serve m -tp 4"}),
    ("pod.lock-memory", LWS, {(*LEADER, "resources", "limits", "rdma/hca"): 1}, {(*LEADER, "securityContext", "capabilities", "add"): ["IPC_LOCK"]}),
    ("pod.gpu-limit", LWS, {(*LEADER, "resources"): {"requests": {"nvidia.com/gpu": 2}}}, {(*LEADER, "resources", "limits"): {"nvidia.com/gpu": 2}}),
    ("kuberay.autoscaler-restart-policy", RAY, {("spec", "enableInTreeAutoscaling"): True, ("spec", "autoscalerOptions"): {"version": "v2"}, (*HEAD[:-2], "restartPolicy"): "Always"}, {(*HEAD[:-2], "restartPolicy"): "Never"}),
    ("kuberay.autoscaler-version-twice", RAY, {("spec", "enableInTreeAutoscaling"): True, ("spec", "autoscalerOptions"): {"version": "v2"}, (*HEAD, "env"): [{"name": "RAY_enable_autoscaler_v2", "value": "1"}]}, {(*HEAD, "env"): None}),
    ("kuberay.autoscaler-start-command", RAY, {("spec", "autoscalerOptions"): {"env": [{"name": "KUBERAY_GEN_AUTOSCALER_START_CMD", "value": "1"}]}}, {("spec", "autoscalerOptions", "env"): None}),
    ("kuberay.gcs-annotation", RAY, {FT: {"redisAddress": "a:1"}, (*ANNOTATIONS, "ray.io/ft-enabled"): "true"}, {ANNOTATIONS: None}),
    ("kuberay.gcs-outside-options", RAY, {FT: {"redisAddress": "a:1"}, (*HEAD, "env"): [{"name": "REDIS_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "r", "key": "k"}}}]}, {(*FT, "redisPassword"): {"valueFrom": {"secretKeyRef": {"name": "r", "key": "k"}}}}),
    ("kuberay.labels-parameter", RAY, {("spec", "headGroupSpec", "rayStartParams"): {"labels": "a=b,c=d"}}, {("spec", "headGroupSpec", "labels"): {"a": "b", "c": "d"}}),
    ("kuberay.shared-memory", RAY, {("spec", "headGroupSpec", "rayStartParams"): {"plasma-directory": "/tmp"}}, {("spec", "headGroupSpec", "rayStartParams"): {}}),
    ("kuberay.toleration-empty", RAY, {(*HEAD[:-2], "tolerations"): [{"key": "a"}]}, {(*HEAD[:-2], "tolerations", 0, "operator"): "Exists"}),
    ("kuberay.upgrade-strategy-owned", RAY, {("metadata", "labels"): {"ray.io/originated-from-crd": "RayJob"}, ("spec", "upgradeStrategy"): {"type": "Recreate"}}, {("spec", "upgradeStrategy"): None}),
    ("kuberay.serve-port", SERVICE, {}, {("spec", "rayClusterConfig", "headGroupSpec", "template", "spec", "containers", 0, "ports"): [{"name": "serve", "containerPort": 8000}]}),
    ("kuberay.head-service-name", SERVICE, {("spec", "rayClusterConfig", "headGroupSpec", "headService"): {"metadata": {"name": "x", "labels": {"a": "b"}}}}, {("spec", "rayClusterConfig", "headGroupSpec", "headService", "metadata", "name"): None}),
    ("kuberay.job-retries", JOB, {("spec", "backoffLimit"): 2, ("spec", "submissionMode"): "InteractiveMode"}, {("spec", "backoffLimit"): None}),
    ("kuberay.job-sidecar", JOB, {("spec", "submissionMode"): "SidecarMode", ("spec", "submitterConfig"): {"backoffLimit": 1}}, {("spec", "submitterConfig"): None}),
    ("kubernetes.ordered-start", STATEFUL, {(*CONTAINER, "command"): [*SERVE, "--nnodes", "2"], (*CONTAINER, "readinessProbe"): {"tcpSocket": {"port": 1}}}, {("spec", "podManagementPolicy"): "Parallel"}),
)  # fmt: skip


def _set(value: Any, path: tuple[str | int, ...], new: Any) -> None:  # noqa: ANN401 - JSON
    *way, last = path
    for part in way:
        value = value[part] if isinstance(part, int) else value.setdefault(part, {})
    if new is None:
        value.pop(last, None)
    else:
        value[last] = new


def _at(value: Any, path: tuple[str | int, ...]) -> Any:  # noqa: ANN401 - JSON
    """What stands at a path; None where there is nothing."""
    try:
        for part in path:
            value = value[part]
    except (KeyError, IndexError, TypeError):
        return None
    return value


def _ids(data: bytes) -> list[tuple[str, str]]:
    found = judge.judge(reading.read_manifests(data, "a.yaml").objects, registry.load_platforms(), Context())
    return [(each.id, each.severity) for each in found if each.status != "unknown"]


def _text(row: Row) -> bytes:
    """The manifest of a row, in block style, flow style or JSON by turns."""
    value = yaml.safe_load(row[1])
    for path, new in row[2].items():
        _set(value, path, new)
    turn = ROWS.index(row) % 3
    text = json.dumps(value, indent=2) if turn == 0 else yaml.safe_dump(value, default_flow_style=turn == 1)
    return text.encode()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_mend_puts_its_breach_right(row: Row) -> None:
    """The breach is there before and gone after, and nothing else went wrong."""
    name, _base, _given, wanted = row
    text = _text(row)
    assert name in {each for each, _ in _ids(text)}, _ids(text)
    made = mending_rounds.mend_files({"a.yaml": text}, registry.load_platforms(), Context())
    after = made.contents["a.yaml"]
    assert name not in {each for each, _ in _ids(after)}
    assert [each.reason for each in made.kept] == []
    assert {each for each in _ids(after) if each[1] == "error"} <= set(_ids(text))
    assert {path: _at(yaml.safe_load(after), path) for path in wanted} == wanted


def test_nearly_every_mend_is_shown_here() -> None:
    """A mend without a row has to be one of those that the upstream cases show, or that need a release of long ago."""
    shown = {row[0] for row in ROWS}
    rules = {rule.id for platform in registry.load_platforms() for rule in platform.rules if rule.mend is not None}
    assert rules - shown <= {
        *("kserve.autoscaler-class", "lws.role-partition", "lws.placement-annotations"),
        *("kuberay.gcs-embedded-fields", "kuberay.gcs-embedded-pod", "kuberay.history-variables"),
        *("kuberay.job-retries-elsewhere", "kuberay.deletion-shutdown"),
        *("kubernetes.service-links", "kubernetes.job-mesh", "kubernetes.download", "pod.toleration"),
    }
