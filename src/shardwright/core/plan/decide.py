"""The decision: a recipe, a model, a cluster and an engine in; a plan, or why there is none, out."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

from shardwright.core import memory
from shardwright.core.hardware import Cluster
from shardwright.core.plan import changes, explain, search, warnings
from shardwright.core.plan.types import Alternative, EngineChoice, Infeasible, Plan
from shardwright.core.plan.version import resolve_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shardwright.core.memory import Demand
    from shardwright.core.plan.search import Ask, Trial
    from shardwright.core.plugins import Engine
    from shardwright.core.recipe import Recipe
    from shardwright.core.shape.base import ModelShape

__all__ = ["plan"]

_MOST_ALTERNATIVES = 8
_MORE_FITTING = 3


def plan(
    recipe: Recipe,
    shape: ModelShape,
    cluster: Cluster,
    engine: Engine,
    version: str | None = None,
    *,
    unused_fields: Sequence[str] = (),
) -> Plan | Infeasible:
    """The layout for this recipe with memory rank by rank, or why nothing fits and what would.

    `version` overrides the recipe's, for a rehearsal with another one; `unused_fields` are fields of the recipe that no
    step uses yet, as paths. InputError for a version that cannot be read and for a GPU of unknown memory.
    """
    resolved = resolve_version(version or recipe.engine.version, engine.versions)
    ask = search.Ask(recipe, shape, cluster, engine, resolved)
    chosen, tried = search.first_fit(ask)
    if chosen is None:
        return Infeasible(
            recipe=recipe,
            shape=shape,
            cluster=cluster,
            engine=_engine_choice(ask, next((trial.demand for trial in tried if trial.demand), None)),
            reasons=explain.refusal_reasons(tried),
            changes=changes.find_changes(ask, tried),
            alternatives=tuple(_alternatives(ask, None, tried)),
        )
    return _plan(ask, chosen, tried, unused_fields)


def _engine_choice(ask: Ask, demand: Demand | None) -> EngineChoice:
    return EngineChoice(
        name=ask.engine.name,
        version=ask.version.version,
        runner=demand.runner if demand else "",
        executor=ask.recipe.engine.executor or "mp",
        settings=demand.settings if demand else (),
    )


def _plan(ask: Ask, chosen: Trial, tried: Sequence[Trial], unused_fields: Sequence[str]) -> Plan:
    candidate, demand, pool = chosen.candidate, chosen.demand, chosen.pool
    if candidate is None or demand is None or pool is None:
        raise ValueError("a trial that fits has a layout, a demand and a pool")
    used = dataclasses.replace(candidate.pool, nodes=max(candidate.layout.nodes, _nodes_there(ask)))
    return Plan(
        recipe=ask.recipe,
        shape=ask.shape,
        cluster=Cluster((used,)),
        gpus=(candidate.pool.gpu,),
        engine=_engine_choice(ask, demand),
        layout=candidate.layout,
        ranks=memory.settle(demand, pool.blocks),
        pool=pool,
        max_model_len=demand.request_tokens,
        evidence=demand.evidence,
        evidence_reason=demand.evidence_reason,
        reasons=explain.plan_reasons(ask, chosen, tried),
        findings=warnings.plan_findings(ask, chosen, unused_fields),
        alternatives=tuple(_alternatives(ask, chosen, tried)),
        sources=demand.sources,
    )


def _nodes_there(ask: Ask) -> int:
    """Nodes that the recipe names; with `auto` only those that are used count."""
    nodes = ask.recipe.hardware.nodes
    return 0 if nodes == "auto" else nodes


def _alternatives(ask: Ask, chosen: Trial | None, tried: Sequence[Trial]) -> Iterator[Alternative]:
    """What was looked at and not taken: the unfit ones nearest to the choice, then the next that fit."""
    unfit = [trial for trial in tried if trial is not chosen and trial.candidate is not None]
    for trial in unfit[-_MOST_ALTERNATIVES + _MORE_FITTING :]:
        if trial.candidate is not None:
            yield Alternative(trial.candidate.layout, fits=False, kv_tokens=trial.tokens, reason=explain.why_not(trial))
    if chosen is not None and not ask.is_pinned:
        yield from itertools.islice(_next_fitting(ask, chosen, len(tried)), _MORE_FITTING)


def _next_fitting(ask: Ask, chosen: Trial, done: int) -> Iterator[Alternative]:
    if chosen.candidate is None:
        return
    best = chosen.candidate.layout
    for candidate in itertools.islice(search.candidates(ask), done, done + 4 * _MORE_FITTING):
        trial = search.try_candidate(ask, candidate)
        if trial.fits:
            layout = candidate.layout
            reason = (
                f"takes {layout.world_size} GPUs; {best.world_size} are enough"
                if layout.world_size > best.world_size
                else f"as many GPUs, but {'more nodes' if layout.nodes > best.nodes else 'a longer pipeline'}"
            )
            yield Alternative(layout, fits=True, kv_tokens=trial.tokens, reason=reason)
