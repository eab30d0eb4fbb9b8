"""Deployments for tests of the target kserve, started as the real engine says."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, cast

from shardwright.core.plan.types import EngineChoice
from shardwright.service import deploying
from shardwright.targets.kserve.target import TARGET
from shardwright.testing import builders

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment
    from shardwright.core.layout import Layout
    from shardwright.core.rules import Finding

__all__ = ["CLAIM", "bodies", "deployed", "errors_of", "found"]

CLAIM = {"claim": "models"}


def deployed(layout: Layout | None = None, **overrides: object) -> Deployment:
    """Llama-3-8B for KServe 0.19 in a claim, TP1 x PP2 on two nodes unless another layout is given."""
    target = {"kind": "kserve", "version": "0.19", **_fields(overrides.pop("target", {}))}
    recipe = builders.recipe(target=target, **{"storage": CLAIM, **overrides})
    plan = builders.plan(recipe, layout=layout or builders.layout())
    engine = EngineChoice(recipe.engine.name, "0.24.0", "v2", recipe.engine.executor or "mp", plan.engine.settings)
    return deploying.deployment_of(dataclasses.replace(plan, engine=engine), TARGET)


def bodies(made: Deployment) -> dict[str, Any]:
    """What is rendered, by kind."""
    return {manifest.kind: manifest.body for manifest in TARGET.render(made)}


def found(layout: Layout | None = None, **overrides: object) -> dict[str, Finding]:
    """Findings by rule."""
    return {finding.id: finding for finding in TARGET.findings(deployed(layout, **overrides))}


def errors_of(layout: Layout | None = None, **overrides: object) -> set[str]:
    """Rules that stop rendering."""
    return {finding.id for finding in found(layout, **overrides).values() if finding.severity == "error"}


def _fields(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return {str(key): entry for key, entry in cast("dict[object, object]", value).items()}
