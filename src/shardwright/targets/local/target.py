"""The target itself, as the registry knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.targets.local import render, rules, wiring

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment, Wiring
    from shardwright.core.plugins import Manifest
    from shardwright.core.recipe import Recipe
    from shardwright.core.rules import Finding

__all__ = ["TARGET", "LocalTarget"]


class LocalTarget:
    """The target `local`."""

    kind = "local"
    versions = ("1",)

    def wiring(self, recipe: Recipe) -> Wiring:
        """Placeholders for what is known only on a host."""
        return wiring.wiring_of(recipe)

    def findings(self, deployment: Deployment) -> tuple[Finding, ...]:
        """What the rules of this target say."""
        return rules.findings_of(deployment)

    def render(self, deployment: Deployment) -> tuple[Manifest, ...]:
        """One LocalGroup; where the engine is installed is left open."""
        return (render.render_deployment(deployment),)


TARGET = LocalTarget()
