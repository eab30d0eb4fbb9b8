"""A target whose manifests differ between releases of its platform: what such targets do alike.

Each brings its own functions; a release that is not known is refused in one place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from shardwright import errors
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from shardwright.core.deployment import Deployment, Wiring
    from shardwright.core.plugins import Manifest
    from shardwright.core.recipe import Recipe
    from shardwright.core.rules import Finding

__all__ = ["ReleasedTarget"]

_Release = TypeVar("_Release")


@frozen
class ReleasedTarget(Generic[_Release]):
    """One target, made of its functions."""

    kind: str
    product: str
    """As people call the platform."""
    versions: tuple[str, ...]
    """Releases that are known, oldest first."""
    wiring_of: Callable[[Recipe], Wiring]
    findings_of: Callable[[Deployment], tuple[Finding, ...]]
    release_of: Callable[[Recipe], _Release | None]
    """The release that a recipe is written for; None for one that is not known."""
    render_deployment: Callable[[Deployment, _Release], tuple[Manifest, ...]]

    def wiring(self, recipe: Recipe) -> Wiring:
        """How this platform names addresses, indices and paths."""
        return self.wiring_of(recipe)

    def findings(self, deployment: Deployment) -> tuple[Finding, ...]:
        """What the rules of this target say."""
        return self.findings_of(deployment)

    def render(self, deployment: Deployment) -> tuple[Manifest, ...]:
        """Manifests in the order in which they are applied; InputError for a release that is not known."""
        release = self.release_of(deployment.recipe)
        if release is None:
            known = ", ".join(self.versions)
            raise errors.InputError(f"target.version is not a known release of {self.product}; known: {known}")
        return self.render_deployment(deployment, release)
