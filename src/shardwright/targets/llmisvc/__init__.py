"""KServe's LLMInferenceService and LLMInferenceServiceConfig.

Knows what each release from 0.16 to 0.20 accepts, refuses and makes of them. Knows no engine: how a member is started
comes with the deployment. Source of what rendering depends on: `facts.toml`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.targets.llmisvc import releases, render, rules, wiring

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment, Wiring
    from shardwright.core.plugins import Manifest
    from shardwright.core.recipe import Recipe
    from shardwright.core.rules import Finding

__all__ = ["TARGET", "LlmisvcTarget"]


class LlmisvcTarget:
    """The target `llmisvc`."""

    kind = "llmisvc"
    versions = releases.known_versions()

    def wiring(self, recipe: Recipe) -> Wiring:
        """How an LLMInferenceService names addresses, indices and paths."""
        return wiring.wiring_of(recipe)

    def findings(self, deployment: Deployment) -> tuple[Finding, ...]:
        """What the rules of this target say."""
        return rules.findings_of(deployment)

    def render(self, deployment: Deployment) -> tuple[Manifest, ...]:
        """Manifests in the order in which they are applied; InputError for a release that is not known."""
        release = releases.release_of(deployment.recipe)
        if release is None:
            known = ", ".join(self.versions)
            raise errors.InputError(f"target.version is not a known release of LLMInferenceService; known: {known}")
        return render.render_deployment(deployment, release)


TARGET = LlmisvcTarget()
