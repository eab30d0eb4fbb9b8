"""Each rule of KubeRay on a manifest that breaks it, and none on one that breaks none."""

from __future__ import annotations

import copy
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from shardwright.core.manifests.judge import judge
from shardwright.core.manifests.objects import Context, Object
from shardwright.core.marked import tree
from shardwright.kubernetes import cron
from shardwright.targets.kuberay import names
from shardwright.targets.kuberay.lint import LINT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.rules import Finding

CONTAINER: dict[str, Any] = {
    "name": "ray",
    "image": "rayproject/ray-llm:2.56.0-py311-cu128",
    "resources": {"limits": {"cpu": "8", "memory": "64Gi", "nvidia.com/gpu": "4"}},
    "ports": [{"name": "serve", "containerPort": 8000}],
}


def group(**fields: object) -> dict[str, Any]:
    template = {"template": {"spec": {"containers": [copy.deepcopy(CONTAINER)]}}}
    return {"rayStartParams": {}, **template, **fields}


def cluster_spec() -> dict[str, Any]:
    workers = group(groupName="workers", replicas=1, minReplicas=1, maxReplicas=1)
    return {"rayVersion": "2.56.0", "headGroupSpec": group(), "workerGroupSpecs": [workers]}


def manifest(kind: str) -> dict[str, Any]:
    """An object of that kind that no rule has anything against."""
    job = {"entrypoint": "python run.py", "shutdownAfterJobFinishes": True, "rayClusterSpec": cluster_spec()}
    spec: dict[str, dict[str, Any]] = {
        "RayCluster": cluster_spec(),
        "RayService": {
            "serveConfigV2": "applications: []",
            "upgradeStrategy": {"type": "None"},
            "rayClusterConfig": cluster_spec(),
        },
        "RayJob": job,
        "RayCronJob": {"schedule": "0 3 * * *", "jobTemplate": job},
    }
    head: dict[str, Any] = {"name": "llama", "namespace": "demo", "labels": {}, "annotations": {}}
    return {"apiVersion": "ray.io/v1", "kind": kind, "metadata": head, "spec": spec[kind]}


def changed(kind: str, changes: dict[str, object]) -> dict[str, Any]:
    """That object with values set by path: `spec.workerGroupSpecs.0.replicas`; `/` stands for dots in a key."""
    made = manifest(kind)
    for path, value in changes.items():
        *way, last = [int(part) if part.isdigit() else part.replace("/", ".") for part in path.split(".")]
        at: Any = made
        for part in way:
            at = at[part] if isinstance(part, int) else at.setdefault(part, {})
        if value is None:
            del at[last]
        else:
            at[last] = value
    return made


def as_object(body: dict[str, Any]) -> Object:
    root = tree.document_of(body, "made.yaml").root
    assert isinstance(root, tree.MapNode)
    name, namespace = body["metadata"]["name"], body["metadata"]["namespace"]
    return Object(body["apiVersion"], body["kind"], name, namespace, root, body)


def findings(
    body: dict[str, Any], version: str = "1.7.0", gates: Mapping[str, bool] = MappingProxyType({})
) -> tuple[Finding, ...]:
    return judge([as_object(body)], [LINT], Context(versions={"kuberay": version}, gates=gates))


GATES = {
    "RayCronJob": True,
    "RayClusterNetworkPolicy": True,
    "RayClusterMTLS": True,
    "RayClusterHistoryServer": True,
    "GCSFaultToleranceEmbeddedStorage": True,
}
HEAD = "spec.headGroupSpec"
POD = f"{HEAD}.template.spec"
RAY = f"{POD}.containers.0"
WORKERS = "spec.workerGroupSpecs.0"
WORKER_RAY = f"{WORKERS}.template.spec.containers.0"
OPTIONS = "spec.gcsFaultToleranceOptions"
COLLECTOR = "spec.historyServerOptions.collectorOptions"
UPGRADE = "spec.upgradeStrategy"
DELETION = "spec.deletionStrategy"
V2 = {"spec.enableInTreeAutoscaling": True, "spec.autoscalerOptions": {"version": "v2"}}
ENV_V2 = [{"name": "RAY_enable_autoscaler_v2", "value": "1"}]
EMBEDDED = {f"{OPTIONS}.backend": "rocksdb"}
SUCCEEDED = {"jobStatus": "SUCCEEDED", "ttlSeconds": 10}
LATE = [{"policy": "DeleteWorkers", "condition": {**SUCCEEDED, "ttlSeconds": 20}}]
RULES_ONLY = {"spec.shutdownAfterJobFinishes": False}

