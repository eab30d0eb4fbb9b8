"""What starting an engine has in common, whichever it is: the recipe's own variables, and how long a start may take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shardwright.core.deployment import Variable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from shardwright.core.plan.types import Plan

__all__ = ["environment_of", "startup_seconds"]


def environment_of(plan: Plan, ours: Iterable[Variable]) -> Iterator[Variable]:
    """Ours first, then the recipe's; what the recipe sets replaces ours."""
    given = plan.recipe.engine.env
    yield from (variable for variable in ours if variable.name not in given)
    yield from (Variable(name, value) for name, value in given.items())


def startup_seconds(plan: Plan, known: Mapping[str, Any]) -> int:
    """How long the first answer may take: weights of the fullest node over a slow volume, and the rest; never below a floor.

    `known` is the engine's: `load_bytes_per_second`, `rest_seconds`, `least_one_node` and `least_many_nodes` (seconds).
    """
    held = [0] * plan.layout.nodes
    for place, rank in zip(plan.layout.ranks, plan.ranks, strict=True):
        held[place.node] += rank.sum_of("weights")
    floor = known["least_many_nodes"] if plan.layout.nodes > 1 else known["least_one_node"]
    return max(floor, round(max(held) / known["load_bytes_per_second"]) + known["rest_seconds"])
