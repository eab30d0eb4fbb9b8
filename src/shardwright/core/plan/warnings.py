"""What a plan that fits should still be warned of: neutral rules, as findings."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.core.plan import candidates, goals, lengths, objectives
from shardwright.core.plan.search import Trials
from shardwright.core.recipe.later import later_fields
from shardwright.core.recipe.model import Workload
from shardwright.core.rules import Finding
from shardwright.units import format_gib

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shardwright.core.plan.choose import Choice
    from shardwright.core.plan.search import Ask, Trial

__all__ = ["plan_findings"]


def plan_findings(ask: Ask, choice: Choice, chosen: Trial) -> tuple[Finding, ...]:
    """All findings of a plan; errors are none among them, they would have refused it."""
    return (
        *_larger_than_needed(ask, chosen),
        *_spanning(chosen),
        *_partial_nodes(ask, chosen),
        *_odd_count(ask, chosen),
        *_long_requests(ask, chosen),
        *_costly_length(ask, choice, chosen),
        *_small_pool(ask, chosen),
        *goals.goal_findings(ask, chosen),
        *_mixed_gpus(chosen),
        *_near_limit(chosen),
        *_unknown_version(ask),
        *_unused(later_fields(ask.recipe)),
        *(chosen.demand.findings if chosen.demand else ()),
    )


def _warn(
    rule: str, message: str, *, why: str, fix: str, path: str, value: str = "", rows: tuple[str, ...] = ()
) -> Finding:
    return Finding(rule, "warn", "warning", message, why=why, fix=fix, path=path, value=value, requirements=rows)


def _larger_than_needed(ask: Ask, chosen: Trial) -> Iterator[Finding]:
    """A pinned layout is kept; where fewer GPUs hold the same workload this says so, after planning it."""
    on_cpu = chosen.candidate is not None and chosen.candidate.pool.gpu.device == "cpu"
    smaller = _smaller_fit(ask, chosen) if ask.is_pinned and not on_cpu else None
    if smaller is None or smaller.candidate is None or chosen.candidate is None:
        return
    layout, pinned = smaller.candidate.layout, chosen.candidate.layout
    gpu = smaller.candidate.pool.gpu.name
    yield _warn(
        "layout.larger-than-needed",
        f"{layout.world_size}x {gpu} would do: {layout} holds {smaller.tokens:,} KV tokens, the pinned {pinned} {chosen.tokens:,}",
        why="a smaller layout costs less and has fewer parts that can fail",
        fix=f"parallelism: {{tensor: {layout.tensor}, pipeline: {layout.pipeline}}}, hardware.nodes: {layout.nodes}",
        path="parallelism",
        value=str(pinned),
        rows=("R049", "R154"),
    )


def _smaller_fit(ask: Ask, chosen: Trial) -> Trial | None:
    if chosen.candidate is None:
        return None
    pinned = chosen.candidate.layout
    free = dataclasses.replace(ask, recipe=dataclasses.replace(ask.recipe, parallelism="auto"))
    trials = Trials(free)
    enough = min(ask.workload_tokens, chosen.tokens)
    for candidate in candidates.one_kind(free):
        layout = candidate.layout
        smaller = (layout.world_size, layout.nodes) < (pinned.world_size, pinned.nodes)
        if layout.world_size > pinned.world_size or not smaller or trials.most_tokens(candidate) < enough:
            continue
        trial = trials.of(candidate)
        if trial.tokens >= enough and objectives.is_sure(trial) and not objectives.goal_misses(free, trial):
            return trial
    return None


def _spanning(chosen: Trial) -> Iterator[Finding]:
    layout = chosen.candidate.layout if chosen.candidate else None
    if layout is None or layout.nodes == 1 or layout.gpus_per_node % layout.tensor == 0:
        return
    yield _warn(
        "layout.tensor-spans-nodes",
        f"tensor parallel groups of {layout.tensor} span nodes that use {layout.gpus_per_node} GPUs each",
        why="every layer of every token then waits for the network between the nodes",
        fix="keep parallelism.tensor inside a node and split over nodes with parallelism.pipeline",
        path="parallelism.tensor",
        value=str(layout.tensor),
    )


def _partial_nodes(ask: Ask, chosen: Trial) -> Iterator[Finding]:
    candidate = chosen.candidate
    if candidate is None or candidate.layout.gpus_per_node >= candidate.pool.gpus_per_node:
        return
    used, there = candidate.layout.gpus_per_node, candidate.pool.gpus_per_node
    if candidate.layout.nodes > 1:
        yield _warn(
            "layout.partial-nodes",
            f"{candidate.layout.nodes} nodes are used with {used} of their {there} GPUs each",
            why="groups over partly used nodes get poor links between their GPUs, and hang more often when they start",
            fix=f"use all {there} GPUs of fewer nodes",
            path="hardware.gpusPerNode",
            value=str(there),
            rows=("R153", "R151"),
        )
        return
    severity = "warning" if ask.is_pinned else "info"
    yield Finding(
        "layout.node-not-full",
        "warn",
        severity,
        f"{used} of {there} GPUs of the node are used",
        why="the other GPUs share links and host memory with whatever else is placed there",
        fix=f"set hardware.gpusPerNode: {used} if the rest is meant for others",
        path="hardware.gpusPerNode",
        value=str(there),
        requirements=("R151",),
    )


def _odd_count(ask: Ask, chosen: Trial) -> Iterator[Finding]:
    layout = chosen.candidate.layout if chosen.candidate else None
    if layout is None or layout.world_size & (layout.world_size - 1) == 0:
        return
    yield Finding(
        "layout.gpu-count",
        "warn",
        "warning" if ask.is_pinned else "info",
        f"{layout.world_size} GPUs are no power of two",
        why="model sizes and collective operations are made for powers of two",
        fix="pin a layout of 1, 2, 4, 8, 16 ... GPUs",
        path="parallelism",
        value=str(layout),
        requirements=("R150",),
    )


def _long_requests(ask: Ask, chosen: Trial) -> Iterator[Finding]:
    """A typical request that the engine would refuse; lengths that the recipe leaves open are nobody's wish."""
    workload, usual = ask.recipe.workload, Workload()
    is_given = (workload.input_tokens, workload.output_tokens) != (usual.input_tokens, usual.output_tokens)
    each = workload.input_tokens + workload.output_tokens
    if chosen.demand is None or not is_given or each <= chosen.demand.request_tokens:
        return
    limit = chosen.demand.request_tokens
    yield _warn(
        "workload.longer-than-context",
        f"requests of {workload.input_tokens:,} + {workload.output_tokens:,} tokens are longer than the {limit:,} that one may have",
        why="the engine refuses them, or ends the answer early",
        fix=f"workload.maxModelLen: {each}, or shorter requests",
        path="workload.maxModelLen",
        value=str(limit),
    )


