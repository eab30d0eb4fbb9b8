"""Rules on RayServices and RayCronJobs that the operator accepts and that are known to go wrong.

Source: KubeRay v1.1.1 to v1.7.0, ray-operator/controllers/ray/common/service.go, ray-operator/pkg/features.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Rule
from shardwright.targets.kuberay import gates
from shardwright.targets.kuberay.lint_practice import gpu_count
from shardwright.targets.kuberay.ray_objects import in_clusters, is_long, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.targets.kuberay.ray_objects import Cluster

__all__ = ["RULES"]

_rule = functools.partial(
    Rule,
    severity="warning",
    kinds=("RayService",),
    enforced_by="practice",
    source="KubeRay v1.1.1 to v1.7.0, ray-operator/controllers/ray/common/service.go",
)


def _serve_port(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    path = (*cluster.head.container, "ports")
    ports = cluster.owner.list_at(*path)
    if not any(isinstance(port, dict) and port.get("name") == "serve" for port in ports):
        yield Breach(path, "the head's container has no port named serve, so the operator makes no Service for it")


def _second_cluster(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    strategy = text_of(cluster.owner.get("spec", "upgradeStrategy", "type"))
    count = gpu_count(cluster, cluster.head) + sum(
        gpu_count(cluster, group) * max(cluster.owner.number_at(*group.path, "replicas") or 0, 0)
        for group in cluster.workers
    )
    if count and strategy in {"", "NewCluster"}:
        message = f"a changed spec starts a second cluster beside the first: {count} more GPUs"
        yield Breach(("spec", "upgradeStrategy", "type"), message, strategy)


def _serve_config(thing: Object, context: Context) -> Iterator[Breach]:
    del context
    if not is_long(thing.get("spec", "serveConfigV2")):
        yield Breach(("spec", "serveConfigV2"), "without serveConfigV2 the service has no application and never serves")


def _cron_gate(thing: Object, context: Context) -> Iterator[Breach]:
    if not gates.is_enabled(context, "RayCronJob"):
        yield Breach((), f"RayCronJob {thing.name} is looked at only with the feature gate RayCronJob, off by default")


RULES = (
    _rule(
        "kuberay.serve-port",
        title="The head of a RayService has a port named serve.",
        why="the operator makes the Service in front of the application for that port",
        fix="add {name: serve, containerPort: 8000} to the ports of the head's first container",
        check=in_clusters(_serve_port),
    ),
    _rule(
        "kuberay.second-cluster",
        severity="info",
        title="A changed RayService needs the GPUs twice for a while.",
        why="the new cluster must be ready before traffic moves to it",
        fix="set upgradeStrategy.type: None where there are no GPUs for two, and replace the service by hand",
        check=in_clusters(_second_cluster),
        since="1.3",
    ),
    _rule(
        "kuberay.serve-config",
        title="A RayService has an application.",
        why="the operator waits for applications that nobody named",
        fix="give serveConfigV2 with applications",
        check=_serve_config,
    ),
    _rule(
        "kuberay.cron-gate",
        kinds=("RayCronJob",),
        title="RayCronJobs need the feature gate RayCronJob.",
        why="the operator does not look at them without it",
        fix="switch the gate on, or use a CronJob of Kubernetes that makes RayJobs",
        check=_cron_gate,
        source="KubeRay v1.7.0, ray-operator/pkg/features",
    ),
)
"""All rules of practice on services and schedules."""
