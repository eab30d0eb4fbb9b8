"""The Kubernetes objects that targets write, as typed values.

Only fields that are written stand here, in the order in which people read them. Names are those of the API in
snake_case; `dump` turns them into camelCase. Source: Kubernetes API reference 1.36 and the LeaderWorkerSet CRDs v0.5.1
to v0.10.0.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Protocol

from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.kubernetes.render.podspec import Metadata, PodTemplate, Resources

__all__ = [
    "ClaimSpec",
    "Job",
    "JobSpec",
    "KubernetesObject",
    "LeaderWorkerSet",
    "LeaderWorkerSetSpec",
    "LeaderWorkerTemplate",
    "NetworkConfig",
    "PersistentVolumeClaim",
    "RollingUpdate",
    "RolloutStrategy",
    "Service",
    "ServicePort",
    "ServiceSpec",
    "SubGroupPolicy",
]


@frozen(kw_only=True)
class ServicePort:
    """A port of a Service and the container port behind it, by name."""

    name: str
    port: int
    target_port: int | str
    protocol: str = "TCP"


@frozen(kw_only=True)
class ServiceSpec:
    """Which pods answer on which ports."""

    type: str = "ClusterIP"
    ip_families: tuple[str, ...] = ()
    selector: dict[str, str]
    ports: tuple[ServicePort, ...]


@frozen(kw_only=True)
class Service:
    """A stable name and address for pods."""

    api_version: str = field(default="v1", init=False)
    kind: str = field(default="Service", init=False)
    metadata: Metadata
    spec: ServiceSpec


@frozen(kw_only=True)
class ClaimSpec:
    """What a claim asks of its storage class; the cluster's default class if none is named."""

    access_modes: tuple[str, ...]
    storage_class_name: str | None = None
    resources: Resources
    volume_mode: str = "Filesystem"


@frozen(kw_only=True)
class PersistentVolumeClaim:
    """A request for a volume."""

    api_version: str = field(default="v1", init=False)
    kind: str = field(default="PersistentVolumeClaim", init=False)
    metadata: Metadata
    spec: ClaimSpec


@frozen(kw_only=True)
class JobSpec:
    """A pod that runs until it succeeds; immutable once created."""

    backoff_limit: int
    template: PodTemplate


@frozen(kw_only=True)
class Job:
    """Something that is done once."""

    api_version: str = field(default="batch/v1", init=False)
    kind: str = field(default="Job", init=False)
    metadata: Metadata
    spec: JobSpec


@frozen(kw_only=True)
class RollingUpdate:
    """How many groups may be away, or may be there in addition, during an update."""

    max_unavailable: int
    max_surge: int


@frozen(kw_only=True)
class RolloutStrategy:
    """How a changed template reaches running groups."""

    type: str = "RollingUpdate"
    rolling_update_configuration: RollingUpdate


@frozen(kw_only=True)
class SubGroupPolicy:
    """Parts of a group that belong close together; cannot be changed later."""

    sub_group_policy_type: str | None = None
    sub_group_size: int


@frozen
class NetworkConfig:
    """Whose headless Service gives members their names."""

    subdomain_policy: str


@frozen(kw_only=True)
class LeaderWorkerTemplate:
    """One group: `size` pods, the leader included; without a leader template all pods are made from the worker's."""

    size: int
    restart_policy: str
    sub_group_policy: SubGroupPolicy | None = None
    leader_template: PodTemplate | None = None
    worker_template: PodTemplate


@frozen(kw_only=True)
class LeaderWorkerSetSpec:
    """Replicas of a group."""

    replicas: int
    startup_policy: str
    network_config: NetworkConfig | None = None
    rollout_strategy: RolloutStrategy
    leader_worker_template: LeaderWorkerTemplate


@frozen(kw_only=True)
class LeaderWorkerSet:
    """Groups of pods that live and die together."""

    api_version: str = field(default="leaderworkerset.x-k8s.io/v1", init=False)
    kind: str = field(default="LeaderWorkerSet", init=False)
    metadata: Metadata
    spec: LeaderWorkerSetSpec


class KubernetesObject(Protocol):
    """Everything that is written as a document of its own; a target's own kinds are such objects too."""

    @property
    def kind(self) -> str:
        """Kind of the object."""
        ...

    @property
    def metadata(self) -> Metadata:
        """Its name, namespace, labels and annotations."""
        ...
