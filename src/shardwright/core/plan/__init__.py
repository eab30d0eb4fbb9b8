"""Planning: place, count, choose, explain.

`plan(recipe, shape, cluster, engine, version)` is the decision; its result is a `Plan` or an `Infeasible`, both values.
"""

from shardwright.core.plan.decide import plan
from shardwright.core.plan.document import plan_document
from shardwright.core.plan.types import Infeasible, Plan

__all__ = ["Infeasible", "Plan", "plan", "plan_document"]
