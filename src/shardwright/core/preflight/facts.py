"""What is known of a cluster; what could not be read is an `Untold` in its place, with the right that is missing."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Literal, TypeAlias

from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.preflight.needs import Ask, ObjectNeed, Tree

__all__ = [
    "Claim",
    "ClusterFacts",
    "ClusterService",
    "Controller",
    "Gateway",
    "Limits",
    "Listener",
    "Misfit",
    "Namespace",
    "Node",
    "OpenShift",
    "Owner",
    "Quota",
    "Scc",
    "Secret",
    "Taint",
    "Untold",
]


@frozen
class Untold:
    """A fact that could not be read."""

    verb: str = ""
    """The right that is missing; empty where something else stood in the way."""
    resource: str = ""
    why: str = ""

    def __str__(self) -> str:
        """`not allowed: list nodes`."""
        return f"not allowed: {self.verb} {self.resource}" if self.verb else self.why or "it was not asked"


NOT_ASKED = Untold(why="it was not asked")


@frozen
class Namespace:
    """A namespace."""

    phase: str
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])


@frozen
class Taint:
    """What keeps pods away from a node."""

    key: str
    effect: str
    value: str = ""

    def __str__(self) -> str:
        """As kubectl writes it."""
        return f"{self.key}{'=' + self.value if self.value else ''}:{self.effect}"


@frozen(kw_only=True)
class Node:
    """A node."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    allocatable: Mapping[str, float] = field(default_factory=dict[str, float])
    taints: tuple[Taint, ...] = ()
    is_ready: bool = True
    is_schedulable: bool = True
    families: frozenset[str] = frozenset()
    """`ipv4`, `ipv6`: of its pods' addresses, where the node says it."""


@frozen(kw_only=True)
class Claim:
    """A PersistentVolumeClaim, and where its volume can be reached."""

    phase: str
    access_modes: tuple[str, ...] = ()
    size_bytes: float = 0.0
    volume: str = ""
    node_affinity: Tree | Untold | None = None
    """Of the volume, as Kubernetes has it; None: it is reached from everywhere."""


@frozen
class Secret:
    """A Secret without its values."""

    type: str
    keys: frozenset[str]


@frozen
class Quota:
    """A ResourceQuota: by its own names of resources."""

    name: str
    hard: Mapping[str, float]
    used: Mapping[str, float]
    is_scoped: bool = False


@frozen
class Limits:
    """One entry of a LimitRange."""

    name: str
    kind: str
    """Container, Pod or PersistentVolumeClaim."""
    most: Mapping[str, float] = field(default_factory=dict[str, float])
    least: Mapping[str, float] = field(default_factory=dict[str, float])
    defaults: frozenset[str] = frozenset()
    """`requests.cpu`, `limits.memory` ...: what containers get that do not say it."""


@frozen
class Owner:
    """Whose an object is that is there already."""

    managed_by: str = ""
    instance: str = ""
    controller: str = ""
    """Kind and name of the object that made it."""
    is_ending: bool = False
    keeper: str = ""
    """Argo CD or Flux."""
    is_shared: bool = False
    """Whether every deployment of the namespace that needs it writes it alike."""


@frozen(kw_only=True)
class Controller:
    """A Deployment that may be an operator's."""

    namespace: str
    name: str
    images: tuple[str, ...] = ()
    ready: int = 0


@frozen
class Scc:
    """A SecurityContextConstraints of OpenShift."""

    name: str
    priority: int
    users: frozenset[str]
    groups: frozenset[str]
    run_as: str = ""
    """Strategy for the user: MustRunAsRange, MustRunAs, MustRunAsNonRoot, RunAsAny."""
    capabilities: frozenset[str] = frozenset()
    """Allowed to be added; `*`: all."""
    volumes: frozenset[str] = frozenset()
    host: frozenset[str] = frozenset()
    """hostNetwork, hostPID, hostIPC, hostPorts, privileged, escalation: what it allows."""


@frozen(kw_only=True)
class OpenShift:
    """What only OpenShift has."""

    version: str | Untold = NOT_ASKED
    sccs: tuple[Scc, ...] | Untold = NOT_ASKED
    by_roles: frozenset[str] = frozenset()
    """SCCs that the pods' account may use by a role, as far as that could be asked."""
    releases: Mapping[str, str] | Untold = NOT_ASKED
    """Of installed operators: name of the ClusterServiceVersion without its version -> version and phase."""
    kserve: str | Untold | None = NOT_ASKED
    """managementState of kserve in the DataScienceCluster; None: there is none."""


