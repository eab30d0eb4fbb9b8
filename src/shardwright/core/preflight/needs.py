"""What a deployment needs of a cluster: read from its manifests and its plan, told without a cluster."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, TypeAlias

from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Ask",
    "CertificateNeed",
    "ClaimNeed",
    "GpuNeed",
    "Needs",
    "ObjectNeed",
    "Operator",
    "PodNeed",
    "RouteNeed",
    "SecretNeed",
    "Tree",
]

Tree: TypeAlias = "Mapping[str, Any]"
"""A part of an object as Kubernetes has it."""


@frozen
class Ask:
    """One right: a verb on a resource."""

    verb: str
    resource: str
    """`pods`, `pods/log`, `leaderworkersets.leaderworkerset.x-k8s.io`."""
    namespace: str = ""
    """Empty: in the whole cluster."""
    name: str = ""
    """Of the one object; empty: of any."""


@frozen
class ObjectNeed:
    """One object by its address."""

    api_version: str
    kind: str
    name: str
    namespace: str = ""

    def __str__(self) -> str:
        """`LeaderWorkerSet demo/llama`."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    @property
    def group(self) -> str:
        """The API group; empty for the core."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The version within its group."""
        return self.api_version.rpartition("/")[2]


@frozen(kw_only=True)
class PodNeed:
    """Pods that are alike."""

    name: str
    """What they are in the deployment: leader, worker, download."""
    count: int
    spec: Tree
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    requests: Mapping[str, float] = field(default_factory=dict[str, float])
    """What the scheduler counts, by resource, in bytes and whole units; `pods` is 1."""
    limits: Mapping[str, float] = field(default_factory=dict[str, float])
    lacks: frozenset[str] = frozenset()
    """`requests.cpu`, `limits.memory` ...: what not every container says; a quota on it refuses the pod."""
    largest: Mapping[str, float] = field(default_factory=dict[str, float])
    """The largest limit, or else request, of one container by resource."""
    is_member: bool = True
    """False: it does not run beside the group, as the Job that brings the model."""


@frozen(kw_only=True)
class ClaimNeed:
    """A claim that pods mount."""

    name: str
    is_made: bool = False
    """It is among the manifests."""
    storage_class: str | None = None
    """Of a new claim; None: the cluster's default."""
    size_bytes: float = 0.0
    """Of a new claim."""
    access_modes: tuple[str, ...] = ()
    pods: int = 1
    """Pods of the group that mount it at once."""
    writes: bool = False
    """Whether something writes to it."""
    model_bytes: float = 0.0
    """What is to lie on it; 0 where that is not known."""


@frozen
class SecretNeed:
    """A Secret that is named, and the key that is read; empty: all of it."""

    name: str
    key: str = ""
    is_for_images: bool = False


@frozen
class RouteNeed:
    """A route at a Gateway."""

    gateway: tuple[str, str]
    """Its namespace and name."""
    hosts: tuple[str, ...] = ()
    """For which it asks; empty: for all that the Gateway has."""
    listener: str = ""
    """The one that it names; empty: any."""


@frozen
class CertificateNeed:
    """A Secret with the certificate of a way in."""

    name: str
    kind: str
    """Of the object that names it: Ingress, Route."""
    is_made: bool = False
    """Something else makes it when that object is there, as cert-manager does."""


@frozen(kw_only=True)
class GpuNeed:
    """The kind of GPU that was planned with."""

    resource: str
    name: str = ""
    """As the catalogue has it; empty: not planned."""
    aliases: tuple[str, ...] = ()
    """What node labels call it."""
    memory_bytes: float = 0.0


@frozen(kw_only=True)
class Operator:
    """Something that must run in the cluster, and how it is recognised."""

    name: str
    install: tuple[str, ...] = ()
    """Commands of a shell, in order."""
    kinds: tuple[tuple[str, str], ...] = ()
    """Group and kind that it brings."""
    deployments: tuple[str, ...] = ()
    """Names of the Deployments of its controllers; one of them is enough."""
    devices: str = ""
    """Vendor of the devices that it brings, as `nvidia.com`; empty: none."""
    is_shared: bool = False
    """Only others need it: where these are there, it is no matter how they came to be."""
    asserted: str = ""
    """The version that the recipe names; empty: any."""
    is_platform: bool = False
    """Its release is what recipes name in `target.version`."""


@frozen(kw_only=True)
class Needs:
    """All that one deployment needs."""

    namespace: str
    name: str
    target: str
    objects: tuple[ObjectNeed, ...] = ()
    """What is written, in order."""
    bodies: tuple[Tree, ...] = ()
    """The same in full, where it is known; empty for what is there already."""
    made_by_others: tuple[ObjectNeed, ...] = ()
    """What controllers make of it under names that must be free."""
    made_resources: tuple[tuple[ObjectNeed, str], ...] = ()
    """Each of these with its resource, as rules of access write it."""
    pods: tuple[PodNeed, ...] = ()
    claims: tuple[ClaimNeed, ...] = ()
    secrets: tuple[SecretNeed, ...] = ()
    service_accounts: tuple[str, ...] = ()
    priority_classes: tuple[str, ...] = ()
    networks: tuple[tuple[str, str], ...] = ()
    """Namespace and name of secondary networks."""
    routes: tuple[RouteNeed, ...] = ()
    """What lets requests in through Gateways."""
    ingress_classes: tuple[str, ...] = ()
    """Of Ingresses; an empty one is that of the cluster."""
    certificates: tuple[CertificateNeed, ...] = ()
    ip_family: str = ""
    """`ipv4` or `ipv6`, if pods must have such an address."""
    gpu: GpuNeed | None = None
    cuda: str = ""
    """CUDA release of the engine's image; empty: not known, or not CUDA."""
    image: str = ""
    operators: tuple[Operator, ...] = ()
    topology_keys: tuple[str, ...] = ()
    """Node labels by which groups are placed."""
    own_pods: str = ""
    """Label selector of the pods that it has already, if it is there; they are replaced, and do not count against it."""
    spare: tuple[PodNeed, ...] = ()
    """Pods that its platform makes beside those that it has, while it replaces them."""
    distribution: str = ""
    """`openshift`: the target runs on OpenShift AI alone; empty: on any Kubernetes."""
    is_spread: bool = False
    """Pods of one group talk to each other."""
    asks: tuple[Ask, ...] = ()
    """Rights of whoever applies and follows it."""
    may_make_namespace: bool = False
    release: str = ""
    """Of the platform, as the recipe names it."""
    releases: tuple[str, ...] = ()
    """Of the platform, those for which manifests can be made, oldest first."""

    @property
    def makes_namespace(self) -> bool:
        """Whether the namespace comes with it."""
        return self.may_make_namespace or any(each.kind == "Namespace" for each in self.objects)

    @property
    def members(self) -> tuple[PodNeed, ...]:
        """Pods that run at once."""
        return tuple(each for each in self.pods if each.is_member)
