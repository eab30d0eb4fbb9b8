"""Where a deployment is asked: which Service, which port, which pod."""

from __future__ import annotations

from typing import Any

import msgspec

from shardwright.core.lifecycle.parts import Parts, Root
from shardwright.kubernetes.live import views
from shardwright.kubernetes.live.entrance import entrance_of

PARTS = Parts(root=Root("apps/v1", "Deployment", "llama"), pod_selector="app=llama", leader_labels={})


def service(name: str, **spec: Any) -> views.Service:  # noqa: ANN401 - JSON
    return msgspec.convert({"metadata": {"name": name}, "spec": spec}, views.Service)


def pod(name: str = "llama-0", **container: Any) -> views.Pod:  # noqa: ANN401 - JSON
    engine = {"name": "vllm", "ports": [{"name": "http", "containerPort": 8000}], **container}
    metadata = {"name": name, "labels": {"app": "llama", "role": "leader"}}
    return msgspec.convert({"metadata": metadata, "spec": {"containers": [engine]}}, views.Pod)


def test_the_narrowest_service_that_selects_the_leader_is_asked() -> None:
    """Not the headless one by which members find each other, and not another deployment's."""
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    found = entrance_of(
        PARTS,
        [
            service("all", selector={"app": "llama"}, ports=ports, clusterIP="10.0.0.1"),
            service("group", selector={"app": "llama", "role": "leader"}, ports=ports, clusterIP="None"),
            service("api", selector={"app": "llama", "role": "leader"}, ports=ports, clusterIP="10.0.0.2"),
            service("other", selector={"app": "other"}, ports=ports, clusterIP="10.0.0.3"),
        ],
        [pod()],
    )
    assert (found.through, found.pod, found.pod_port) == ("services/api:80", "llama-0", 8000)


def test_a_service_that_the_platform_makes_is_known_by_its_name() -> None:
    """KServe's; its port's target may be a number."""
    made = service("llama-predictor", ports=[{"port": 80, "targetPort": 8080}], clusterIP="None")
    parts = Parts(root=PARTS.root, pod_selector="", leader_labels={}, service="llama-predictor")
    found = entrance_of(parts, [made], [pod()])
    assert (found.through, found.pod_port) == ("services/llama-predictor:80", 8080)


def test_without_a_service_the_ready_leader_is_asked_by_the_port_of_its_probe() -> None:
    """Encrypted where the node asks so."""
    probe = {"httpGet": {"path": "/health", "port": 9000, "scheme": "HTTPS"}}
    leaders = [pod("llama-0", readinessProbe=probe), pod("llama-1", readinessProbe=probe)]
    found = entrance_of(PARTS, [], leaders, preferred="llama-1")
    assert found.through == "pods/https:llama-1:9000"
    assert entrance_of(PARTS, [], []).through == ""
