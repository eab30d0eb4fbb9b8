"""The target itself, as the registry knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.targets.kubernetes_plain import releases, render, rules, wiring

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment, Wiring
    from shardwright.core.plugins import Manifest
    from shardwright.core.recipe import Recipe
    from shardwright.core.rules import Finding

__all__ = ["TARGET", "KubernetesTarget"]


class KubernetesTarget:
    """The target `kubernetes`."""

    kind = "kubernetes"
    versions = releases.known_versions()

    def wiring(self, recipe: Recipe) -> Wiring:
        """How a pod that is alone names addresses and paths."""
        return wiring.wiring_of(recipe)

    def findings(self, deployment: Deployment) -> tuple[Finding, ...]:
        """What the rules of this target say."""
        return rules.findings_of(deployment)

    def render(self, deployment: Deployment) -> tuple[Manifest, ...]:
        """Manifests in the order in which they are applied; InputError for a plan of several nodes."""
        if deployment.group.size > 1:
            raise errors.InputError(
                f"{deployment.plan.layout} cannot be rendered as a Deployment, whose pods form no group",
                hint="use target.kind: lws, kuberay or llmisvc",
            )
        return render.render_deployment(deployment)


TARGET = KubernetesTarget()
