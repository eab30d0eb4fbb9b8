"""Why a layout was taken, why another was not, in short sentences with numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.units import format_bytes, format_gib

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shardwright.core.memory import RankDemand, Shortfall
    from shardwright.core.plan.search import Ask, Trial

__all__ = ["plan_reasons", "refusal_reasons", "summary_of", "why_not"]

_MOST_REFUSALS = 5


def why_not(trial: Trial) -> str:
    """The one reason why a trial does not fit: the first refusal, or the rank that lacks most."""
    if trial.refusals:
        return trial.refusals[0].message
    worst = max(trial.shortfalls, key=lambda shortfall: shortfall.needed_bytes - shortfall.there_bytes)
    return _lacking(trial, worst)


def _lacking(trial: Trial, worst: Shortfall) -> str:
    demand, candidate = trial.demand, trial.candidate
    if demand is None or candidate is None:
        return ""
    rank = demand.ranks[worst.rank]
    needed, there = format_gib(worst.needed_bytes), format_gib(worst.there_bytes)
    gpu = candidate.pool.gpu.name
    if worst.kind == "budget":
        return (
            f"rank {worst.rank} needs {needed} GiB before any KV cache ({_terms(rank, counted=True)});"
            f" it may use {there} GiB of the {format_gib(rank.total_bytes)} of {gpu}"
        )
    if worst.kind == "cache":
        return (
            f"rank {worst.rank} has {there} GiB left for the KV cache;"
            f" one request of {demand.request_tokens:,} tokens needs {needed} GiB there"
        )
    used = f"rank {worst.rank} would use {needed} GiB of the {there} of {gpu}:"
    if rank.fixed_pool_bytes is not None:
        rest = f"{_terms(rank, counted=True)}, outside the budget {_terms(rank, counted=False)}"
        return f"{used} a fixed pool of {format_gib(rank.fixed_pool_bytes)} besides {rest}"
    return f"{used} {_terms(rank, counted=False)} come on top of the engine's budget"


def _terms(rank: RankDemand, *, counted: bool) -> str:
    sums: dict[str, int] = {}
    for term in rank.terms:
        if term.counted == counted:
            sums[term.name] = sums.get(term.name, 0) + term.bytes
    return ", ".join(f"{name} {format_gib(count)}" for name, count in sums.items() if count) or "nothing"


def plan_reasons(ask: Ask, chosen: Trial, tried: Sequence[Trial]) -> tuple[str, ...]:
    """All reasons of a plan that fits."""
    return (
        *_layout_reasons(ask, chosen, tried),
        *_pool_reasons(ask, chosen),
        *_evidence_reasons(ask, chosen),
        *ask.shape.notes,
    )


def _layout_reasons(ask: Ask, chosen: Trial, tried: Sequence[Trial]) -> Iterator[str]:
    if chosen.candidate is None:
        return
    layout = chosen.candidate.layout
    if ask.is_pinned:
        yield f"{layout} is pinned by the recipe, so it is kept."
        return
    gpus = "1 GPU" if layout.world_size == 1 else f"{layout.world_size} GPUs"
    unfit = [trial for trial in tried if not trial.fits]
    yield f"{layout} takes {gpus}, the fewest that fit."
    if unfit:
        nearest = max(unfit, key=_nearness)
        yield f"Next below, {summary_of(nearest)}: {why_not(nearest)}."
    if layout.tensor > 1 and layout.tensor <= layout.gpus_per_node:
        yield (
            f"TP{layout.tensor} before a longer pipeline: GPUs of one node share the work on every token,"
            f" while stages wait for each other."
        )
    if layout.tensor > layout.gpus_per_node:
        yield f"TP{layout.tensor} spans nodes because no layout with tensor parallelism inside a node fits."


def _nearness(trial: Trial) -> tuple[int, int]:
    world = trial.candidate.layout.world_size if trial.candidate else 0
    return (world if trial.demand else 0, trial.pool.left_bytes if trial.pool else 0)


def summary_of(trial: Trial) -> str:
    """The layout of a trial as text."""
    return str(trial.candidate.layout) if trial.candidate else "the pinned layout"


def _pool_reasons(ask: Ask, chosen: Trial) -> Iterator[str]:
    demand, pool, candidate = chosen.demand, chosen.pool, chosen.candidate
    if demand is None or pool is None or candidate is None:
        return
    if ask.recipe.workload.max_model_len is None:
        yield f"maxModelLen is not given: the model's own limit holds, {demand.request_tokens:,} tokens."
    rank, place = demand.ranks[pool.smallest_rank], candidate.layout.ranks[pool.smallest_rank]
    others = "" if candidate.layout.world_size == 1 else " and decides for all"
    yield (
        f"Rank {rank.rank} (stage {place.stage}, node {place.node}) has the least room{others}: of {format_gib(rank.budget_bytes)}"
        f" GiB that the engine may use {_terms(rank, counted=True)} GiB are taken; {format_bytes(rank.left_bytes)} hold the KV cache."
    )
    requests = pool.tokens / demand.request_tokens
    yield (
        f"The pool holds {pool.tokens:,} tokens ({pool.tokens_low:,} to {pool.tokens_high:,}):"
        f" {requests:.1f} requests of {demand.request_tokens:,} tokens at once."
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
    if ask.recipe.workload.objective != "fewest-gpus":
        yield f"objective: {ask.recipe.workload.objective} is not used yet; the fewest GPUs were sought."


def refusal_reasons(tried: Sequence[Trial]) -> tuple[str, ...]:
    """Why nothing fits: every refusal once, and of the layouts that are possible the one that comes nearest."""
    if not tried:
        return ("There is no layout to try: the cluster has no GPU.",)
    # Sizes that do not divide are of interest only where no other size is possible.
    refused = dict.fromkeys(refusal.message for trial in tried for refusal in trial.refusals)
    possible = [trial for trial in tried if trial.demand is not None]
    reasons: list[str] = []
    if possible:
        nearest = max(possible, key=_nearness)
        lead = "" if len(tried) == 1 else f"None of {len(tried)} layouts fits. The nearest is "
        reasons.append(f"{lead}{summary_of(nearest)}: {why_not(nearest)}")
        if _is_close(nearest) and nearest.pool:
            reasons.append(
                f"It is close: the pool is predicted with {nearest.pool.tokens:,}"
                f" tokens, and could have up to {nearest.pool.tokens_high:,}."
            )
        reasons.append(nearest.demand.evidence_reason if nearest.demand else "")
    else:
        reasons.extend(list(refused)[:_MOST_REFUSALS])
    return tuple(reason for reason in reasons if reason)


def _is_close(trial: Trial) -> bool:
    """Whether the pool might hold a request after all; a pool that the device itself cannot hold is of no use."""
    if trial.pool is None or trial.demand is None or any(lack.kind == "device" for lack in trial.shortfalls):
        return False
    return trial.pool.tokens_high >= trial.demand.request_tokens