BROKEN: list[tuple[str, str, dict[str, object]]] = [
    ("kuberay.container-missing", "RayCluster", {f"{POD}.containers": []}),
    ("kuberay.container-missing", "RayCluster", {f"{WORKERS}.template.spec.containers": []}),
    ("kuberay.replicas-negative", "RayCluster", {f"{WORKERS}.minReplicas": -1}),
    ("kuberay.replicas-range", "RayCluster", {f"{WORKERS}.minReplicas": 5}),
    ("kuberay.resources-twice", "RayCluster", {f"{HEAD}.resources": {"GPU": "4"}, f"{HEAD}.rayStartParams.num-gpus": "4"}),
    ("kuberay.labels-parameter", "RayCluster", {f"{WORKERS}.rayStartParams.labels": "a=b"}),
    ("kuberay.label-syntax", "RayCluster", {f"{WORKERS}.labels": {"bad key!": "x"}}),
    ("kuberay.label-syntax", "RayCluster", {f"{WORKERS}.labels": {"key": "bad value!"}}),
    ("kuberay.group-name-twice", "RayCluster", {"spec.workerGroupSpecs": [group(groupName="a"), group(groupName="a")]}),
    ("kuberay.suspend-autoscaled", "RayCluster", {**V2, f"{WORKERS}.suspend": True}),
    ("kuberay.upgrade-strategy-owned", "RayCluster", {f"{UPGRADE}.type": "None", "metadata.labels.ray/io/x": "RayJob"}),
    ("kuberay.managed-by", "RayCluster", {"spec.managedBy": "me"}),
    ("kuberay.gcs-annotation", "RayCluster", {OPTIONS: {}, "metadata.annotations.ray/io/ft": "true"}),
    ("kuberay.gcs-address", "RayCluster", {f"{RAY}.env": [{"name": "RAY_REDIS_ADDRESS", "value": "redis:6379"}]}),
    ("kuberay.gcs-outside-options", "RayCluster", {OPTIONS: {}, f"{RAY}.env": [{"name": "REDIS_PASSWORD", "value": "$(P)"}]}),
    ("kuberay.gcs-outside-options", "RayCluster", {OPTIONS: {}, f"{HEAD}.rayStartParams.redis-password": "$P"}),
    ("kuberay.gcs-user", "RayCluster", {f"{HEAD}.rayStartParams.redis-username": "me"}),
    ("kuberay.gcs-embedded-fields", "RayCluster", {**EMBEDDED, f"{OPTIONS}.redisAddress": "redis:6379"}),
    ("kuberay.gcs-embedded-fields", "RayCluster", {**EMBEDDED, f"{OPTIONS}.storage": {"claimName": "a", "size": "1Gi"}}),
    ("kuberay.gcs-embedded-pod", "RayCluster", {**EMBEDDED, f"{POD}.volumes": [{"name": "gcs-storage", "emptyDir": {}}]}),
    ("kuberay.gcs-redis-storage", "RayCluster", {f"{OPTIONS}.storage": {"size": "1Gi"}}),
    ("kuberay.autoscaler-variable", "RayCluster", {f"{RAY}.env": ENV_V2}),
    ("kuberay.autoscaler-version-twice", "RayCluster", {**V2, f"{RAY}.env": ENV_V2}),
    ("kuberay.autoscaler-restart-policy", "RayCluster", {**V2, f"{POD}.restartPolicy": "Always"}),
    ("kuberay.idle-timeout-negative", "RayCluster", {"spec.autoscalerOptions": {"idleTimeoutSeconds": -1}}),
    ("kuberay.idle-timeout-version", "RayCluster", {f"{WORKERS}.idleTimeoutSeconds": 60}),
    ("kuberay.autoscaler-start-command", "RayCluster", {"spec.autoscalerOptions": {"env": [{"name": "KUBERAY_GEN_AUTOSCALER_START_CMD"}]}}),
    ("kuberay.priority", "RayCluster", {f"{WORKERS}.priority": 2}),
    ("kuberay.priority", "RayCluster", {**V2, f"{WORKERS}.priority": 2, "spec.rayVersion": "2.55.1"}),
    ("kuberay.token-version", "RayCluster", {"spec.authOptions": {"mode": "token"}, "spec.rayVersion": "2.51.9"}),
    ("kuberay.kubernetes-token", "RayCluster", {"spec.authOptions": {"enableK8sTokenAuth": True}}),
    ("kuberay.kubernetes-token-kind", "RayService", {"spec.rayClusterConfig.authOptions": {"mode": "token", "enableK8sTokenAuth": True}}),
    ("kuberay.network-policy-mode", "RayCluster", {"spec.networkPolicy": {"mode": "DenyAllEgress", "worker": {"ingressRules": [{}]}}}),
    ("kuberay.network-policy-group", "RayCluster", {"spec.networkPolicy": {"workerGroups": [{"groupName": "typo"}]}}),
    ("kuberay.tls-by-hand", "RayCluster", {"spec.tlsOptions": {"enabled": True}, f"{RAY}.env": [{"name": "RAY_USE_TLS", "value": "1"}]}),
    ("kuberay.history-collector", "RayCluster", {"spec.historyServerOptions": {}}),
    ("kuberay.history-container", "RayCluster", {COLLECTOR: {"image": "a"}, f"{RAY}.name": "ray-history-collector"}),
    ("kuberay.history-variables", "RayCluster", {COLLECTOR: {"image": "a", "env": [{"name": "POD_IP", "value": "1"}]}}),
    ("kuberay.history-storage", "RayCluster", {COLLECTOR: {"image": "a", "env": [{"name": "STORAGE_BACKEND", "value": "s3"}]}}),
    ("kuberay.name-length", "RayJob", {"metadata.name": "a" * 48}),
    ("kuberay.name-label", "RayService", {"metadata.name": "9lives"}),
    ("kuberay.initializing-timeout", "RayService", {"metadata.annotations.ray/io/timeout": "soon"}),
    ("kuberay.head-service-name", "RayService", {"spec.rayClusterConfig.headGroupSpec.headService.metadata.name": "mine"}),
    ("kuberay.upgrade-type", "RayService", {f"{UPGRADE}.type": "Recreate"}),
    ("kuberay.deletion-delay", "RayService", {"spec.rayClusterDeletionDelaySeconds": -1}),
    ("kuberay.incremental-upgrade", "RayService", {f"{UPGRADE}.type": "NewClusterWithIncrementalUpgrade"}),
    ("kuberay.job-suspended", "RayJob", {"spec.suspend": True, "spec.shutdownAfterJobFinishes": False}),
    ("kuberay.job-time-to-live", "RayJob", {"spec.ttlSecondsAfterFinished": 9, "spec.shutdownAfterJobFinishes": False}),
    ("kuberay.job-cluster", "RayCronJob", {"spec.jobTemplate.rayClusterSpec": None}),
    ("kuberay.job-retries", "RayJob", {"spec.submissionMode": "InteractiveMode", "spec.backoffLimit": 2}),
    ("kuberay.job-retries-elsewhere", "RayJob", {"spec.clusterSelector": {"ray.io/cluster": "a"}, "spec.backoffLimit": 2}),
    ("kuberay.job-sidecar", "RayJob", {"spec.submissionMode": "SidecarMode", "spec.submitterConfig": {"backoffLimit": 1}}),
    ("kuberay.job-runtime-env", "RayJob", {"spec.runtimeEnvYAML": "no mapping"}),
    ("kuberay.job-deadline", "RayJob", {"spec.activeDeadlineSeconds": 0}),
    ("kuberay.cron-schedule", "RayCronJob", {"spec.schedule": "61 * * * *"}),
    ("kuberay.cron-schedule", "RayCronJob", {"spec.schedule": "CRON_TZ=UTC 0 3 * * *"}),
    ("kuberay.cron-time-zone", "RayCronJob", {"spec.timeZone": "Mars/Olympus"}),
    ("kuberay.deletion-form", "RayJob", {DELETION: {"onSuccess": {"policy": "DeleteSelf"}}}),
    ("kuberay.deletion-shutdown", "RayJob", {DELETION: {"deletionRules": LATE}}),
    ("kuberay.deletion-policy", "RayJob", {DELETION: {"onSuccess": {}, "onFailure": {"policy": "DeleteSelf"}}}),
    ("kuberay.deletion-condition", "RayJob", {DELETION: {"deletionRules": [{"policy": "DeleteSelf", "condition": {}}]}}),
    ("kuberay.deletion-rule-policy", "RayJob", {"spec.clusterSelector": {"ray.io/cluster": "a"}, DELETION: {"deletionRules": LATE}}),
    ("kuberay.deletion-order", "RayJob", {**RULES_ONLY, DELETION: {"deletionRules": [*LATE, *LATE]}}),
    ("kuberay.deletion-order", "RayJob", {**RULES_ONLY, DELETION: {"deletionRules": [*LATE, {"policy": "DeleteSelf", "condition": SUCCEEDED}]}}),
    ("kuberay.replicas-default", "RayCluster", {f"{WORKERS}.replicas": None, f"{WORKERS}.minReplicas": 0}),
    ("kuberay.resources-unequal", "RayCluster", {f"{WORKER_RAY}.resources.limits": {"nvidia.com/gpu": "8"}}),
    ("kuberay.resources-unequal", "RayCluster", {f"{WORKER_RAY}.resources.limits.memory": "32Gi"}),
    ("kuberay.gpu-unseen", "RayCluster", {f"{WORKER_RAY}.resources.limits": {"habana.ai/gaudi": "8"}}),
    ("kuberay.ports-clash", "RayCluster", {f"{RAY}.args": ["vllm serve model --port 8080"]}),
    ("kuberay.ports-clash", "RayCluster", {f"{HEAD}.rayStartParams": {"dashboard-port": "6379"}}),
    ("kuberay.ports-clash", "RayCluster", {f"{HEAD}.rayStartParams": {"port": "70000"}}),
    ("kuberay.shared-memory", "RayCluster", {f"{HEAD}.rayStartParams": {"plasma-directory": "/big"}}),
    ("kuberay.version-unlike-image", "RayCluster", {"spec.rayVersion": "2.55.0"}),
    ("kuberay.images-differ", "RayCluster", {f"{WORKER_RAY}.image": "rayproject/ray:2.56.0-py312"}),
    ("kuberay.image-without-ray", "RayCluster", {f"{RAY}.image": "vllm/vllm-openai:v0.24.0"}),
    ("kuberay.head-without-gpu", "RayCluster", {f"{RAY}.resources": {}, f"{RAY}.command": ["vllm serve model"]}),
    ("kuberay.toleration-empty", "RayCluster", {f"{POD}.tolerations": [{"key": "nvidia.com/gpu"}]}),
    ("kuberay.serve-port", "RayService", {"spec.rayClusterConfig.headGroupSpec.template.spec.containers.0.ports": []}),
    ("kuberay.second-cluster", "RayService", {UPGRADE: None}),
    ("kuberay.serve-config", "RayService", {"spec.serveConfigV2": None}),
]  # fmt: skip
ALSO_TESTED = {
    "kuberay.suspend-gate",
    "kuberay.gcs-embedded-gate",
    "kuberay.network-policy-gate",
    "kuberay.tls-gate",
    "kuberay.history-gate",
    "kuberay.deletion-gate",
    "kuberay.cron-gate",
    "kuberay.gcs-backend-changed",
}
ANNOTATIONS = {"ray.io.ft": "ray.io/ft-enabled", "ray.io.timeout": "ray.io/initializing-timeout"}