@frozen(kw_only=True)
class ClusterService:
    """A ClusterPolicy, NicClusterPolicy or the like: an operator's own word on its state."""

    kind: str
    name: str
    state: str


@frozen(kw_only=True)
class Listener:
    """A port of a Gateway, and whose routes it takes."""

    name: str
    protocol: str = "HTTP"
    host: str = ""
    """`*.example.com` or a whole name; empty: all."""
    kinds: frozenset[str] = frozenset()
    """Of routes that it takes; empty: those of its protocol."""
    takes_from: str = "Same"
    """Same, All or Selector: of namespaces."""
    selector: Tree = field(default_factory=dict[str, "object"])


@frozen(kw_only=True)
class Gateway:
    """A Gateway: where routes from outside begin."""

    listeners: tuple[Listener, ...] = ()
    hindrance: str = ""
    """What its controller says against it; empty: it says that all is well, or nothing."""
    is_taken: bool = True
    """Whether a controller has said anything of it."""


@frozen
class Misfit:
    """Something in an object that the server's own definition of its kind does not take."""

    wanted: ObjectNeed
    problem: Literal["unknown", "missing", "choice", "type", "limit"]
    path: str
    value: str = ""
    """As it may be shown."""
    allowed: tuple[str, ...] = ()


Rights: TypeAlias = "Mapping[Ask, bool]"


@frozen(kw_only=True)
class ClusterFacts:
    """One cluster at one moment."""

    context: str = ""
    url: str = ""
    version: str = ""
    """`v1.34.1`."""
    kinds: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict["tuple[str, str]", "tuple[str, ...]"])
    """Group and kind -> versions that are served."""
    rights: Rights | Untold = NOT_ASKED
    namespace: Namespace | Untold | None = NOT_ASKED
    nodes: tuple[Node, ...] | Untold = NOT_ASKED
    used: Mapping[str, Mapping[str, float]] | Untold = NOT_ASKED
    """By node: what pods of others have asked for there."""
    looked_at: frozenset[str] | None = None
    """Nodes whose pods were read, if these were enough to find room; None: all."""
    own: Mapping[str, float] = field(default_factory=dict[str, float])
    """What pods of this very deployment take already, under the names that quotas have: `requests.cpu`, `pods`."""
    own_by_node: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, "Mapping[str, float]"])
    """The same by node, under the names of resources."""
    claims: Mapping[str, Claim | Untold | None] = field(default_factory=dict[str, "Claim | Untold | None"])
    storage_classes: Mapping[str, bool] | Untold = NOT_ASKED
    """Name -> whether it is the default."""
    quotas: tuple[Quota, ...] | Untold = NOT_ASKED
    limits: tuple[Limits, ...] | Untold = NOT_ASKED
    priority_classes: frozenset[str] | Untold = NOT_ASKED
    secrets: Mapping[str, Secret | Untold | None] = field(default_factory=dict[str, "Secret | Untold | None"])
    service_accounts: Mapping[str, bool | Untold] = field(default_factory=dict[str, "bool | Untold"])
    networks: Mapping[tuple[str, str], bool | Untold] = field(default_factory=dict["tuple[str, str]", "bool | Untold"])
    present: Mapping[ObjectNeed, Owner | Untold | None] = field(
        default_factory=dict["ObjectNeed", "Owner | Untold | None"]
    )
    """Objects that would be written, or made by controllers, as they are there now."""
    gateways: Mapping[tuple[str, str], Gateway | Untold | None] = field(
        default_factory=dict["tuple[str, str]", "Gateway | Untold | None"]
    )
    ingress_classes: Mapping[str, bool] | Untold = NOT_ASKED
    """Name -> whether it is the default."""
    misfits: Mapping[str, tuple[Misfit, ...] | Untold] = field(default_factory=dict[str, "tuple[Misfit, ...] | Untold"])
    """By API version: what its definitions say against objects that would be written."""
    controllers: tuple[Controller, ...] | Untold = NOT_ASKED
    services: tuple[ClusterService, ...] | Untold = ()
    openshift: OpenShift | None = None
