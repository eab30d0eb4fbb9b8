"""Use case: a recipe becomes a plan, or the reasons why none fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright import models, registry
from shardwright.core.plan import plan
from shardwright.service import hardware

if TYPE_CHECKING:
    from shardwright.core.plan.types import Infeasible, Plan
    from shardwright.core.recipe import Recipe
    from shardwright.settings import Settings

__all__ = ["plan_recipe"]


def plan_recipe(recipe: Recipe, settings: Settings) -> Plan | Infeasible:
    """Read the model's shape, look the hardware up, ask the engine, choose a layout."""
    engine = registry.load_engine(recipe.engine.name)
    cluster = hardware.cluster_of(recipe.hardware)
    shape = models.load_shape(recipe.model.source, revision=recipe.model.revision, settings=settings)
    return plan(recipe, shape, cluster, engine)
