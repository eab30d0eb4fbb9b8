"""A pod template and its parts, as typed values; what is said in `objects` of fields and names holds here too.

Pieces that a recipe passes on as they are have the type `Tree`. Source: Kubernetes API reference 1.36.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any, TypeAlias

from shardwright.values import frozen

__all__ = [
    "Capabilities",
    "ClaimSource",
    "Container",
    "ContainerPort",
    "EmptyDir",
    "EnvSource",
    "EnvVar",
    "FieldRef",
    "HttpGet",
    "Metadata",
    "NameRef",
    "PodSpec",
    "PodTemplate",
    "Probe",
    "Resources",
    "SeccompProfile",
    "SecretKeyRef",
    "SecurityContext",
    "Tree",
    "Volume",
    "VolumeMount",
]

Tree: TypeAlias = dict[str, Any]
"""A piece of JSON that is passed on as it is."""


def _texts() -> dict[str, str]:
    return {}


@frozen(kw_only=True)
class Metadata:
    """Name and labels; pod templates have no name."""

    name: str | None = None
    namespace: str | None = None
    labels: dict[str, str] = field(default_factory=_texts)
    annotations: dict[str, str] = field(default_factory=_texts)


@frozen
class FieldRef:
    """A field of the pod itself."""

    field_path: str


@frozen
class SecretKeyRef:
    """One key of a Secret in the pod's namespace."""

    name: str
    key: str


@frozen(kw_only=True)
class EnvSource:
    """Where a variable's value comes from; exactly one is given."""

    field_ref: FieldRef | None = None
    secret_key_ref: SecretKeyRef | None = None


@frozen(kw_only=True)
class EnvVar:
    """A variable: a text, in which `$(NAME)` stands for variables before it, or a source."""

    name: str
    value: str | None = None
    value_from: EnvSource | None = None


@frozen(kw_only=True)
class ContainerPort:
    """A port that a container opens; the name has at most 15 characters."""

    name: str
    container_port: int


@frozen
class HttpGet:
    """A request that answers 200 to 399."""

    path: str
    port: int | str
    scheme: str | None = None
    """`HTTP` or `HTTPS`; only where something else may have set the other one."""


@frozen(kw_only=True)
class Probe:
    """How the kubelet asks; `failure_threshold` failures in a row count."""

    http_get: HttpGet
    period_seconds: int
    timeout_seconds: int
    failure_threshold: int


@frozen(kw_only=True)
class Resources:
    """Quantities by resource."""

    requests: dict[str, str] = field(default_factory=_texts)
    limits: dict[str, str] = field(default_factory=_texts)


@frozen(kw_only=True)
class Capabilities:
    """Linux capabilities of a container."""

    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


@frozen
class SeccompProfile:
    """System calls a container may make."""

    type: str


@frozen(kw_only=True)
class SecurityContext:
    """What a container may do."""

    allow_privilege_escalation: bool
    capabilities: Capabilities
    seccomp_profile: SeccompProfile


@frozen(kw_only=True)
class VolumeMount:
    """Where a volume of the pod appears in a container."""

    name: str
    mount_path: str
    read_only: bool | None = None


@frozen(kw_only=True)
class Container:
    """One container; `command` replaces the image's entrypoint, `args` follow it."""

    name: str
    image: str
    command: tuple[str, ...]
    args: tuple[str, ...] = ()
    env: tuple[EnvVar, ...] = ()
    ports: tuple[ContainerPort, ...] = ()
    resources: Resources
    startup_probe: Probe | None = None
    readiness_probe: Probe | None = None
    liveness_probe: Probe | None = None
    security_context: Tree
    volume_mounts: tuple[VolumeMount, ...] = ()


@frozen(kw_only=True)
class EmptyDir:
    """A folder that lives as long as the pod; `medium: Memory` counts against the memory limit."""

    medium: str | None = None
    size_limit: str | None = None


@frozen(kw_only=True)
class ClaimSource:
    """A PersistentVolumeClaim in the pod's namespace."""

    claim_name: str
    read_only: bool | None = None


@frozen(kw_only=True)
class Volume:
    """A volume of a pod; exactly one source is given."""

    name: str
    empty_dir: EmptyDir | None = None
    persistent_volume_claim: ClaimSource | None = None


@frozen
class NameRef:
    """A reference by name."""

    name: str


@frozen(kw_only=True)
class PodSpec:
    """What a pod runs and where it may run."""

    restart_policy: str | None = None
    service_account_name: str | None = None
    automount_service_account_token: bool | None = None
    enable_service_links: bool
    scheduler_name: str | None = None
    priority_class_name: str | None = None
    image_pull_secrets: tuple[NameRef, ...] = ()
    node_selector: dict[str, str] = field(default_factory=_texts)
    affinity: Tree | None = None
    tolerations: tuple[Tree, ...] = ()
    security_context: Tree | None = None
    init_containers: tuple[Container, ...] = ()
    containers: tuple[Container, ...]
    volumes: tuple[Volume, ...] = ()


@frozen(kw_only=True)
class PodTemplate:
    """A pod without a name."""

    metadata: Metadata
    spec: PodSpec
