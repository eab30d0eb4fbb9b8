"""How a platform's manifests are rehearsed where no GPU is: what it brings to that by itself, and when it cannot be done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shardwright.core.deployment import Deployment

__all__ = ["Hindrance", "Staging"]

Tree: TypeAlias = "dict[str, Any]"


@frozen
class Hindrance:
    """Why manifests cannot be rehearsed in a cluster."""

    why: str
    """After "cannot be rehearsed in a cluster: "."""
    hint: str = "rehearse on this machine, without --on"


@frozen(kw_only=True)
class Staging:
    """One platform's own part in a rehearsal; targets without one have nothing that only they do."""

    hindrance: Callable[[Deployment], Hindrance | None]
    eased: Callable[[Deployment, Mapping[str, object]], Tree]
    """An object without what its operator would do on top of what stands in its pods: fetch a model, ask for devices,
    open a way in. Takes the planned deployment and the object as rendered; does not change it."""
    left_out: Mapping[str, str]
    """Kinds that are not applied, and why."""
