"""What all pods of a cluster take, read from a real API server: nothing twice, nothing left out, whatever happens on the way."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import stamina
from check_stage import Stage, needs

from shardwright.core.preflight.facts import Node
from shardwright.kubernetes.client import Place, Ref, connect
from shardwright.kubernetes.live import facts_asking, facts_usage
from shardwright.kubernetes.live.facts_usage import Own, Usage
from shardwright.kubernetes.live.facts_views import OwnerView
from shardwright.testing.cluster import control_plane, fault_proxy
from shardwright.testing.cluster.faults import Fault, Storm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shardwright.testing.cluster.building import Programs
    from shardwright.testing.cluster.fault_proxy import Proxy

GPU = "nvidia.com/gpu"
COUNT = 100
ENDED = "node-000"
"""Of the first nodes that are looked at; its pod has ended."""
SEED = 57
"""Of a storm that meets the first request for pods, and none before and after it."""
FAULTS: tuple[Fault, ...] = ("busy", "internal", "gateway", "late-gateway", "reset", "late-reset", "cut", "garbled")


@pytest.fixture(scope="module")
def full(programs: Programs, runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A cluster on whose nodes a pod has the only GPU, but for the one whose pod has ended."""
    with control_plane.running(programs, runs) as plane, plane.api() as api:
        stage = Stage(plane, api, tmp_path_factory.mktemp("many"))
        namespace = stage.namespace()
        for node in nodes():
            stage.pod(namespace, f"on-{node.name}", node.name)
        stage.status(f"/api/v1/namespaces/{namespace}/pods/on-{ENDED}", {"phase": "Succeeded"})
        yield stage


@pytest.fixture(scope="module")
def proxy(full: Stage) -> Iterator[Proxy]:
    with fault_proxy.running(full.plane) as running:
        yield running


def nodes() -> list[Node]:
    amounts = {"pods": 110.0, "cpu": 16.0, "memory": float(64 << 30), GPU: 1.0}
    return [Node(name=f"node-{index:03}", allocatable=amounts) for index in range(COUNT)]


def used(kubeconfig: Path) -> Usage:
    with connect(Place(kubeconfig=str(kubeconfig))) as client, ThreadPoolExecutor(4) as pool:
        return facts_usage.usage(client, pool, needs("demo"), nodes(), Own({}, {}))


def test_all_pods_are_counted_where_no_node_has_room(full: Stage) -> None:
    """On each node what its pods take, but for those that have ended."""
    found = used(full.plane.kubeconfig)
    assert found.looked_at is None
    assert found.by_node == {each.name: {GPU: 1.0, "pods": 1.0} for each in nodes() if each.name != ENDED}


def names(kubeconfig: Path) -> list[str]:
    with connect(Place(kubeconfig=str(kubeconfig))) as client:
        return facts_asking.gathered(
            client, Ref("v1", "Pod"), OwnerView, lambda pods: [each.metadata.name for each in pods]
        )


@pytest.mark.parametrize("fault", FAULTS)
def test_an_answer_that_breaks_off_is_asked_for_again(proxy: Proxy, full: Stage, tmp_path: Path, fault: Fault) -> None:
    """What came before it broke off is not told twice, whichever way it breaks off."""
    kubeconfig = proxy.write_kubeconfig(tmp_path / "config")
    proxy.storm, proxy.page = Storm(seed=SEED, share=0.3, kinds=(fault,)), 30
    with stamina.set_testing(True, attempts=2, cap=True):
        found = names(kubeconfig)
    assert found == names(full.plane.kubeconfig)
    assert len(found) == COUNT
    asked = [each for each in proxy.requests if each.startswith("GET /api/v1/pods")]
    assert asked == [f"GET /api/v1/pods {fault}", *["GET /api/v1/pods"] * 4]
