"""KubeRay's objects as typed values; what `kubernetes.objects` says of fields and names holds here too.

Source: CRDs of KubeRay v1.1.1 to v1.7.0.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.kubernetes.render.podspec import EnvSource, Metadata, PodTemplate

__all__ = [
    "Command",
    "CommandProbe",
    "Credential",
    "FaultTolerance",
    "HeadGroup",
    "RayCluster",
    "RayClusterSpec",
    "RayService",
    "RayServiceSpec",
    "UpgradeStrategy",
    "WorkerGroup",
]


@frozen
class Credential:
    """A credential that is kept in a Secret."""

    value_from: EnvSource


@frozen
class Command:
    """A command that is run in the container; it succeeds with 0."""

    command: tuple[str, ...]


@frozen(kw_only=True)
class CommandProbe:
    """How the kubelet asks by a command; `failure_threshold` failures in a row count."""

    exec: Command
    period_seconds: int
    timeout_seconds: int
    failure_threshold: int


@frozen(kw_only=True)
class FaultTolerance:
    """Where Ray's global control store keeps its state outside the head."""

    redis_address: str
    redis_password: Credential | None = None
    external_storage_namespace: str | None = None


@frozen(kw_only=True)
class HeadGroup:
    """The one head; older releases demand parameters, also where there are none to give."""

    ray_start_params: dict[str, str]
    template: PodTemplate


@frozen(kw_only=True)
class WorkerGroup:
    """Workers that are alike; the definition's default for `replicas` is 0."""

    group_name: str
    replicas: int
    min_replicas: int
    max_replicas: int
    ray_start_params: dict[str, str]
    template: PodTemplate


@frozen
class UpgradeStrategy:
    """How a changed service replaces its cluster, or a changed cluster its pods."""

    type: str


@frozen(kw_only=True)
class RayClusterSpec:
    """A head and its workers."""

    ray_version: str | None = None
    suspend: bool | None = None
    upgrade_strategy: UpgradeStrategy | None = None
    gcs_fault_tolerance_options: FaultTolerance | None = None
    head_group_spec: HeadGroup
    worker_group_specs: tuple[WorkerGroup, ...] = ()


@frozen(kw_only=True)
class RayCluster:
    """Pods that form one Ray cluster."""

    api_version: str = field(default="ray.io/v1", init=False)
    kind: str = field(default="RayCluster", init=False)
    metadata: Metadata
    spec: RayClusterSpec


@frozen(kw_only=True)
class RayServiceSpec:
    """Applications of Ray Serve and the cluster they run in."""

    upgrade_strategy: UpgradeStrategy | None = None
    serve_config_v2: str
    ray_cluster_config: RayClusterSpec


@frozen(kw_only=True)
class RayService:
    """A Ray cluster that serves applications."""

    api_version: str = field(default="ray.io/v1", init=False)
    kind: str = field(default="RayService", init=False)
    metadata: Metadata
    spec: RayServiceSpec
