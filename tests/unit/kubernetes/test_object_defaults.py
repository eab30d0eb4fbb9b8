"""Two manifests that mean the same to Kubernetes are the same tree after its defaults."""

from __future__ import annotations

from typing import Any

import pytest

from shardwright.kubernetes.object_defaults import with_defaults


def pod(**container: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"kind": "Pod", "spec": {"containers": [{"name": "a", "image": "b:1", **container}]}}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pod(), pod(imagePullPolicy="IfNotPresent", terminationMessagePath="/dev/termination-log")),
        (pod(image="b"), pod(image="docker.io/library/b", imagePullPolicy="Always")),
        (
            pod(resources={"limits": {"cpu": 1}}),
            pod(resources={"limits": {"cpu": "1000m"}, "requests": {"cpu": "1.0"}}),
        ),
        (pod(resources={"limits": {"memory": "4Gi"}}), pod(resources={"limits": {"memory": 4294967296}})),
        (pod(env=[{"name": "A"}]), pod(env=[{"name": "A", "value": ""}])),
        (pod(ports=[{"containerPort": 1}]), pod(ports=[{"containerPort": 1, "protocol": "TCP"}])),
        (
            pod(readinessProbe={"httpGet": {"port": 1}}),
            pod(readinessProbe={"httpGet": {"port": 1, "path": "/"}, "periodSeconds": 10}),
        ),
        (
            pod(volumeMounts=[{"name": "a", "mountPath": "/a"}]),
            pod(volumeMounts=[{"name": "a", "mountPath": "/a", "readOnly": False}]),
        ),
        (pod(args=[], securityContext={}), pod()),
        (
            {"kind": "Service", "spec": {"ports": [{"port": 80}]}},
            {
                "kind": "Service",
                "metadata": {"namespace": "default"},
                "spec": {"type": "ClusterIP", "ports": [{"port": 80, "targetPort": 80}]},
            },
        ),
        (
            {"kind": "Deployment", "spec": {"paused": True}, "status": {"replicas": 1}},
            {"kind": "Deployment", "spec": {"paused": True, "replicas": 1, "strategy": {"type": "RollingUpdate"}}},
        ),
    ],
)
def test_what_means_the_same_is_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Defaults, spellings of quantities and images, what is false or empty, status."""
    assert with_defaults(one) == with_defaults(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pod(), pod(command=["x"])),
        (pod(image="b:latest"), pod(image="b:latest", imagePullPolicy="Never")),
        (pod(resources={"limits": {"cpu": 1}}), pod(resources={"limits": {"cpu": 2}})),
        ({"kind": "Service", "spec": {}}, {"kind": "Service", "spec": {"type": "NodePort"}}),
        ({"spec": {"tls": {}}}, {"spec": {}}),
    ],
)
def test_what_differs_stays_different(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Nothing is evened out that Kubernetes keeps apart."""
    assert with_defaults(one) != with_defaults(other)


@pytest.mark.parametrize("value", [None, 1, "x", [], [1], {"a": []}, True])
@pytest.mark.parametrize("field", ["containers", "volumes", "initContainers", "securityContext"])
def test_any_tree_is_taken(field: str, value: object) -> None:
    """What a manifest holds is not checked here."""
    body: dict[str, Any] = {
        "kind": "Deployment",
        "metadata": value,
        "spec": {"containers": [{field: value}, value], field: value},
    }
    assert isinstance(with_defaults(body), dict)