def broken(kind: str, changes: dict[str, object]) -> dict[str, Any]:
    """The object with names of annotations and labels, which hold slashes, spelt out."""
    body = changed(kind, changes)
    head = body["metadata"]
    head["annotations"] = {ANNOTATIONS.get(key, key): value for key, value in head["annotations"].items()}
    head["labels"] = {
        key.replace("ray.io.x", "ray.io/originated-from-crd"): value for key, value in head["labels"].items()
    }
    return body


@pytest.mark.parametrize("kind", ["RayCluster", "RayService", "RayJob", "RayCronJob"])
def test_no_rule_speaks_up_without_a_reason(kind: str) -> None:
    """A sound object has no findings at all."""
    assert findings(manifest(kind), gates=GATES) == ()


@pytest.mark.requirement("R086", "R095", "R096", "R097", "R099", "R100", "R101", "R102", "R103", "R106")
@pytest.mark.parametrize(("rule", "kind", "changes"), BROKEN)
def test_a_broken_rule_is_found(rule: str, kind: str, changes: dict[str, object]) -> None:
    """Each rule is found where it is broken, with a place and a cure."""
    found = {finding.id: finding for finding in findings(broken(kind, changes), gates=GATES)}
    assert rule in found
    assert found[rule].path
    assert found[rule].fix


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("pod.secret-literal", {f"{RAY}.env": [{"name": "HF_TOKEN", "value": "a-token"}]}),
        ("pod.liveness", {f"{WORKER_RAY}.livenessProbe": {"periodSeconds": 5, "failureThreshold": 3}}),
    ],
)
def test_rules_on_pods_of_all_platforms_hold_here(rule: str, changes: dict[str, object]) -> None:
    """Head and workers are looked at; only shared memory is the operator's matter."""
    assert rule in {finding.id for finding in findings(broken("RayCluster", changes))}
    assert "pod.shared-memory" not in {each.id for each in LINT.rules}


