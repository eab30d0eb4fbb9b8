"""Why a layout was taken, in short sentences with numbers; why none could be."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.core.layout import split_layers
from shardwright.core.plan import objectives, verdicts
from shardwright.core.plan.layouts import node_layouts
from shardwright.core.plan.search import WEIGHTS_RULE
from shardwright.units import format_bytes, format_gib

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shardwright.core.plan.choose import Choice
    from shardwright.core.plan.search import Ask, Trial

__all__ = ["plan_reasons", "refusal_reasons"]

_MOST_REFUSALS = 5


def plan_reasons(ask: Ask, choice: Choice, chosen: Trial) -> tuple[str, ...]:
    """All reasons of a plan that fits."""
    return (
        *_layout_reasons(ask, choice, chosen),
        *_stage_reasons(ask, choice, chosen),
        *_pool_reasons(ask, chosen),
        *_evidence_reasons(ask, chosen),
        *ask.shape.notes,
    )


def _layout_reasons(ask: Ask, choice: Choice, chosen: Trial) -> Iterator[str]:
    layout = chosen.layout
    if ask.is_pinned:
        yield f"{layout} is pinned by the recipe, so it is kept."
        return
    yield _taken(ask, choice, chosen)
    yield from choice.notes
    is_counted = ask.recipe.hardware.nodes == "auto" and layout.nodes > 1
    yield from _fewer_nodes(ask, choice, chosen) if is_counted else _below(ask, choice, chosen)
    if 1 < layout.tensor <= layout.gpus_per_node:
        yield (
            f"TP{layout.tensor} before a longer pipeline: GPUs of one node share the work on every token,"
            f" while stages wait for each other."
        )
    if layout.tensor > layout.gpus_per_node:
        yield f"TP{layout.tensor} spans nodes because no layout with tensor parallelism inside a node fits."
    if chosen.candidate is not None and chosen.candidate.is_mixed:
        yield f"{chosen.candidate.kinds} are used together: no kind alone holds it."


def _taken(ask: Ask, choice: Choice, chosen: Trial) -> str:
    layout, objective = chosen.layout, ask.recipe.workload.objective
    gpus = "1 GPU" if layout.world_size == 1 else f"{layout.world_size} GPUs"
    if objectives.goal_misses(ask, chosen):
        return (
            f"{layout} takes {gpus}: no layout that was looked at keeps the latency goal; this one comes nearest to it."
        )
    goal = " and keep the latency goal" if ask.recipe.workload.latency_goal and chosen.speed else ""
    if objective in {"latency", "throughput"}:
        return f"{layout} takes {gpus}{_sought(ask, chosen)}"
    if choice.notes:
        return f"{layout} takes {gpus}: the fewest that fit{goal}, rounded up to a power of two."
    price = objectives.price_of(ask.recipe, chosen.candidate.counts) if chosen.candidate else None
    if objective == "price" and price is not None and ask.recipe.prices is not None:
        held = "the least that holds the workload" if objectives.holds(ask, chosen) else "the least that starts"
        kept = " and keeps the latency goal" if goal else ""
        return f"{layout} takes {gpus} for {price:g} {ask.recipe.prices.currency} an hour, {held}{kept}."
    enough = "" if objectives.holds(ask, chosen) else "; none holds the whole workload"
    return f"{layout} takes {gpus}, the fewest that fit{goal}{enough}."


def _sought(ask: Ask, chosen: Trial) -> str:
    """What the best figure is; the pessimistic end was compared."""
    speed, objective = chosen.speed, ask.recipe.workload.objective
    if speed is None:
        return f": {objective} cannot be sought ({chosen.speed_reason}), so the fewest that fit are."
    whole, rate = objectives.request_seconds(ask, speed), speed.output_tokens_per_second
    found = (
        f"one request takes {whole.expected:.2f} s, at most {whole.high:.2f} s"
        if objective == "latency"
        else f"{rate.expected:,.0f} tokens/s, at least {rate.low:,.0f}"
    )
    return f" and has the best {objective} of the layouts that were looked at: {found}."


def _below(ask: Ask, choice: Choice, chosen: Trial) -> Iterator[str]:
    """The nearest cheaper one that was not good enough."""
    if ask.recipe.workload.objective in {"latency", "throughput"} or objectives.goal_misses(ask, chosen):
        return
    placed = [trial for trial in choice.tried if trial.candidate is not None]
    # Where an odd number that would do was rounded up, what lies below that number is of interest.
    least = min(_cost(ask, trial) for trial in (chosen, *(one for one in placed if objectives.is_good(ask, one))))
    fewer = [one for one in placed if _cost(ask, one) < least and verdicts.shortcoming(ask, one) is not None]
    # What another refusal rules out anyway says little; of the rest the largest that is still too small says most.
    if fewer:
        nearest = _in_full(choice, max(fewer, key=_nearness))
        yield f"Next below, {_name(nearest)}: {verdicts.why_not(ask, nearest, chosen).message}."


def _cost(ask: Ask, trial: Trial) -> float:
    """GPUs; with the objective `price` what they cost an hour."""
    is_priced = ask.recipe.workload.objective == "price" and trial.candidate is not None
    price = objectives.price_of(ask.recipe, trial.candidate.counts) if is_priced and trial.candidate else None
    return trial.layout.world_size if price is None else price


def _fewer_nodes(ask: Ask, choice: Choice, chosen: Trial) -> Iterator[str]:
    """With `nodes: auto`: the number, and why one fewer does not do."""
    if ask.recipe.hardware.nodes != "auto":
        return
    nodes = chosen.layout.nodes
    yield f"nodes: auto gives {nodes} {'node' if nodes == 1 else 'nodes'} of {chosen.layout.gpus_per_node} GPUs."
    fewer = _on_fewer_nodes(ask, choice, chosen)
    if fewer:
        nearest = _in_full(choice, max(fewer, key=_nearness))
        why = verdicts.why_not(ask, nearest, chosen)
        yield f"{nodes - 1} {'node does' if nodes == 2 else 'nodes do'} not do: {_name(nearest)}: {why.message}."


def _on_fewer_nodes(ask: Ask, choice: Choice, chosen: Trial) -> list[Trial]:
    """Layouts on one node fewer, all its GPUs used; asked about now where the search had no reason to."""
    nodes, candidate = chosen.layout.nodes - 1, chosen.candidate
    if not nodes or candidate is None or candidate.is_mixed:
        return []
    found = node_layouts(
        len(ask.shape.layers),
        candidate.pool.gpus_per_node,
        nodes,
        mixture=ask.shape.mixture is not None,
        remainder=ask.engine.remainder,
    )
    placed = (dataclasses.replace(candidate, layout=layout) for layout in found)
    return [choice.trials.of(one) for one in placed if one.layout.pipeline <= 2 * nodes or nodes == 1]


def _in_full(choice: Choice, trial: Trial) -> Trial:
    """The trial with the engine's numbers, also where its weights alone ruled it out."""
    if trial.demand is not None or trial.candidate is None:
        return trial
    return choice.trials.of(trial.candidate, prune=False)


