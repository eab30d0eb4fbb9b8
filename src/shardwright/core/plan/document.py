"""A plan as plain JSON values: the keys are an interface, so they never vanish.

What a later step fills is there and null, with a reason beside it. Bytes, seconds and tokens are numbers with the unit in
the name. Source of the keys: docs/design (JSON is an interface).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.plan.types import Infeasible
from shardwright.core.rules.document import finding_document

if TYPE_CHECKING:
    from shardwright.core.layout import Layout, Rank
    from shardwright.core.memory import RankMemory
    from shardwright.core.plan.types import Alternative, EngineChoice, Plan

__all__ = ["plan_document"]

_NO_SPEED = "speed is not predicted in this version"


def plan_document(plan: Plan | Infeasible) -> dict[str, object]:
    """All keys of a plan, the same whether it fits or not."""
    return _unfit(plan) if isinstance(plan, Infeasible) else _fit(plan)


def _fit(plan: Plan) -> dict[str, object]:
    return {
        "fits": True,
        "kvTokens": plan.pool.tokens,
        "kvTokensLow": plan.pool.tokens_low,
        "kvTokensHigh": plan.pool.tokens_high,
        "maxModelLen": plan.max_model_len,
        "maxConcurrency": round(plan.max_concurrency, 2),
        "evidence": plan.evidence,
        "evidenceReason": plan.evidence_reason,
        "layout": _layout(plan.layout),
        "stages": [{"layers": layers} for layers in plan.layout.stages],
        "ranks": [_rank(plan, *pair) for pair in zip(plan.layout.ranks, plan.ranks, strict=True)],
        "speed": None,
        "speedReason": _NO_SPEED,
        "engine": _engine(plan.engine),
        "alternatives": [_alternative(one) for one in plan.alternatives],
        "reasons": list(plan.reasons),
        "sources": list(plan.sources),
        "findings": [finding_document(finding) for finding in plan.findings],
        "infeasible": None,
    }


def _unfit(plan: Infeasible) -> dict[str, object]:
    changes = [
        {"what": change.what, "cost": change.cost, "kvTokens": change.kv_tokens, "gpus": change.gpus}
        for change in plan.changes
    ]
    return {
        "fits": False,
        "kvTokens": None,
        "kvTokensLow": None,
        "kvTokensHigh": None,
        "maxModelLen": plan.recipe.workload.max_model_len or plan.shape.max_positions,
        "maxConcurrency": None,
        "evidence": None,
        "evidenceReason": "nothing fits",
        "layout": None,
        "stages": [],
        "ranks": [],
        "speed": None,
        "speedReason": "nothing fits",
        "engine": _engine(plan.engine),
        "alternatives": [_alternative(one) for one in plan.alternatives],
        "reasons": list(plan.reasons),
        "sources": [],
        "findings": [finding_document(finding) for finding in plan.findings],
        "infeasible": {"reasons": list(plan.reasons), "changes": changes},
    }


def _layout(layout: Layout) -> dict[str, object]:
    return {
        "tensor": layout.tensor,
        "pipeline": layout.pipeline,
        "data": layout.data,
        "expert": layout.expert,
        "nodes": layout.nodes,
        "gpusPerNode": layout.gpus_per_node,
    }


def _rank(plan: Plan, place: Rank, used: RankMemory) -> dict[str, object]:
    return {
        "rank": used.rank,
        "node": place.node,
        "stage": place.stage,
        "gpu": plan.gpu.name,
        "weightsBytes": used.sum_of("weights"),
        "kvCacheBytes": used.kv_cache_bytes,
        "activationBytes": used.sum_of("activation"),
        "graphBytes": used.sum_of("graphs"),
        "otherBytes": used.sum_of("other"),
        "freeBytes": used.free_bytes,
    }


def _engine(engine: EngineChoice) -> dict[str, object]:
    return {
        "name": engine.name,
        "version": engine.version,
        "runner": engine.runner or None,
        "executor": engine.executor,
        "settings": dict(engine.settings),
    }


def _alternative(one: Alternative) -> dict[str, object]:
    return {"layout": _layout(one.layout), "fits": one.fits, "kvTokens": one.kv_tokens, "reason": one.reason}