def test_every_rule_has_a_manifest_that_breaks_it() -> None:
    """No rule is without a test; those on pods of all platforms have theirs elsewhere."""
    assert {rule.id for rule in LINT.rules if rule.id.startswith("kuberay.")} == {
        rule for rule, _, _ in BROKEN
    } | ALSO_TESTED


@pytest.mark.parametrize(
    ("rule", "kind", "changes", "gate"),
    [
        ("kuberay.gcs-embedded-gate", "RayCluster", EMBEDDED, "GCSFaultToleranceEmbeddedStorage"),
        ("kuberay.network-policy-gate", "RayCluster", {"spec.networkPolicy": {}}, "RayClusterNetworkPolicy"),
        ("kuberay.tls-gate", "RayCluster", {"spec.tlsOptions": {"enabled": False}}, "RayClusterMTLS"),
        ("kuberay.history-gate", "RayCluster", {COLLECTOR: {"image": "a"}}, "RayClusterHistoryServer"),
        ("kuberay.cron-gate", "RayCronJob", {}, "RayCronJob"),
    ],
)
def test_a_gate_that_is_off_by_default_must_be_named(
    rule: str, kind: str, changes: dict[str, object], gate: str
) -> None:
    """What needs a feature gate is refused until the gate is said to be on."""
    body = broken(kind, changes)
    assert rule in {finding.id for finding in findings(body)}
    assert rule not in {finding.id for finding in findings(body, gates={gate: True})}


