"""What a layout is chosen by: the workload it must hold, the latency it must keep, and the figure that is sought.

`fewest-gpus` and `price` take the cheapest layout that is good enough, and of equally cheap ones the fastest for this workload;
`latency` and `throughput` may use all of the hardware. Compared is the pessimistic end of each range (the highest time, the
lowest rate), so a layout whose speed is little known does not win by a hair. Where two are within 2 % of each other the one
with fewer GPUs is taken: predictions are no finer than that. A goal is kept if the expected speed keeps it.
docs/design/007-layouts.md has the rules.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.core.speed import Range

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shardwright.core.hardware import Gpu
    from shardwright.core.plan.search import Ask, Candidate, Trial
    from shardwright.core.recipe import Recipe
    from shardwright.core.speed import Speed

__all__ = [
    "best_of",
    "check_prices",
    "figure",
    "goal_doubts",
    "goal_misses",
    "holds",
    "is_good",
    "is_sure",
    "preference",
    "price_of",
    "request_seconds",
]

_ALIKE = 1.02
"""Figures within this factor count as equal."""


def holds(ask: Ask, trial: Trial) -> bool:
    """Whether the pools hold all requests of the workload at once."""
    return trial.fits and trial.tokens >= ask.workload_tokens


def is_sure(trial: Trial) -> bool:
    """Whether one request fits also into the smallest pool that is thought possible: the engine surely starts."""
    pool, demand = trial.pool, trial.demand
    if pool is None or demand is None or not trial.fits:
        return False
    return pool.blocks * pool.tokens_low >= (demand.request_blocks + demand.spare_blocks) * pool.tokens


def is_good(ask: Ask, trial: Trial) -> bool:
    """Whether a layout surely starts, holds the workload and keeps the latency goal, as far as speed is predicted."""
    return holds(ask, trial) and is_sure(trial) and not goal_misses(ask, trial)


def goal_misses(ask: Ask, trial: Trial) -> tuple[str, ...]:
    """What of `workload.latencyGoal` is not kept, with numbers; empty where it is, or where nothing is predicted."""
    return tuple(
        f"{name} {_seconds(there.expected)} instead of {_seconds(wanted)}"
        for name, there, wanted in _goals(ask, trial)
        if there.expected > wanted
    )


def goal_doubts(ask: Ask, trial: Trial) -> tuple[str, ...]:
    """What of the goal the expected speed keeps, and the slow end of its range does not."""
    return tuple(
        f"{name} {_seconds(there.expected)} expected, up to {_seconds(there.high)}; wanted {_seconds(wanted)}"
        for name, there, wanted in _goals(ask, trial)
        if there.expected <= wanted < there.high
    )


def _goals(ask: Ask, trial: Trial) -> Iterator[tuple[str, Range, float]]:
    goal, speed = ask.recipe.workload.latency_goal, trial.speed
    if goal is None or speed is None:
        return
    if goal.time_to_first_token_seconds is not None:
        yield "time to first token", speed.time_to_first_token_seconds, goal.time_to_first_token_seconds
    if goal.inter_token_seconds is not None:
        yield "time between tokens", speed.inter_token_seconds, goal.inter_token_seconds


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.1f} ms"


def request_seconds(ask: Ask, speed: Speed) -> Range:
    """One request among all of the workload: until its first token, and from there to its last."""
    steps = max(ask.recipe.workload.output_tokens - 1, 0)
    first, between = speed.time_to_first_token_seconds, speed.inter_token_seconds
    return Range(
        expected=first.expected + steps * between.expected,
        low=first.low + steps * between.low,
        high=first.high + steps * between.high,
    )


def figure(ask: Ask, trial: Trial) -> float:
    """What is sought at its pessimistic end, as a number that should be small; infinite where speed is not predicted."""
    speed = trial.speed
    if speed is None:
        return float("inf")
    if ask.recipe.workload.objective == "latency":
        return request_seconds(ask, speed).high
    if ask.recipe.workload.objective == "throughput":
        return 1 / max(speed.output_tokens_per_second.low, 1e-9)
    return speed.batch_seconds.high


def preference(candidate: Candidate) -> tuple[int, int, int, int, int, bool, str]:
    """Which of two layouts is taken that are alike: fewest GPUs, nodes and kinds, larger TP, no copies, plain experts."""
    layout = candidate.layout
    return (
        layout.world_size,
        layout.nodes,
        len(candidate.pools),
        -layout.tensor,
        layout.data,
        layout.expert,
        "".join(pool.gpu.name for pool in candidate.pools),
    )


def best_of(ask: Ask, trials: Sequence[Trial], *, fewest_nodes: bool = True) -> Trial:
    """The trial to take among those that are equally cheap: fewest nodes if asked, then the best figure, then preference."""
    if fewest_nodes:
        fewest = min(trial.layout.nodes for trial in trials)
        trials = [trial for trial in trials if trial.layout.nodes == fewest]
    least = min(figure(ask, trial) for trial in trials)
    alike = [trial for trial in trials if figure(ask, trial) <= least * _ALIKE]
    return min(alike, key=lambda trial: preference(trial.candidate) if trial.candidate else ())


def price_of(recipe: Recipe, counts: Sequence[tuple[Gpu, int]]) -> float | None:
    """Price of that many GPUs for an hour; None where the recipe does not give that of each."""
    prices = _prices(recipe)
    if not prices or any(_key(gpu.name) not in prices for gpu, _ in counts):
        return None
    return sum(prices[_key(gpu.name)] * count for gpu, count in counts)


def check_prices(ask: Ask) -> None:
    """InputError where the objective is the price and that of a GPU is missing."""
    if ask.recipe.workload.objective != "price":
        return
    prices = _prices(ask.recipe)
    missing = tuple(dict.fromkeys(pool.gpu.name for pool in ask.cluster.pools if _key(pool.gpu.name) not in prices))
    if missing:
        example = ", ".join(f"{name}: 2.5" for name in missing)
        raise errors.InputError(
            f"the price of {', '.join(missing)} is missing; objective price compares what layouts cost",
            hint=f"add prices: {{gpuHour: {{{example}}}}}, the price of one GPU for an hour",
            path="prices.gpuHour",
        )


def _prices(recipe: Recipe) -> dict[str, float]:
    return {_key(name): price for name, price in recipe.prices.gpu_hour.items()} if recipe.prices else {}


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
