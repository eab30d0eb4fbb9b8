"""The parts of objects that a preflight looks at, typed: all else of a page is passed over and not decoded.

Of a Secret the names of its keys are kept; their values stay the bytes that came (`Raw`) and are dropped with the answer.
"""

from __future__ import annotations

from typing import Any

import msgspec

from shardwright.kubernetes.live.views import Condition  # noqa: TC001 - a view is decoded by its annotations

__all__ = [
    "ClaimView",
    "DeploymentView",
    "LimitRangeView",
    "NodeView",
    "OwnerView",
    "PodUse",
    "PolicyView",
    "QuotaView",
    "SccView",
    "SecretView",
    "StorageClassView",
    "VolumeView",
]

Amounts = dict[str, str | int | float]


class _View(msgspec.Struct, rename="camel", frozen=True):
    """All views: camelCase there, snake_case here."""


class Named(_View, frozen=True):
    """What an object is called and labelled."""

    name: str = ""
    namespace: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Taint(_View, frozen=True):
    """A taint of a node."""

    key: str = ""
    effect: str = ""
    value: str = ""


class NodeSpec(_View, frozen=True):
    """What a node is to be."""

    unschedulable: bool = False
    taints: list[Taint] = []
    pod_cidrs: list[str] = msgspec.field(name="podCIDRs", default_factory=list[str])


class NodeStatus(_View, frozen=True):
    """What a node offers."""

    allocatable: Amounts = {}
    conditions: list[Condition] = []


class NodeMeta(_View, frozen=True):
    """Name and labels; a node's annotations are long."""

    name: str = ""
    labels: dict[str, str] = {}


class NodeView(_View, frozen=True):
    """A node."""

    metadata: NodeMeta = NodeMeta()
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


class Amount(_View, frozen=True):
    """What a container asks for."""

    requests: Amounts = {}
    limits: Amounts = {}


class Part(_View, frozen=True):
    """A container of a pod."""

    resources: Amount = Amount()
    restart_policy: str = ""


class PodUseSpec(_View, frozen=True):
    """Where a pod is and what it takes there."""

    node_name: str = ""
    containers: list[Part] = []
    init_containers: list[Part] = []
    overhead: Amounts = {}


class PodUse(_View, frozen=True):
    """A pod, for what it takes of its node."""

    spec: PodUseSpec = PodUseSpec()


class ClaimSpec(_View, frozen=True):
    """What a claim asked for."""

    access_modes: list[str] = []
    volume_name: str = ""


class ClaimStatus(_View, frozen=True):
    """What a claim got."""

    phase: str = ""
    access_modes: list[str] = []
    capacity: Amounts = {}


class ClaimView(_View, frozen=True):
    """A PersistentVolumeClaim."""

    spec: ClaimSpec = ClaimSpec()
    status: ClaimStatus = ClaimStatus()


class VolumeAffinity(_View, frozen=True):
    """From where a volume is reached."""

    required: dict[str, Any] | None = None


class VolumeSpec(_View, frozen=True):
    """A volume."""

    node_affinity: VolumeAffinity = VolumeAffinity()


class VolumeView(_View, frozen=True):
    """A PersistentVolume."""

    spec: VolumeSpec = VolumeSpec()


class StorageClassView(_View, frozen=True):
    """A storage class."""

    metadata: Named = Named()


class QuotaSpec(_View, frozen=True):
    """What a quota is on."""

    hard: Amounts = {}
    scopes: list[str] = []
    scope_selector: dict[str, Any] = {}


class QuotaStatus(_View, frozen=True):
    """What is used of a quota."""

    hard: Amounts = {}
    used: Amounts = {}


class QuotaView(_View, frozen=True):
    """A ResourceQuota."""

    metadata: Named = Named()
    spec: QuotaSpec = QuotaSpec()
    status: QuotaStatus = QuotaStatus()


class LimitItem(_View, frozen=True):
    """One entry of a LimitRange."""

    type: str = ""
    max: Amounts = {}
    min: Amounts = {}
    default: Amounts = {}
    default_request: Amounts = {}


class LimitSpec(_View, frozen=True):
    """All entries of a LimitRange."""

    limits: list[LimitItem] = []


class LimitRangeView(_View, frozen=True):
    """A LimitRange."""

    metadata: Named = Named()
    spec: LimitSpec = LimitSpec()


class SecretView(_View, frozen=True):
    """A Secret: what it is, and which keys it has."""

    type: str = ""
    data: dict[str, msgspec.Raw] = {}


class OwnerReference(_View, frozen=True):
    """Who made an object."""

    kind: str = ""
    name: str = ""
    controller: bool = False


class ManagedFields(_View, frozen=True):
    """Who wrote fields of an object."""

    manager: str = ""
    subresource: str = ""


class OwnerMeta(_View, frozen=True):
    """Metadata that say whose an object is."""

    name: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: list[OwnerReference] = []
    managed_fields: list[ManagedFields] = []
    deletion_timestamp: str = ""


class OwnerView(_View, frozen=True):
    """Any object, for whose it is."""

    metadata: OwnerMeta = OwnerMeta()


class Image(_View, frozen=True):
    """A container's image."""

    image: str = ""


class ImagesSpec(_View, frozen=True):
    """Images of a pod."""

    containers: list[Image] = []


class Template(_View, frozen=True):
    """A template of pods."""

    spec: ImagesSpec = ImagesSpec()


class DeploymentSpec(_View, frozen=True):
    """What a Deployment runs."""

    template: Template = Template()


class DeploymentStatus(_View, frozen=True):
    """How many of its pods are ready."""

    ready_replicas: int = 0


class DeploymentView(_View, frozen=True):
    """A Deployment, as that of an operator."""

    metadata: Named = Named()
    spec: DeploymentSpec = DeploymentSpec()
    status: DeploymentStatus = DeploymentStatus()


class StateStatus(_View, frozen=True):
    """An operator's word on itself."""

    state: str = ""


class PolicyView(_View, frozen=True):
    """A ClusterPolicy or NicClusterPolicy."""

    metadata: Named = Named()
    status: StateStatus = StateStatus()


class Strategy(_View, frozen=True):
    """How an SCC treats a field."""

    type: str = ""


class SccView(_View, frozen=True):
    """A SecurityContextConstraints; its fields stand at the top."""

    metadata: Named = Named()
    priority: int | None = None
    users: list[str] | None = None
    groups: list[str] | None = None
    run_as_user: Strategy = Strategy()
    allowed_capabilities: list[str] | None = None
    default_add_capabilities: list[str] | None = None
    volumes: list[str] | None = None
    allow_host_network: bool = False
    allow_host_ports: bool = False
    allow_host_pid: bool = msgspec.field(name="allowHostPID", default=False)
    allow_host_ipc: bool = msgspec.field(name="allowHostIPC", default=False)
    allow_privileged_container: bool = False
