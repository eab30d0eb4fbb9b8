"""A fixture for pytest: `clusters`, which starts what a test asks for and keeps it for the session.

    pytest_plugins = ["shardwright.testing.cluster.fixtures"]        # in the root conftest.py

    def test_a_set_makes_pods(clusters):
        cluster = clusters.api("lws")                                # or clusters.nodes("lws"): two real nodes
        with cluster.namespace() as namespace, cluster.api() as api:
            ...

A test is skipped, with the reason, where the machine cannot have the level or the programs are not built
(`python -m shardwright.testing.cluster` builds them). The only module here that knows pytest.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from shardwright import settings
from shardwright.testing.cluster import building
from shardwright.testing.cluster import clusters as whole
from shardwright.testing.cluster.clusters import Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from shardwright.testing.cluster.building import Programs
    from shardwright.testing.cluster.clusters import Running

__all__ = ["Clusters", "clusters"]

_NODES = 2


class Clusters:
    """The clusters of a session, one a level, each started when it is first asked for."""

    def __init__(self, cache_dir: Path, assets: Path | None) -> None:
        self._cache_dir, self._assets = cache_dir, assets
        self._ends = contextlib.ExitStack()
        self._running: dict[int, Running] = {}

    def api(self, *managers: str) -> Running:
        """The cluster without nodes, with these managers running beside it."""
        return self._get(Cluster(managers))

    def nodes(self, *managers: str) -> Running:
        """The cluster with two nodes of one GPU each, with these managers running beside it."""
        return self._get(Cluster(managers, nodes=_NODES))

    def programs(self, *managers: str, nodes: int = 0) -> Mapping[str, Path]:
        """Where the programs of such a cluster are; the test is skipped if they are not there."""
        return self._programs(Cluster(managers, nodes=nodes)).paths

    def close(self) -> None:
        """Stop all that was started."""
        self._ends.close()
        self._running.clear()

    def _get(self, cluster: Cluster) -> Running:
        programs = self._programs(cluster)
        if cluster.nodes not in self._running:
            block = whole.running(cluster, programs, self._cache_dir / "test-cluster" / "runs")
            self._running[cluster.nodes] = self._ends.enter_context(block)
        running = self._running[cluster.nodes]
        running.need(cluster.managers, programs)
        return running

    def _programs(self, cluster: Cluster) -> Programs:
        reason = whole.missing(cluster)
        if reason:
            pytest.skip(reason)
        names = whole.program_names(cluster)
        programs = building.find_programs(self._cache_dir, self._assets, names)
        if programs is None:
            lacking = ", ".join(building.missing_programs(self._cache_dir, self._assets, names))
            pytest.skip(f"not built: {lacking}; build them with python -m shardwright.testing.cluster")
        return programs


@pytest.fixture(scope="session")
def clusters() -> Iterator[Clusters]:
    """Clusters on demand, for the session."""
    made = Clusters(settings.load_settings().cache_dir, settings.load_kubernetes_assets())
    try:
        yield made
    finally:
        made.close()
