"""A deployment before it is rendered: recipe, plan, group and how each member is started.

Texts such as `$(LWS_LEADER_ADDRESS)` are filled in where a member starts, by Kubernetes or by the local supervisor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.group import Group
    from shardwright.core.plan.types import Plan
    from shardwright.core.recipe import Recipe
    from shardwright.core.recipe.model import KeyRef

__all__ = ["Deployment", "Launch", "LaunchOrder", "Port", "Probe", "Variable", "Wiring"]


@frozen
class Wiring:
    """How a target names what is known only where a member starts."""

    leader_address: str
    member_index: str
    """Index of the member in its group, the leader's is 0."""
    own_address: str
    model: str
    """What the engine is given as model: an identifier of the hub or a path in the container."""
    serve_port: str
    group_port: str
    """Where the members meet."""
    interface: str = ""
    """Interface between the members; empty: the engine's choice."""
    cache_dir: str = ""
    """Where the hub's files are kept; empty: its default."""
    draft: str = ""
    """What the engine is given as draft model, as `model`; empty without one."""
    ray_port: str = ""
    """Where members meet that start Ray themselves, the head in the leader; empty: the platform starts Ray and runs the
    leader inside it. Of no meaning to an executor without Ray."""
    listen_address: str = ""
    """Address on which the leader serves; empty: all of its interfaces."""
    also_served: str = ""
    """Name under which the platform itself asks for the model, served besides the recipe's own; empty: none."""


@frozen
class Variable:
    """One environment variable: a text or one key of a Secret."""

    name: str
    value: str | KeyRef


@frozen
class Port:
    """A port that a member opens."""

    name: str
    number: str


@frozen
class Probe:
    """How to ask a member over HTTP whether it serves."""

    path: str
    port: str
    startup_budget_seconds: int
    """How long it may take from its start to its first answer."""


@frozen
class Launch:
    """How one member is started."""

    role: Literal["leader", "worker"]
    argv: tuple[str, ...]
    """Program and arguments; empty for a member that the platform starts."""
    environment: tuple[Variable, ...]
    ports: tuple[Port, ...]
    probe: Probe | None
    """None for members that answer no requests."""
    rank_pattern: str
    """Regular expression on names of processes; its first group is the rank."""
    image: str = ""
    """The engine's own container image of the planned version."""


@frozen
class LaunchOrder:
    """What an engine is told to start; `role` decides, all other members are alike."""

    plan: Plan
    role: Literal["leader", "worker"]
    wiring: Wiring


@frozen
class Deployment:
    """All that a target needs to write its manifests."""

    recipe: Recipe
    plan: Plan
    group: Group
    leader: Launch
    worker: Launch | None
    """None for a group of one."""
    image: str
    recipe_digest: str
    """SHA-256 of the recipe in canonical form."""