@pytest.mark.parametrize(
    ("rule", "kind", "changes"),
    [
        ("kuberay.suspend-gate", "RayCluster", {f"{WORKERS}.suspend": True}),
        ("kuberay.deletion-gate", "RayJob", {**RULES_ONLY, DELETION: {"deletionRules": LATE}}),
    ],
)
def test_gates_have_the_default_of_the_release(rule: str, kind: str, changes: dict[str, object]) -> None:
    """RayJobDeletionPolicy is on by default since 1.6."""
    body = broken(kind, changes)
    assert rule in {finding.id for finding in findings(body, "1.5.2")}
    assert rule not in {finding.id for finding in findings(body, "1.6.2")}
    assert rule in {finding.id for finding in findings(body, "1.6.2", gates={"RayJobDeletionPolicy": False})}


def test_the_backend_of_a_cluster_that_runs_stays() -> None:
    """An update that changes it is refused by the definition."""
    old, new = changed("RayCluster", {f"{OPTIONS}.backend": "redis"}), changed("RayCluster", dict(EMBEDDED))
    found = judge([as_object(new)], [LINT], Context(gates=GATES), [as_object(old)])
    assert "kuberay.gcs-backend-changed" in {finding.id for finding in found}


def test_a_rule_that_came_later_says_nothing_of_an_older_release() -> None:
    """Negative replicas are refused since 1.6."""
    body = changed("RayCluster", {f"{WORKERS}.minReplicas": -1})
    assert [finding.id for finding in findings(body, "1.5.2")] == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5m", 300), ("1h30m", 5400), ("-2s", -2), ("0", 0), ("1.5h", 5400), ("5", None), ("", None), ("5 m", None)],
)
def test_durations_are_read_as_go_reads_them(text: str, seconds: float | None) -> None:
    """A number alone is none, but for 0."""
    assert names.duration_seconds(text) == seconds


@pytest.mark.parametrize(
    "schedule", ["*/5 0-6 1,15 jan-mar ?", "@daily", "@every 1h30m", "0 3 * * sun", "5/15 * * * *"]
)
def test_schedules_of_cron_are_read(schedule: str) -> None:
    """Five fields with lists, ranges, steps and names, or a word."""
    assert cron.complaint_of(schedule) == ""


@pytest.mark.parametrize("schedule", ["", "* * * *", "60 * * * *", "* * * * 7", "*/0 * * * *", "@often", "5-1 * * * *"])
def test_other_schedules_are_refused(schedule: str) -> None:
    """Too few fields, numbers out of range, empty ranges and steps."""
    assert cron.complaint_of(schedule)
