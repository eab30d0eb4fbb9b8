"""Sound objects of Kubernetes itself, which no rule has anything against, and what is found in changed ones."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from manifest_changes import as_object, changed

from shardwright import registry
from shardwright.core.manifests import judge
from shardwright.core.manifests.objects import Context

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from shardwright.core.rules import Finding

CONTAINER: dict[str, Any] = {
    "name": "server",
    "image": "vllm/vllm-openai:v0.24.0",
    "command": ["vllm", "serve", "m", "--tensor-parallel-size", "2"],
    "env": [{"name": "HF_HOME", "value": "/models"}, {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
    "ports": [{"name": "http", "containerPort": 8000}],
    "resources": {"limits": {"cpu": "8", "memory": "64Gi", "nvidia.com/gpu": 2}, "requests": {"cpu": 4}},
    "startupProbe": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 10, "failureThreshold": 30},
    "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}, {"name": "models", "mountPath": "/models"}],
}  # fmt: skip
POD: dict[str, Any] = {
    "enableServiceLinks": False,
    "containers": [CONTAINER],
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
    "volumes": [
        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "16Gi"}},
        {"name": "models", "persistentVolumeClaim": {"claimName": "models"}},
    ],
}
TEMPLATE = {"metadata": {"labels": {"app": "chat"}}, "spec": POD}
SELECTED = {"selector": {"matchLabels": {"app": "chat"}}, "template": TEMPLATE}
FETCH = {"name": "fetch", "image": "python:3.12", "command": ["hf", "download", "m"]}
JOB = {
    "backoffLimit": 3,
    "template": {
        "metadata": {"labels": {"sidecar.istio.io/inject": "false"}},
        "spec": {"restartPolicy": "OnFailure", "containers": [FETCH]},
    },
}
SPECS: dict[str, tuple[str, dict[str, Any]]] = {
    "Deployment": ("apps/v1", {"replicas": 1, "strategy": {"type": "Recreate"}, **SELECTED}),
    "StatefulSet": ("apps/v1", {"serviceName": "chat", "podManagementPolicy": "Parallel", **SELECTED}),
    "DaemonSet": ("apps/v1", SELECTED),
    "Pod": ("v1", POD),
    "Job": ("batch/v1", JOB),
    "CronJob": ("batch/v1", {"schedule": "0 3 * * *", "timeZone": "Etc/UTC", "jobTemplate": {"spec": JOB}}),
    "Service": ("v1", {"selector": {"app": "chat"}, "ports": [{"port": 80, "targetPort": "http"}]}),
    "PersistentVolumeClaim": (
        "v1",
        {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "100Gi"}}},
    ),
}


def sound(kind: str, changes: Mapping[str, object] | None = None) -> dict[str, Any]:
    """An object of that kind, with values set by path."""
    api_version, spec = SPECS[kind]
    made = {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": "chat", "namespace": "demo"},
        "spec": copy.deepcopy(spec),
    }
    return changed(made, changes or {})


def findings(*bodies: dict[str, Any], old: Iterable[dict[str, Any]] = ()) -> tuple[Finding, ...]:
    """What all platforms say of objects of one folder."""
    objects = [as_object(body) for body in bodies]
    return judge.judge(objects, registry.load_platforms(), Context(), [as_object(body) for body in old])


def ids(*bodies: dict[str, Any], old: Iterable[dict[str, Any]] = ()) -> list[str]:
    """Their ids, each once, in the order of the alphabet."""
    return sorted({finding.id for finding in findings(*bodies, old=old)})
