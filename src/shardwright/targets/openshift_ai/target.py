"""The target itself, as the registry knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.targets.openshift_ai import platform, releases, render, rules

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment, Wiring
    from shardwright.core.plugins import Manifest
    from shardwright.core.recipe import Recipe
    from shardwright.core.rules import Finding

__all__ = ["TARGET", "OpenShiftAiTarget"]


class OpenShiftAiTarget:
    """The target `openshift-ai`."""

    kind = "openshift-ai"
    versions = releases.known_versions()

    def wiring(self, recipe: Recipe) -> Wiring:
        """How KServe names addresses, indices and paths."""
        return platform.beneath().wiring(platform.recipe_beneath(recipe))

    def findings(self, deployment: Deployment) -> tuple[Finding, ...]:
        """What the rules of this target and of KServe say."""
        return rules.findings_of(deployment)

    def render(self, deployment: Deployment) -> tuple[Manifest, ...]:
        """Manifests in the order in which they are applied; InputError for a release that is not known."""
        if releases.release_of(deployment.recipe) is None:
            known = ", ".join(self.versions)
            raise errors.InputError(f"target.version is not a known release of OpenShift AI; known: {known}")
        return render.render_deployment(deployment)


TARGET = OpenShiftAiTarget()
