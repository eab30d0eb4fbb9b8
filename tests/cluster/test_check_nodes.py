"""A preflight and its probes on two real nodes: a volume that only one of them reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from shardwright.core.lifecycle.parts import Parts, Root
from shardwright.kubernetes.client import Place, connect
from shardwright.kubernetes.live import needs_reading
from shardwright.service import checking, probing
from shardwright.testing.cluster import images

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.preflight import Needs
    from shardwright.testing.cluster.api import Api
    from shardwright.testing.cluster.clusters import Running
    from shardwright.testing.cluster.fixtures import Clusters

HOST = "kubernetes.io/hostname"


@pytest.fixture
def cluster(clusters: Clusters) -> Running:
    return clusters.nodes()


@pytest.fixture
def place(cluster: Running) -> Iterator[tuple[Api, str]]:
    with cluster.namespace("check") as namespace, cluster.api() as api:
        yield api, namespace


def bound_claim(cluster: Running, api: Api, namespace: str, node: str = "") -> str:
    """A claim on a folder of the machine; with a node, one that is said to be reached from there only."""
    name = f"{namespace}-{node or 'all'}"
    spec: dict[str, Any] = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadOnlyMany"],
        "storageClassName": "none",
        "hostPath": {"path": "/usr"},
        "claimRef": {"namespace": namespace, "name": name},
    }
    if node:
        term = {"matchExpressions": [{"key": HOST, "operator": "In", "values": [node]}]}
        spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": [term]}}
    api.create({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec})
    asked = {"accessModes": ["ReadOnlyMany"], "storageClassName": "none", "resources": {"requests": {"storage": "1Gi"}}}
    metadata = {"name": name, "namespace": namespace}
    api.create({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": asked})
    path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/{name}"
    cluster.wait_until(lambda: api.get(path)["status"].get("phase") == "Bound", f"{name} is bound")
    return name


def needs(namespace: str, claim: str) -> Needs:
    """Of a Deployment of two pods that mount the claim."""
    container = {
        "name": "main",
        "image": images.BUSYBOX,
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
        "volumeMounts": [{"name": "model", "mountPath": "/model"}],
    }
    volume = {"name": "model", "persistentVolumeClaim": {"claimName": claim}}
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "reader", "namespace": namespace},
        "spec": {"template": {"metadata": {}, "spec": {"containers": [container], "volumes": [volume]}}},
    }
    parts = Parts(root=Root("apps/v1", "Deployment", "reader"), pod_selector="", leader_labels={}, replicas=2)
    return needs_reading.needs_of(namespace, "reader", "kubernetes", [body], parts)


def test_a_volume_of_one_node_is_seen_by_its_affinity_and_by_the_probe(
    cluster: Running, place: tuple[Api, str]
) -> None:
    """The check warns by what the volume says; the probe on the other node never mounts it, and says why."""
    (api, namespace), (first, second) = place, [node.name for node in cluster.nodes]
    wanted = needs(namespace, bound_claim(cluster, api, namespace, first))
    with connect(Place(kubeconfig=str(cluster.kubeconfig))) as client:
        found = {each.id: each for each in checking.check(client, wanted)}
        assert found["cluster.room"].status == "pass"
        assert found["cluster.claim"].status == "pass"
        assert "reached from 1 of 2 nodes" in found["cluster.claim-reach"].message
        (probed,) = probing.probe(client, wanted, timeout_seconds=20)
    assert probed.status == "fail"
    assert f"not mounted on 1 of 2 nodes: {second}: " in probed.message
    assert "NodeAffinity" in probed.message


def test_a_volume_that_every_node_mounts_passes_the_probe(cluster: Running, place: tuple[Api, str]) -> None:
    """Each node ran a pod that saw the claim, and none of these pods stays."""
    api, namespace = place
    wanted = needs(namespace, bound_claim(cluster, api, namespace))
    with connect(Place(kubeconfig=str(cluster.kubeconfig))) as client:
        (probed,) = probing.probe(client, wanted, timeout_seconds=60)
    assert probed.status == "pass", probed.message
    assert "was mounted on 2 nodes" in probed.message
    cluster.wait_until(lambda: not api.items(f"/api/v1/namespaces/{namespace}/pods"), "the probes are gone")
