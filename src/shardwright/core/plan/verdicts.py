"""Why a layout was not taken: the rule and the numbers, whether the engine refused it, it did not fit, or another was better."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.plan import objectives
from shardwright.core.plan.types import Refusal
from shardwright.units import format_gib

if TYPE_CHECKING:
    from shardwright.core.memory import RankDemand, Shortfall
    from shardwright.core.plan.search import Ask, Trial

__all__ = ["shortcoming", "terms_text", "why_not", "why_unfit"]


def why_not(ask: Ask, trial: Trial, chosen: Trial | None) -> Refusal:
    """The one reason why a trial was not taken: its own shortcoming, else what the chosen one has over it."""
    found = shortcoming(ask, trial)
    if found is not None:
        return found
    return _behind(ask, trial, chosen) if chosen else Refusal("layout.preference", "nothing speaks against it")


def shortcoming(ask: Ask, trial: Trial) -> Refusal | None:
    """Why a trial is not good enough by itself; None if it is."""
    if not trial.fits:
        return why_unfit(trial)
    if not objectives.holds(ask, trial):
        wanted = ask.workload_tokens
        return Refusal("workload.pool", f"its pool holds {trial.tokens:,} tokens; the workload needs {wanted:,}")
    misses = objectives.goal_misses(ask, trial)
    if misses:
        return Refusal("workload.latency-goal", "; ".join(misses))
    return None if objectives.is_sure(trial) else _unsure(trial)


def _unsure(trial: Trial) -> Refusal:
    low, demand = trial.pool.tokens_low if trial.pool else 0, trial.demand
    length = demand.request_tokens if demand else 0
    return Refusal("memory.near-limit", f"its pool may be as small as {low:,} tokens; one request takes {length:,}")


def why_unfit(trial: Trial) -> Refusal:
    """Why a trial does not fit: the first refusal, or the rank that lacks most."""
    if trial.refusals:
        return trial.refusals[0]
    worst = max(trial.shortfalls, key=lambda shortfall: shortfall.needed_bytes - shortfall.there_bytes)
    return Refusal(f"memory.{worst.kind}", _lacking(trial, worst))


def _lacking(trial: Trial, worst: Shortfall) -> str:
    demand, candidate = trial.demand, trial.candidate
    if demand is None or candidate is None:
        return ""
    rank = demand.ranks[worst.rank]
    needed, there = format_gib(worst.needed_bytes), format_gib(worst.there_bytes)
    node = worst.rank // candidate.layout.gpus_per_node
    gpu = candidate.gpus[node % len(candidate.gpus)].name
    if worst.kind == "budget":
        return (
            f"rank {worst.rank} needs {needed} GiB before any KV cache ({terms_text(rank, counted=True)});"
            f" it may use {there} GiB of the {format_gib(rank.total_bytes)} of {gpu}"
        )
    if worst.kind == "cache":
        return (
            f"rank {worst.rank} has {there} GiB left for the KV cache;"
            f" one request of {demand.request_tokens:,} tokens needs {needed} GiB there"
        )
    used = f"rank {worst.rank} would use {needed} GiB of the {there} of {gpu}:"
    if rank.fixed_pool_bytes is not None:
        rest = f"{terms_text(rank, counted=True)}, outside the budget {terms_text(rank, counted=False)}"
        return f"{used} a fixed pool of {format_gib(rank.fixed_pool_bytes)} besides {rest}"
    return f"{used} {terms_text(rank, counted=False)} come on top of the engine's budget"


def terms_text(rank: RankDemand, *, counted: bool) -> str:
    """The terms of a rank with their GiB: `weights 14.96, activation 1.20`."""
    sums: dict[str, int] = {}
    for term in rank.terms:
        if term.counted == counted:
            sums[term.name] = sums.get(term.name, 0) + term.bytes
    return ", ".join(f"{name} {format_gib(count)}" for name, count in sums.items() if count) or "nothing"


def _behind(ask: Ask, trial: Trial, chosen: Trial) -> Refusal:
    """What the chosen one has over a trial that would do as well."""
    layout, best = trial.layout, chosen.layout
    objective = ask.recipe.workload.objective
    if objective in {"fewest-gpus", "price"}:
        dearer = _dearer(ask, trial, chosen)
        if dearer is not None:
            return dearer
        if layout.nodes > best.nodes:
            return Refusal("objective.fewest-nodes", f"as many GPUs, but {layout.nodes} nodes instead of {best.nodes}")
    return _slower(ask, trial, chosen)


def _dearer(ask: Ask, trial: Trial, chosen: Trial) -> Refusal | None:
    price, best = (
        objectives.price_of(ask.recipe, one.candidate.counts) if one.candidate else None for one in (trial, chosen)
    )
    if ask.recipe.workload.objective == "price" and price is not None and best is not None and price > best:
        return Refusal("objective.price", f"costs {price:g} an hour; {best:g} are enough")
    if ask.recipe.workload.objective == "fewest-gpus" and trial.layout.world_size > chosen.layout.world_size:
        enough = "1 is" if chosen.layout.world_size == 1 else f"{chosen.layout.world_size} are"
        message = f"takes {trial.layout.world_size} GPUs; {enough} enough{_gained(trial, chosen)}"
        return Refusal("objective.fewest-gpus", message)
    if ask.recipe.workload.objective == "fewest-gpus" and trial.layout.world_size < chosen.layout.world_size:
        return Refusal("layout.power-of-two", f"{trial.layout.world_size} GPUs are no power of two")
    return None


def _gained(trial: Trial, chosen: Trial) -> str:
    """What more GPUs would buy."""
    if trial.speed is None or chosen.speed is None:
        return ""
    there, best = trial.speed.batch_seconds.high, chosen.speed.batch_seconds.high
    return f", and take up to {best:,.4g} s for the workload instead of {there:,.4g} s" if there < best else ""


_FIGURES = {
    "latency": ("objective.latency", "one request takes up to", "s"),
    "throughput": ("objective.throughput", "answers with at least", "tokens/s"),
}


def _slower(ask: Ask, trial: Trial, chosen: Trial) -> Refusal:
    there, best = objectives.figure(ask, trial), objectives.figure(ask, chosen)
    if trial.speed is None or chosen.speed is None or there <= best:
        return _plainer(trial, chosen)
    objective = ask.recipe.workload.objective
    rule, what, unit = _FIGURES.get(objective, ("objective.speed", "the workload takes up to", "s"))
    if objective == "throughput":
        there, best = 1 / there, 1 / best
    return Refusal(rule, f"{what} {there:,.4g} {unit}; {best:,.4g} {unit} with {chosen.layout}")


def _plainer(trial: Trial, chosen: Trial) -> Refusal:
    """Nothing but the order of preference speaks against it."""
    layout, best = trial.layout, chosen.layout
    if layout.world_size > best.world_size:
        return Refusal("layout.preference", f"no faster with {layout.world_size} GPUs than with {best.world_size}")
    if layout.pipeline > best.pipeline:
        return Refusal("layout.preference", f"as many GPUs, but a longer pipeline: {layout.pipeline} stages")
    if (
        trial.tokens < chosen.tokens
        and layout.stages != best.stages
        and (layout.tensor, layout.pipeline) == (best.tensor, best.pipeline)
    ):
        return Refusal("layout.partition", f"its stages hold {trial.tokens:,} tokens instead of {chosen.tokens:,}")
    return Refusal("layout.preference", f"no better than {best}, which comes first in the order of preference")
