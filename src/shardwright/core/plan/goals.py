"""What is said of the latency goal: by how much it is missed and what would keep it, what is doubtful, what is not known."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.core.plan import objectives
from shardwright.core.plan.search import Trials
from shardwright.core.rules import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.plan.search import Ask, Trial

__all__ = ["goal_findings"]


def goal_findings(ask: Ask, chosen: Trial) -> Iterator[Finding]:
    """Whether `workload.latencyGoal` is missed, may be missed, or is not known to be kept."""
    goal = ask.recipe.workload.latency_goal
    misses = objectives.goal_misses(ask, chosen)
    if misses:
        looked = "the pinned layout misses it" if ask.is_pinned else "no layout on this hardware keeps it"
        yield Finding(
            "workload.latency-goal",
            "warn",
            "warning",
            f"the latency goal is missed: {'; '.join(misses)}",
            why=f"{looked}, by the expected speed; the nearest was planned" if not ask.is_pinned else looked,
            fix=_what_keeps_the_goal(ask, chosen),
            path="workload.latencyGoal",
            value=str(chosen.layout),
        )
    for doubt in objectives.goal_doubts(ask, chosen):
        yield Finding(
            "workload.latency-goal",
            "unknown",
            "warning",
            f"the latency goal may be missed: {doubt}",
            why="a layout counts as keeping the goal if the expected speed keeps it; the slow end of the range does not",
            fix="measure it on the running deployment, or set a goal that leaves room",
            path="workload.latencyGoal",
            value=str(chosen.layout),
        )
    if goal is not None and chosen.speed is None:
        yield Finding(
            "workload.latency-goal",
            "unknown",
            "warning",
            f"whether the latency goal is kept is not known: {chosen.speed_reason}",
            why="speed is not predicted here, so the goal had no part in the choice",
            fix="measure it on the running deployment",
            path="workload.latencyGoal",
        )


def _what_keeps_the_goal(ask: Ask, chosen: Trial) -> str:
    """The most requests at once with which this layout keeps the goal, found by asking again; halves are tried."""
    requests = ask.recipe.workload.concurrency // 2
    while requests and chosen.candidate is not None:
        workload = dataclasses.replace(ask.recipe.workload, concurrency=requests)
        fewer = dataclasses.replace(ask, recipe=dataclasses.replace(ask.recipe, workload=workload))
        if not objectives.goal_misses(fewer, Trials(fewer).of(chosen.candidate, prune=False)):
            return (
                f"workload.concurrency: {requests} keeps it with this layout; so may faster GPUs or a quantized model"
            )
        requests //= 2
    return "not even one request alone keeps it on this layout: shorter prompts, faster GPUs or a quantized model"
