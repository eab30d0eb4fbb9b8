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
    from shardwright.core.speed import Range, Speed

__all__ = ["plan_document"]


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
        "speed": _speed(plan.speed),
        "speedReason": plan.speed_reason or None,
        "pricePerHour": plan.price_per_hour,
        "engine": _engine(plan.engine),
        "alternatives": [_alternative(one) for one in plan.alternatives],
        "front": [_alternative(one) for one in plan.front],
        "reasons": list(plan.reasons),
        "sources": list(plan.sources),
        "findings": [finding_document(finding) for finding in plan.findings],
        "infeasible": None,
    }


def _unfit(plan: Infeasible) -> dict[str, object]:
    changes = [
        {
            "what": change.what,
            "cost": change.cost,
            "kvTokens": change.kv_tokens,
            "gpus": change.gpus,
            "pricePerHour": change.price_per_hour,
        }
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
        "pricePerHour": None,
        "engine": _engine(plan.engine),
        "alternatives": [_alternative(one) for one in plan.alternatives],
        "front": [],
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
        "gpu": plan.gpu_of(place).name,
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
    return {
        "layout": _layout(one.layout),
        "stages": [{"layers": layers} for layers in one.layout.stages],
        "gpus": list(dict.fromkeys(gpu.name for gpu in one.gpus)),
        "fits": one.fits,
        "kvTokens": one.kv_tokens,
        "rule": one.rule,
        "reason": one.reason,
        "speed": _speed(one.speed),
        "pricePerHour": one.price_per_hour,
    }


def _speed(speed: Speed | None) -> dict[str, object] | None:
    if speed is None:
        return None
    return {
        "timeToFirstTokenSeconds": _range(speed.time_to_first_token_seconds),
        "interTokenSeconds": _range(speed.inter_token_seconds),
        "outputTokensPerSecond": _range(speed.output_tokens_per_second),
        "batchSeconds": _range(speed.batch_seconds),
        "assumptions": list(speed.assumptions),
    }


def _range(figure: Range) -> dict[str, float]:
    return {"expected": figure.expected, "low": figure.low, "high": figure.high}