def _costly_length(ask: Ask, choice: Choice, chosen: Trial) -> Iterator[Finding]:
    """A length that the recipe leaves open, and that alone asks for more GPUs than a shorter one."""
    workload = ask.recipe.workload
    is_about_size = workload.objective in {"fewest-gpus", "price"} and workload.latency_goal is None
    if workload.max_model_len is not None or ask.is_pinned or not is_about_size:
        return
    size = chosen.layout.world_size
    rooms = (
        (trial.layout.world_size, -lengths.whole_steps(lengths.room_tokens(trial)))
        for trial in choice.tried
        if trial.candidate is not None and trial.layout.world_size < size and not objectives.is_good(ask, trial)
    )
    # The longest request may fill the pool; a pool that does not hold the workload is too small for another reason.
    fewer, length = min((room for room in rooms if -room[1] >= max(ask.workload_tokens, 1)), default=(0, 0))
    if not fewer:
        return
    gpus = "1 GPU is" if fewer == 1 else f"{fewer} GPUs are"
    yield Finding(
        "workload.length-costs-gpus",
        "warn",
        "info",
        f"requests of up to {chosen.demand.request_tokens if chosen.demand else 0:,} tokens take {size} GPUs;"
        f" {gpus} enough for up to {-length:,}",
        why="workload.maxModelLen is not given, so the model's own limit holds",
        fix=f"workload.maxModelLen: {-length}, if no request is longer",
        path="workload.maxModelLen",
    )


def _small_pool(ask: Ask, chosen: Trial) -> Iterator[Finding]:
    wanted, workload = ask.workload_tokens, ask.recipe.workload
    if chosen.tokens >= wanted:
        return
    each = workload.input_tokens + workload.output_tokens
    yield _warn(
        "memory.pool-smaller-than-workload",
        f"{workload.concurrency} requests of {each} tokens need {wanted:,} KV tokens; the pool holds {chosen.tokens:,}",
        why=f"about {chosen.tokens // each} of them run at once, the others wait",
        fix="fewer requests at once, shorter ones, or more GPUs",
        path="workload.concurrency",
        value=str(workload.concurrency),
    )


def _mixed_gpus(chosen: Trial) -> Iterator[Finding]:
    """A group over kinds of nodes depends on which node is which."""
    candidate = chosen.candidate
    if candidate is None or not candidate.is_mixed:
        return
    order = ", then ".join(f"{pool.nodes} x {pool.gpu.name}" for pool in candidate.pools)
    yield _warn(
        "layout.mixed-gpus",
        f"nodes of several kinds form one group: {order}",
        why="every stage is sized to the node it is planned for, and the slowest kind sets the pace",
        fix="let the leader and the workers select their nodes: pods.leader.nodeSelector, pods.worker.nodeSelector",
        path="hardware.pools",
        value=candidate.kinds,
    )


def _near_limit(chosen: Trial) -> Iterator[Finding]:
    pool, demand = chosen.pool, chosen.demand
    if pool is None or demand is None or objectives.is_sure(chosen):
        return
    length = lengths.whole_steps(min(pool.tokens_low, demand.request_tokens - 1))
    shorter = f"workload.maxModelLen: {length}, or " if length else ""
    yield _warn(
        "memory.near-limit",
        f"the pool may be as small as {pool.tokens_low:,} tokens; one request takes {demand.request_tokens:,}",
        why=f"the {format_gib(pool.left_bytes)} GiB left for the cache are known only within"
        f" {format_gib(demand.ranks[pool.smallest_rank].uncertainty_bytes)} GiB",
        fix=f"{shorter}more memory: a smaller checkpoint or more GPUs",
        path="workload.maxModelLen",
        value=str(demand.request_tokens),
    )


def _unknown_version(ask: Ask) -> Iterator[Finding]:
    if ask.version.is_known:
        return
    yield _warn(
        "engine.version-unknown",
        f"{ask.engine.name} {ask.version.version} was planned with the rules of {ask.version.rules}",
        why="its own rules are not known here",
        fix=f"use one of {', '.join(ask.engine.versions)} for a plan by its own rules",
        path="engine.version",
        value=ask.version.version,
    )


def _unused(fields: Sequence[str]) -> Iterator[Finding]:
    for field in fields:
        yield Finding(
            "recipe.not-used-yet",
            "warn",
            "info",
            f"{field} is read and checked, but not used yet",
            path=field,
        )
