"""KubeRay, releases 1.1 to 1.7: Ray clusters of pods, made by an operator, that a group of the engine's ranks runs in.

Knows the API and the operator, the names it gives, what it does to pods, and what each release accepts. Knows no engine:
how its server is started comes with the deployment. Source of its facts: `facts.toml` and `fields.toml`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.targets.kuberay import releases, render, rules, wiring

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment, Wiring
    from shardwright.core.plugins import Manifest
    from shardwright.core.recipe import Recipe
    from shardwright.core.rules import Finding

__all__ = ["TARGET", "KubeRayTarget"]


class KubeRayTarget:
    """The target `kuberay`."""

    kind = "kuberay"
    versions = releases.known_versions()

    def wiring(self, recipe: Recipe) -> Wiring:
        """How KubeRay names addresses, ports and paths."""
        return wiring.wiring_of(recipe)

    def findings(self, deployment: Deployment) -> tuple[Finding, ...]:
        """What the rules of this target say."""
        return rules.findings_of(deployment)

    def render(self, deployment: Deployment) -> tuple[Manifest, ...]:
        """Manifests in the order in which they are applied; InputError for a release that is not known."""
        release = releases.release_of(deployment.recipe)
        if release is None:
            known = ", ".join(self.versions)
            raise errors.InputError(f"target.version is not a known release of KubeRay; known: {known}")
        return render.render_deployment(deployment, release)


TARGET = KubeRayTarget()
