"""One API server for all tests of a run, what is in place on it, and what was found out at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cluster_servers import Servers
from cluster_tally import Tally
from engine_stage import Shell

from shardwright import settings
from shardwright.kubernetes.client import Client, Place, connect
from shardwright.testing.cluster import building, control_plane
from shardwright.testing.cluster.fixtures import clusters

__all__ = ["clusters"]

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shardwright.testing.cluster.api import Api
    from shardwright.testing.cluster.building import Programs
    from shardwright.testing.cluster.clusters import Running
    from shardwright.testing.cluster.control_plane import ControlPlane


_TALLY = pytest.StashKey[Tally]()
_WITH_MANAGERS = (
    "test_cluster_rehearsal",
    "test_overview",
    "test_managers",
    "test_presets",
    "test_rights",
    "test_rights_of_rehearsals",
    "test_stopping",
    "test_updates",
)
"""Modules whose cluster has managers, few of them first. They come after those whose cluster has none: a server that
starts anew reads all definitions again, which takes it ten times as long as its start."""


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TALLY] = Tally()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Clusters grow while tests go on."""
    turns = {name: number for number, name in enumerate(_WITH_MANAGERS, 1)}
    items.sort(key=lambda item: turns.get(item.path.stem, 0))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    tally = config.stash[_TALLY]
    for title, counts in (("accepted by the API server", tally.accepted), ("not validated", tally.not_validated)):
        for what, count in sorted(counts.items()):
            terminalreporter.write_line(f"{title}: {count} x {what}")


@pytest.fixture(scope="session")
def tally(pytestconfig: pytest.Config) -> Tally:
    return pytestconfig.stash[_TALLY]


@pytest.fixture(scope="session")
def runs() -> Path:
    """Where API servers keep their files; below the user's cache, as the programs."""
    return settings.load_settings().cache_dir / "test-cluster" / "runs"


@pytest.fixture(scope="session")
def programs() -> Programs:
    """The programs; a run that did not ask for minutes of building is not surprised by them."""
    found = building.find_programs(settings.load_settings().cache_dir, settings.load_kubernetes_assets())
    if found is None:
        pytest.skip("etcd and kube-apiserver are not built: make test-cluster")
    return found


@pytest.fixture(scope="session")
def plane(programs: Programs, runs: Path) -> Iterator[ControlPlane]:
    with control_plane.running(programs, runs) as running:
        yield running


@pytest.fixture(scope="session")
def api(plane: ControlPlane) -> Iterator[Api]:
    with plane.api() as connected:
        connected.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "demo"}})
        yield connected


@pytest.fixture(scope="session")
def servers(programs: Programs, runs: Path) -> Iterator[Servers]:
    """Servers for rendered manifests, apart from the one above."""
    made = Servers(programs, runs)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def shell(cluster: Running, tmp_path: Path) -> Shell:
    """Commands as users type them, on the `cluster` of the module that asks."""
    return Shell(cluster.kubeconfig, tmp_path)


@pytest.fixture
def client(cluster: Running) -> Iterator[Client]:
    """In a namespace of the test's own, on the `cluster` of the module that asks."""
    with cluster.namespace() as namespace, connect(Place(str(cluster.kubeconfig), namespace=namespace)) as connected:
        yield connected
