"""The decision: a recipe, a model, a cluster and an engine in; a plan, or why there is none, out."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.core import memory
from shardwright.core.hardware import Cluster
from shardwright.core.plan import alternatives, changes, choose, explain, objectives, search, warnings
from shardwright.core.plan.types import EngineChoice, Infeasible, Plan
from shardwright.core.plan.version import resolve_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shardwright.core.calibration import Calibration
    from shardwright.core.memory import Demand
    from shardwright.core.plan.choose import Choice
    from shardwright.core.plan.search import Ask, Candidate, Trial
    from shardwright.core.plugins import Engine
    from shardwright.core.recipe import Recipe
    from shardwright.core.shape.base import ModelShape

__all__ = ["plan"]


def plan(  # noqa: PLR0913 - each is something that the plan depends on
    recipe: Recipe,
    shape: ModelShape,
    cluster: Cluster,
    engine: Engine,
    version: str | None = None,
    *,
    draft: ModelShape | None = None,
    calibrations: Sequence[Calibration] = (),
    with_front: bool = False,
) -> Plan | Infeasible:
    """The layout for this recipe with memory rank by rank, or why nothing fits and what would.

    `version` overrides the recipe's, for a rehearsal with another one; `draft` is the model that guesses tokens;
    `calibrations` are what engines printed of earlier starts;
    `with_front` also looks for the layouts than which none is better in every respect. InputError for a version that cannot
    be read, a GPU of unknown memory, a price that is missing.
    """
    resolved = resolve_version(version or recipe.engine.version, engine.versions)
    ask = search.Ask(recipe, shape, cluster, engine, resolved, draft, calibrations)
    choice = choose.choose(ask)
    if choice.chosen is None:
        return _infeasible(ask, choice)
    return _plan(ask, choice, with_front=with_front)


def _infeasible(ask: Ask, choice: Choice) -> Infeasible:
    reasons = explain.refusal_reasons(choice)
    return Infeasible(
        recipe=ask.recipe,
        shape=ask.shape,
        cluster=ask.cluster,
        engine=_engine_choice(ask, next((trial.demand for trial in choice.tried if trial.demand), None)),
        reasons=reasons,
        changes=changes.find_changes(ask, choice.tried),
        alternatives=alternatives.of(ask, choice),
    )


def _engine_choice(ask: Ask, demand: Demand | None) -> EngineChoice:
    return EngineChoice(
        name=ask.engine.name,
        version=ask.version.version,
        runner=demand.runner if demand else "",
        executor=ask.recipe.engine.executor or "mp",
        settings=demand.settings if demand else (),
    )


def _plan(ask: Ask, choice: Choice, *, with_front: bool) -> Plan:
    chosen = choice.chosen
    if chosen is None or chosen.candidate is None or chosen.demand is None or chosen.pool is None:
        raise ValueError("a trial that fits has a layout, a demand and a pool")
    candidate, demand, pool = chosen.candidate, chosen.demand, chosen.pool
    return Plan(
        recipe=ask.recipe,
        shape=ask.shape,
        cluster=_used(ask, candidate),
        gpus=candidate.gpus,
        engine=_engine_choice(ask, demand),
        layout=candidate.layout,
        ranks=memory.settle(demand, pool.blocks),
        pool=pool,
        max_model_len=demand.request_tokens,
        evidence=demand.evidence,
        evidence_reason=demand.evidence_reason,
        reasons=explain.plan_reasons(ask, choice, chosen),
        findings=warnings.plan_findings(ask, choice, chosen),
        alternatives=alternatives.of(ask, choice),
        sources=_sources(demand, chosen),
        speed=chosen.speed,
        speed_reason=chosen.speed_reason,
        price_per_hour=objectives.price_of(ask.recipe, candidate.counts),
        front=alternatives.front(ask, choice) if with_front else (),
        ledger=demand.ranks,
        block_tokens=pool.tokens / pool.blocks if pool.blocks else 0.0,
    )


def _sources(demand: Demand, chosen: Trial) -> tuple[str, ...]:
    pace = (demand.pace.source,) if demand.pace and chosen.speed else ()
    gpus = (
        tuple(f"{gpu.name}: {gpu.source}" for gpu, _ in chosen.candidate.counts if gpu.source)
        if chosen.candidate
        else ()
    )
    return tuple(dict.fromkeys((*demand.sources, *pace, *gpus)))


def _used(ask: Ask, candidate: Candidate) -> Cluster:
    """The nodes of the plan: of several kinds those that are used, of one kind at least as many as the recipe names."""
    if candidate.is_mixed:
        return Cluster(candidate.pools)
    named = ask.recipe.hardware.nodes
    there = 0 if named == "auto" or ask.recipe.hardware.pools else named
    return Cluster((dataclasses.replace(candidate.pool, nodes=max(candidate.layout.nodes, there)),))
