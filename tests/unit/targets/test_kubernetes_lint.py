"""Each rule on Kubernetes' own kinds on an object that breaks it, and none on one that breaks none."""

from __future__ import annotations

import pytest
from kubernetes_objects import SPECS, findings, ids, sound

C = "spec.template.spec.containers.0"
P = "spec.template.spec"

REFUSED: list[tuple[str, dict[str, object], str]] = [
    ("Deployment", {"metadata.name": "Chat"}, "object.name"),
    ("Service", {"metadata.name": "chat.a"}, "kubernetes.name"),
    ("CronJob", {"metadata.name": "c" * 53}, "kubernetes.name"),
    ("Pod", {"metadata.namespace": "a.b"}, "object.namespace"),
    ("Deployment", {"metadata.labels": {"a b": "c"}}, "object.labels"),
    ("Job", {"spec.template.metadata.labels.a": "b/c"}, "kubernetes.label"),
    ("Service", {"spec.selector": {"app": "x" * 64}}, "kubernetes.label"),
    ("StatefulSet", {"spec.template.metadata.annotations": {"a/b/c": "d"}}, "kubernetes.annotation"),
    ("Deployment", {"spec.selector.matchLabels": {"app": "other"}}, "kubernetes.selector"),
    ("DaemonSet", {"spec.selector": {}}, "kubernetes.selector"),
    ("Deployment", {"spec.selector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["x"]}]}}, "kubernetes.selector"),
    ("Deployment", {"spec.selector.matchExpressions": [{"key": "app", "operator": "Is"}]}, "kubernetes.selector"),
    ("Deployment", {"spec.selector.matchExpressions": [{"key": "app", "operator": "In"}]}, "kubernetes.selector"),
    ("Deployment", {f"{P}.restartPolicy": "Never"}, "kubernetes.restart-policy"),
    ("Job", {f"{P}.restartPolicy": None}, "kubernetes.restart-policy"),
    ("CronJob", {"spec.jobTemplate.spec.template.spec.restartPolicy": "Always"}, "kubernetes.restart-policy"),
    ("Deployment", {"spec.strategy.rollingUpdate": {"maxSurge": 1}}, "kubernetes.strategy"),
    ("Deployment", {"spec.strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}}}, "kubernetes.strategy"),
    ("Deployment", {"spec.strategy": {"rollingUpdate": {"maxSurge": "many"}}}, "kubernetes.strategy"),
    ("Deployment", {"spec.strategy.type": "Rolling"}, "kubernetes.wrong-value"),
    ("Deployment", {"spec.replicas": -1}, "kubernetes.wrong-value"),
    ("Deployment", {"spec.selector": None}, "kubernetes.missing-field"),
    ("Deployment", {"spec.replica": 1}, "kubernetes.unknown-field"),
    ("Deployment", {"spec.progressDeadlineSeconds": 5, "spec.minReadySeconds": 5}, "kubernetes.progress-deadline"),
    ("Job", {"spec.completionMode": "Indexed", "spec.parallelism": 2}, "kubernetes.job"),
    ("Job", {"spec.selector": {"matchLabels": {"a": "b"}}}, "kubernetes.job"),
    ("CronJob", {"spec.schedule": "61 * * * *"}, "kubernetes.schedule"),
    ("CronJob", {"spec.timeZone": "Mars"}, "kubernetes.schedule"),
    ("Pod", {"spec.containers": []}, "kubernetes.containers"),
    ("Deployment", {f"{C}.name": "a_b"}, "kubernetes.containers"),
    ("Deployment", {f"{P}.initContainers": [{"name": "server", "image": "a"}]}, "kubernetes.containers"),
    ("Pod", {"spec.volumes.1.name": "shm", "spec.containers.0.volumeMounts": []}, "kubernetes.twice"),
    ("Deployment", {f"{C}.image": None}, "kubernetes.image"),
    ("Deployment", {f"{C}.imagePullPolicy": "always"}, "kubernetes.image"),
    ("Deployment", {f"{P}.dnsPolicy": "None"}, "kubernetes.pod-value"),
    ("Deployment", {f"{P}.activeDeadlineSeconds": 0}, "kubernetes.pod-value"),
    ("Deployment", {f"{P}.tolerations.0.key": "a/b/c"}, "kubernetes.toleration"),
    ("Deployment", {f"{P}.nodeSelector": {"a b": "c"}}, "kubernetes.node-selector"),
    ("StatefulSet", {"spec.serviceName": "A"}, "kubernetes.set-service"),
    ("Deployment", {f"{C}.env.1.valueFrom.secretKeyRef.key": "a b"}, "kubernetes.variables"),
    ("Deployment", {f"{C}.env.1.valueFrom.secretKeyRef.name": "A_b"}, "kubernetes.variables"),
    ("Deployment", {f"{P}.tolerations.0.value": "present"}, "kubernetes.toleration"),
    ("Deployment", {f"{P}.tolerations.0.effect": "NoRun"}, "kubernetes.toleration"),
    ("Deployment", {f"{P}.tolerations.0.tolerationSeconds": 5}, "kubernetes.toleration"),
    ("Deployment", {f"{P}.volumes.0.hostPath": {"path": "/"}}, "kubernetes.volumes"),
    ("Deployment", {f"{C}.volumeMounts.1.name": "model"}, "kubernetes.mounts"),
    ("Deployment", {f"{C}.volumeMounts.1.mountPath": "/dev/shm"}, "kubernetes.twice"),
    ("Deployment", {f"{C}.volumeMounts.1.subPath": "../x"}, "kubernetes.mounts"),
    ("Deployment", {f"{P}.topologySpreadConstraints": [{"maxSkew": 0, "topologyKey": "a", "whenUnsatisfiable": "ScheduleAnyway"}]}, "kubernetes.spread"),
    ("Deployment", {f"{C}.ports.0.containerPort": 65536}, "kubernetes.ports"),
    ("Deployment", {f"{C}.ports.0.name": "a-very-long-name-1"}, "kubernetes.ports"),
    ("Deployment", {f"{C}.ports.0.hostPort": 80, f"{P}.hostNetwork": True}, "kubernetes.ports"),
    ("Deployment", {f"{C}.env.1.value": "x"}, "kubernetes.variables"),
    ("Deployment", {f"{C}.env.0.name": "A=B"}, "kubernetes.variables"),
    ("Deployment", {f"{C}.env.0": {"name": "A", "valueFrom": {}}}, "kubernetes.variables"),
    ("Deployment", {f"{C}.resources.requests.cpu": "9"}, "kubernetes.resources"),
    ("Deployment", {f"{C}.resources.requests": {"nvidia.com/gpu": 1}}, "kubernetes.resources"),
    ("Deployment", {f"{C}.resources.limits.gpu": 1}, "kubernetes.resources"),
    ("Deployment", {f"{C}.resources.limits.memory": "-1Gi"}, "kubernetes.resources"),
    ("Deployment", {f"{C}.resources.limits.memory": "64 GB"}, "kubernetes.wrong-type"),
    ("Deployment", {f"{C}.startupProbe.exec": {"command": ["a"]}}, "kubernetes.probe"),
    ("Deployment", {f"{C}.startupProbe.httpGet.port": 0}, "kubernetes.probe"),
    ("Deployment", {f"{C}.startupProbe.httpGet.port": "8000"}, "kubernetes.probe"),
    ("Deployment", {f"{C}.startupProbe.successThreshold": 2}, "kubernetes.probe"),
    ("Deployment", {f"{C}.securityContext": {"privileged": True, "allowPrivilegeEscalation": False}}, "kubernetes.rights"),
    ("Service", {"spec.type": "Public"}, "kubernetes.service-type"),
    ("Service", {"spec.type": "LoadBalancer", "spec.clusterIP": "None"}, "kubernetes.service-type"),
    ("Service", {"spec.type": "ExternalName"}, "kubernetes.service-type"),
    ("Service", {"spec.ports": []}, "kubernetes.service-ports"),
    ("Service", {"spec.ports.0.port": 0}, "kubernetes.service-ports"),
    ("Service", {"spec.ports": [{"port": 80}, {"port": 81}]}, "kubernetes.service-ports"),
    ("Service", {"spec.ports.0.nodePort": 30000}, "kubernetes.service-ports"),
    ("Service", {"spec.ports": [{"port": 80, "name": "a"}, {"port": 80, "name": "b"}]}, "kubernetes.twice"),
    ("PersistentVolumeClaim", {"spec.accessModes": []}, "kubernetes.claim"),
    ("PersistentVolumeClaim", {"spec.accessModes": ["RWX"]}, "kubernetes.claim"),
    ("PersistentVolumeClaim", {"spec.resources": {}}, "kubernetes.claim"),
    ("PersistentVolumeClaim", {"spec.volumeMode": "Raw"}, "kubernetes.claim"),
    ("Deployment", {"apiVersion": "apps/v1beta1"}, "manifest.kind-unknown"),
]  # fmt: skip

UPDATES: list[tuple[str, dict[str, object], str]] = [
    ("Deployment", {"spec.selector.matchLabels": {"a": "b"}, "spec.template.metadata.labels": {"a": "b"}}, "kubernetes.selector-kept"),
    ("Job", {f"{C}.image": "python:3.13"}, "kubernetes.job"),
    ("StatefulSet", {"spec.serviceName": "other"}, "kubernetes.set-kept"),
    ("Service", {"spec.clusterIP": "10.0.0.2"}, "kubernetes.service-kept"),
    ("PersistentVolumeClaim", {"spec.accessModes": ["ReadOnlyMany"]}, "kubernetes.claim-kept"),
]  # fmt: skip


@pytest.mark.parametrize("kind", SPECS)
def test_a_sound_object_has_no_findings(kind: str) -> None:
    """Nothing is found in what the API server accepts and what serves well."""
    assert findings(sound(kind), old=[sound(kind)]) == ()


@pytest.mark.parametrize(("kind", "changes", "expected"), REFUSED)
def test_what_the_api_server_refuses_is_an_error(kind: str, changes: dict[str, object], expected: str) -> None:
    """One error names it, whatever else may be said of it."""
    errors = {each.id for each in findings(sound(kind, changes)) if each.severity == "error"}
    assert errors == {expected}


@pytest.mark.parametrize(("kind", "changes", "expected"), UPDATES)
def test_what_cannot_be_changed_is_an_error_of_an_update(kind: str, changes: dict[str, object], expected: str) -> None:
    """The object alone is sound; next to the one that is there it is refused."""
    before = sound(kind, {"spec.clusterIP": "10.0.0.1"} if kind == "Service" else {})
    assert expected in ids(sound(kind, changes), old=[before])
    assert expected not in ids(sound(kind, changes))


def test_kinds_of_the_same_name_elsewhere_are_left_alone() -> None:
    """Volcano has a Job and Knative a Service; what stands in them is theirs to judge."""
    other = sound("Job", {"apiVersion": "batch.volcano.sh/v1alpha1", "spec.anything": 1})
    assert ids(other, sound("Service", {"apiVersion": "serving.knative.dev/v1", "spec": {"template": {}}})) == []
    assert ids({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "b"}}) == []


def test_variables_and_ports_that_stand_twice_are_warnings() -> None:
    """The API server takes them here, other than in the lists of CRDs."""
    found = findings(sound("Deployment", {f"{C}.env.1": {"name": "HF_HOME", "value": "/x"}}))
    assert [(each.id, each.severity) for each in found] == [("kubernetes.set-twice", "warning")]