def _nearness(trial: Trial) -> tuple[bool, int, int, int]:
    """How near a trial comes to fitting: what the engine refuses outright is farthest, then by GPUs, room and TP."""
    layout = trial.candidate.layout if trial.candidate else None
    is_possible = trial.demand is not None or any(refusal.rule == WEIGHTS_RULE for refusal in trial.refusals)
    left = trial.pool.left_bytes if trial.pool else -(1 << 62)
    return (is_possible, layout.world_size if layout else 0, left, layout.tensor if layout else 0)


def _name(trial: Trial) -> str:
    return str(trial.candidate.layout) if trial.candidate else "the pinned layout"


def _stage_reasons(ask: Ask, choice: Choice, chosen: Trial) -> Iterator[str]:
    """Stages that are not the engine's own split."""
    layout = chosen.layout
    own = split_layers(len(ask.shape.layers), layout.pipeline, ask.engine.remainder)
    if layout.stages == own or (ask.recipe.parallelism != "auto" and ask.recipe.parallelism.layer_partition):
        return
    even = next(
        (one for one in choice.tried if one.candidate and one.layout.stages == own and _same(one, chosen)), None
    )
    instead = f"; with the engine's own split it holds {even.tokens:,}" if even and even.fits else ""
    instead = f"; with the engine's own split {verdicts.why_unfit(even).message}" if even and not even.fits else instead
    stages = " + ".join(str(count) for count in layout.stages)
    yield f"Stages of {stages} layers are sized to what each has room for: {chosen.tokens:,} tokens{instead}."


def _same(one: Trial, other: Trial) -> bool:
    first, second = one.layout, other.layout
    return (first.tensor, first.pipeline, first.nodes, first.data) == (
        second.tensor,
        second.pipeline,
        second.nodes,
        second.data,
    ) and (one.candidate is not None and other.candidate is not None and one.candidate.gpus == other.candidate.gpus)


