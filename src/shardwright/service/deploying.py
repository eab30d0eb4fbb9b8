"""Use case: a plan becomes a deployment, the one value that every target renders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright import errors, registry
from shardwright.core.deployment import Deployment, LaunchOrder
from shardwright.core.group import group_of
from shardwright.core.recipe.canonical import recipe_digest

if TYPE_CHECKING:
    from shardwright.core.plan.types import Plan
    from shardwright.core.plugins import Target

__all__ = ["deployment_of", "target_of"]


def target_of(plan: Plan) -> Target:
    """The target that a plan's recipe names; InputError if it names none or one that cannot be used yet."""
    target = plan.recipe.target
    if target is None:
        raise errors.InputError(
            "target.kind is missing: rendering needs a platform",
            hint="add target: {kind: lws}, or use --target lws; with -f: --set target.kind=lws",
        )
    return registry.load_target(target.kind)


def deployment_of(plan: Plan, target: Target) -> Deployment:
    """Group the ranks, let the engine say how members start on that target, and put all of it together."""
    recipe = plan.recipe
    engine = registry.load_engine(plan.engine.name)
    wiring = target.wiring(recipe)
    group = group_of(plan.layout)
    leader = engine.launch(LaunchOrder(plan, "leader", wiring))
    return Deployment(
        recipe=recipe,
        plan=plan,
        group=group,
        leader=leader,
        worker=engine.launch(LaunchOrder(plan, "worker", wiring)) if group.size > 1 else None,
        image=recipe.engine.image or leader.image,
        recipe_digest=recipe_digest(recipe),
    )
