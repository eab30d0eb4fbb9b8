"""Use case: a recipe becomes a plan, or the reasons why none fits."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright import errors, models, registry
from shardwright.core.plan import plan
from shardwright.core.recipe.later import later_fields
from shardwright.core.rules import Finding
from shardwright.service import hardware

if TYPE_CHECKING:
    from shardwright.core.plan.types import Infeasible, Plan
    from shardwright.core.recipe import Recipe
    from shardwright.core.shape import ModelShape
    from shardwright.service.recipes import LoadedRecipe
    from shardwright.settings import HubSettings

__all__ = ["plan_loaded", "plan_recipe", "plan_shape", "shape_of_recipe"]


def shape_of_recipe(recipe: Recipe, settings: HubSettings) -> ModelShape:
    """The shape of a recipe's model, read from where the recipe says."""
    model = recipe.model
    return models.load_shape(model.shape or model.source, revision=model.revision, settings=settings)


def plan_loaded(loaded: LoadedRecipe, settings: HubSettings) -> Plan | Infeasible:
    """As `plan_recipe`; faults that only the engine finds are placed where they are written."""
    try:
        return plan_recipe(loaded.recipe, settings)
    except errors.RecipeError as error:
        raise errors.RecipeError(tuple(loaded.placed(fault) for fault in error.faults)) from error


def plan_recipe(recipe: Recipe, settings: HubSettings) -> Plan | Infeasible:
    """Read the model's shape, look the hardware up, ask the engine, choose a layout."""
    return plan_shape(recipe, shape_of_recipe(recipe, settings))


def plan_shape(recipe: Recipe, shape: ModelShape) -> Plan | Infeasible:
    """The same with the model's shape at hand."""
    engine = registry.load_engine(recipe.engine.name)
    cluster = hardware.cluster_of(recipe.hardware)
    made = plan(recipe, shape, cluster, engine, unused_fields=later_fields(recipe))
    return dataclasses.replace(made, findings=(*made.findings, *_target_findings(recipe)))


def _target_findings(recipe: Recipe) -> tuple[Finding, ...]:
    """A platform that recipes may name before it can be rendered."""
    kind = recipe.target.kind if recipe.target else ""
    if not kind or registry.TARGETS[kind]:
        return ()
    usable = ", ".join(name for name, place in registry.TARGETS.items() if place)
    return (
        Finding(
            "target.not-yet",
            "warn",
            "info",
            f"target {kind} can be planned for, but not rendered in this version",
            fix=f"render for one of: {usable}",
            path="target.kind",
            value=kind,
        ),
    )