def _pool_reasons(ask: Ask, chosen: Trial) -> Iterator[str]:
    demand, pool = chosen.demand, chosen.pool
    if demand is None or pool is None:
        return
    if ask.recipe.workload.max_model_len is None:
        yield f"maxModelLen is not given: the model's own limit holds, {demand.request_tokens:,} tokens."
    layout, rank = chosen.layout, demand.ranks[pool.smallest_rank]
    stage, node = rank.rank // layout.tensor % layout.pipeline, rank.rank // layout.gpus_per_node
    others = "" if layout.world_size == 1 else " and decides for all"
    yield (
        f"Rank {rank.rank} (stage {stage}, node {node}) has the least room{others}: of {format_gib(rank.budget_bytes)}"
        f" GiB that the engine may use {verdicts.terms_text(rank, counted=True)} GiB are taken;"
        f" {format_bytes(rank.left_bytes)} hold the KV cache."
    )
    requests = pool.tokens / demand.request_tokens
    copies = f" in each of {layout.data} copies" if layout.data > 1 else ""
    yield (
        f"The pool holds {pool.tokens:,} tokens ({pool.tokens_low:,} to {pool.tokens_high:,}){copies}:"
        f" {requests:,.1f} requests of {demand.request_tokens:,} tokens at once."
    )
    yield from demand.notes


def _evidence_reasons(ask: Ask, chosen: Trial) -> Iterator[str]:
    if chosen.demand is None:
        return
    yield chosen.demand.evidence_reason
    if not ask.version.is_known:
        yield (
            f"{ask.engine.name} {ask.version.version} is not among the known versions;"
            f" the rules of {ask.version.rules}, the nearest older one, were used."
        )


def refusal_reasons(choice: Choice) -> tuple[str, ...]:
    """Why nothing fits: every refusal once, and of the layouts that are possible the one that comes nearest."""
    tried = _asked_again(choice)
    if not tried:
        return ("There is no layout to try: the cluster has no GPU.",)
    possible = [trial for trial in tried if trial.demand is not None]
    if not possible:
        return _refusals(tried)
    nearest = max(possible, key=_nearness)
    lead = "" if len(tried) == 1 else f"None of {len(tried)} layouts fits. The nearest is "
    reasons = [*_rules_out_larger(tried, nearest), f"{lead}{_name(nearest)}: {verdicts.why_unfit(nearest).message}"]
    if _is_close(nearest) and nearest.pool:
        reasons.append(
            f"It is close: the pool is predicted with {nearest.pool.tokens:,}"
            f" tokens, and could have up to {nearest.pool.tokens_high:,}."
        )
    reasons.append(nearest.demand.evidence_reason if nearest.demand else "")
    return tuple(reason for reason in reasons if reason)


def _rules_out_larger(tried: Sequence[Trial], nearest: Trial) -> tuple[str, ...]:
    """What alone keeps all layouts on more GPUs than the nearest one from being used; empty if there is no such thing."""
    least = nearest.layout.world_size
    larger = [one for one in tried if one.candidate is not None and one.layout.world_size > least]
    found = [{refusal.message for refusal in one.refusals if refusal.rule != WEIGHTS_RULE} for one in larger]
    asked = [each for each in found if each]
    common = [message for message in (sorted(asked[0]) if asked else ()) if all(message in each for each in asked)]
    over = f"all layouts on more than {least} {'GPU' if least == 1 else 'GPUs'} are ruled out"
    return tuple(f"{message}; {over}." for message in common[:_MOST_REFUSALS])


def _refusals(tried: Sequence[Trial]) -> tuple[str, ...]:
    """What rules every layout out, if there is such a thing; else the first of all refusals."""
    found = [{refusal.message: refusal.rule for refusal in trial.refusals} for trial in tried]
    asked = [each for each in found if WEIGHTS_RULE not in each.values()]
    common = [message for message in (asked[0] if asked else ()) if all(message in each for each in asked)]
    every = dict.fromkeys(message for each in found for message in each)
    return tuple((common or list(every))[:_MOST_REFUSALS])


def _asked_again(choice: Choice) -> tuple[Trial, ...]:
    """The trials, with those of the most GPUs asked in full: their numbers say how far off it is."""
    placed = [trial for trial in choice.tried if trial.candidate is not None]
    most = max((trial.layout.world_size for trial in placed), default=0)
    last = [trial.candidate for trial in placed if trial.layout.world_size == most and trial.demand is None]
    for candidate in last[:_MOST_REFUSALS]:
        if candidate is not None:
            choice.trials.of(candidate, prune=False)
    return choice.tried


def _is_close(trial: Trial) -> bool:
    """Whether the pool might hold a request after all; a pool that the device itself cannot hold is of no use."""
    if trial.pool is None or trial.demand is None or any(lack.kind == "device" for lack in trial.shortfalls):
        return False
    return trial.pool.tokens_high >= trial.demand.request_tokens
