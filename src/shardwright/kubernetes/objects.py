"""The Kubernetes objects that targets write, as typed values.

Only fields that are written stand here, in the order in which people read them. Names are those of the API in
snake_case; `dump` turns them into camelCase. Pieces that a recipe passes on as they are have the type `Tree`.
Source: Kubernetes API reference 1.36 and the LeaderWorkerSet CRDs v0.5.1 to v0.10.0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

__all__ = [
    "Capabilities",
    "ClaimSource",
    "ClaimSpec",
    "Container",
    "ContainerPort",
    "EmptyDir",
    "EnvSource",
    "EnvVar",
    "FieldRef",
    "HttpGet",
    "Job",
    "JobSpec",
    "KubernetesObject",
    "LeaderWorkerSet",
    "LeaderWorkerSetSpec",
    "LeaderWorkerTemplate",
    "Metadata",
    "NameRef",
    "PersistentVolumeClaim",
    "PodSecurity",
    "PodSpec",
    "PodTemplate",
    "Probe",
    "Resources",
    "RollingUpdate",
    "RolloutStrategy",
    "SeccompProfile",
    "SecretKeyRef",
    "SecurityContext",
    "Service",
    "ServicePort",
    "ServiceSpec",
    "Tree",
    "Volume",
    "VolumeMount",
]

Tree: TypeAlias = dict[str, Any]
"""A piece of JSON that is passed on as it is."""


def _texts() -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """Name and labels; pod templates have no name."""

    name: str | None = None
    namespace: str | None = None
    labels: dict[str, str] = field(default_factory=_texts)
    annotations: dict[str, str] = field(default_factory=_texts)


@dataclass(frozen=True, slots=True)
class FieldRef:
    """A field of the pod itself."""

    field_path: str


@dataclass(frozen=True, slots=True)
class SecretKeyRef:
    """One key of a Secret in the pod's namespace."""

    name: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvSource:
    """Where a variable's value comes from; exactly one is given."""

    field_ref: FieldRef | None = None
    secret_key_ref: SecretKeyRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvVar:
    """A variable: a text, in which `$(NAME)` stands for variables before it, or a source."""

    name: str
    value: str | None = None
    value_from: EnvSource | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerPort:
    """A port that a container opens; the name has at most 15 characters."""

    name: str
    container_port: int


@dataclass(frozen=True, slots=True)
class HttpGet:
    """A request that answers 200 to 399."""

    path: str
    port: int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """How the kubelet asks; `failure_threshold` failures in a row count."""

    http_get: HttpGet
    period_seconds: int
    timeout_seconds: int
    failure_threshold: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Quantities by resource."""

    requests: dict[str, str] = field(default_factory=_texts)
    limits: dict[str, str] = field(default_factory=_texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """Linux capabilities of a container."""

    drop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SeccompProfile:
    """System calls a container may make."""

    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityContext:
    """What a container may do."""

    allow_privilege_escalation: bool
    capabilities: Capabilities
    seccomp_profile: SeccompProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeMount:
    """Where a volume of the pod appears in a container."""

    name: str
    mount_path: str
    read_only: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container; `command` replaces the image's entrypoint."""

    name: str
    image: str
    command: tuple[str, ...]
    env: tuple[EnvVar, ...] = ()
    ports: tuple[ContainerPort, ...] = ()
    resources: Resources
    startup_probe: Probe | None = None
    readiness_probe: Probe | None = None
    liveness_probe: Probe | None = None
    security_context: Tree
    volume_mounts: tuple[VolumeMount, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyDir:
    """A folder that lives as long as the pod; `medium: Memory` counts against the memory limit."""

    medium: str | None = None
    size_limit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimSource:
    """A PersistentVolumeClaim in the pod's namespace."""

    claim_name: str
    read_only: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A volume of a pod; exactly one source is given."""

    name: str
    empty_dir: EmptyDir | None = None
    persistent_volume_claim: ClaimSource | None = None


@dataclass(frozen=True, slots=True)
class NameRef:
    """A reference by name."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSecurity:
    """Who owns the files of volumes."""

    fs_group: int
    fs_group_change_policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSpec:
    """What a pod runs and where it may run."""

    restart_policy: str | None = None
    service_account_name: str | None = None
    automount_service_account_token: bool | None = None
    enable_service_links: bool
    priority_class_name: str | None = None
    image_pull_secrets: tuple[NameRef, ...] = ()
    node_selector: dict[str, str] = field(default_factory=_texts)
    affinity: Tree | None = None
    tolerations: tuple[Tree, ...] = ()
    security_context: PodSecurity | None = None
    init_containers: tuple[Container, ...] = ()
    containers: tuple[Container, ...]
    volumes: tuple[Volume, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PodTemplate:
    """A pod without a name."""

    metadata: Metadata
    spec: PodSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePort:
    """A port of a Service and the container port behind it, by name."""

    name: str
    port: int
    target_port: int | str
    protocol: str = "TCP"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSpec:
    """Which pods answer on which ports."""

    type: str = "ClusterIP"
    selector: dict[str, str]
    ports: tuple[ServicePort, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A stable name and address for pods."""

    api_version: str = field(default="v1", init=False)
    kind: str = field(default="Service", init=False)
    metadata: Metadata
    spec: ServiceSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimSpec:
    """What a claim asks of its storage class; the cluster's default class if none is named."""

    access_modes: tuple[str, ...]
    storage_class_name: str | None = None
    resources: Resources
    volume_mode: str = "Filesystem"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersistentVolumeClaim:
    """A request for a volume."""

    api_version: str = field(default="v1", init=False)
    kind: str = field(default="PersistentVolumeClaim", init=False)
    metadata: Metadata
    spec: ClaimSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """A pod that runs until it succeeds; immutable once created."""

    backoff_limit: int
    template: PodTemplate


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Something that is done once."""

    api_version: str = field(default="batch/v1", init=False)
    kind: str = field(default="Job", init=False)
    metadata: Metadata
    spec: JobSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class RollingUpdate:
    """How many groups may be away, or may be there in addition, during an update."""

    max_unavailable: int
    max_surge: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutStrategy:
    """How a changed template reaches running groups."""

    type: str = "RollingUpdate"
    rolling_update_configuration: RollingUpdate


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderWorkerTemplate:
    """One group: `size` pods, the leader included; without a leader template all pods are made from the worker's."""

    size: int
    restart_policy: str
    leader_template: PodTemplate | None = None
    worker_template: PodTemplate


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderWorkerSetSpec:
    """Replicas of a group."""

    replicas: int
    startup_policy: str
    rollout_strategy: RolloutStrategy
    leader_worker_template: LeaderWorkerTemplate


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderWorkerSet:
    """Groups of pods that live and die together."""

    api_version: str = field(default="leaderworkerset.x-k8s.io/v1", init=False)
    kind: str = field(default="LeaderWorkerSet", init=False)
    metadata: Metadata
    spec: LeaderWorkerSetSpec


KubernetesObject: TypeAlias = LeaderWorkerSet | Service | PersistentVolumeClaim | Job
"""Everything that is written as a document of its own."""
