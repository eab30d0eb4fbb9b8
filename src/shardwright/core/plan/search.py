"""Ask the engine about layouts, each once; what cannot fit by its weights alone is not asked about.

A candidate is a layout on nodes of one kind, or of several. `Trials` remembers the answers of one search.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.core import memory, speed
from shardwright.core.layout import Layout
from shardwright.core.plan.types import Question, Refusal
from shardwright.core.speed import Speed
from shardwright.units import format_gib
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shardwright.core.calibration import Calibration
    from shardwright.core.hardware import Cluster, Gpu, NodePool
    from shardwright.core.memory import Demand, Pool, Shortfall
    from shardwright.core.plan.version import Resolved
    from shardwright.core.plugins import Engine
    from shardwright.core.recipe import Recipe
    from shardwright.core.shape.base import ModelShape

__all__ = ["WEIGHTS_RULE", "Ask", "Candidate", "Trial", "Trials", "pools_of", "question_of"]

WEIGHTS_RULE = "memory.weights"
"""What rules a layout out without a question to the engine."""
_SAFETY = 1.25
"""The bound of a pool may be this much too small for layouts whose blocks are shared out better than on one GPU."""


@frozen
class Ask:
    """Everything that planning starts from."""

    recipe: Recipe
    shape: ModelShape
    cluster: Cluster
    engine: Engine
    version: Resolved
    draft: ModelShape | None = None
    calibrations: Sequence[Calibration] = ()
    """What engines printed of earlier starts."""

    @property
    def is_pinned(self) -> bool:
        """Whether the recipe says how to split."""
        return self.recipe.parallelism != "auto"

    @property
    def workload_tokens(self) -> int:
        """Tokens that all requests of the workload hold together."""
        workload = self.recipe.workload
        return workload.concurrency * (workload.input_tokens + workload.output_tokens)


@frozen
class Candidate:
    """A layout on nodes of one kind; of several kinds, in the order in which nodes are filled."""

    pools: tuple[NodePool, ...]
    """One pool: all that there is of that kind. Several: of each the nodes that are used."""
    layout: Layout

    @property
    def pool(self) -> NodePool:
        """The nodes; of several kinds those whose GPUs have the least memory."""
        return min(self.pools, key=lambda pool: pool.gpu.memory_bytes)

    @property
    def is_mixed(self) -> bool:
        """Whether nodes of several kinds are used."""
        return len(self.pools) > 1

    @property
    def gpus(self) -> tuple[Gpu, ...]:
        """The kind on each node; one entry where all are of one kind."""
        if not self.is_mixed:
            return (self.pools[0].gpu,)
        return tuple(pool.gpu for pool in self.pools for _ in range(pool.nodes))

    @property
    def counts(self) -> tuple[tuple[Gpu, int], ...]:
        """How many GPUs of each kind are used."""
        if not self.is_mixed:
            return ((self.pools[0].gpu, self.layout.world_size),)
        return tuple((pool.gpu, pool.nodes * self.layout.gpus_per_node) for pool in self.pools)

    @property
    def kinds(self) -> str:
        """The GPUs in words: `8 x H100`, `8 x H100 + 8 x L40S`."""
        return " + ".join(f"{count} x {gpu.name}" for gpu, count in self.counts)


@frozen
class Trial:
    """What became of one layout."""

    candidate: Candidate | None
    """None where the pinned layout could not even be placed."""
    refusals: tuple[Refusal, ...]
    demand: Demand | None = None
    pool: Pool | None = None
    shortfalls: tuple[Shortfall, ...] = ()
    speed: Speed | None = None
    speed_reason: str = ""

    @property
    def fits(self) -> bool:
        """Whether it would run."""
        return self.demand is not None and not self.shortfalls

    @property
    def tokens(self) -> int:
        """Tokens of the pools of all copies; 0 where there is none."""
        return self.pool.tokens * self.layout.data if self.pool else 0

    @property
    def layout(self) -> Layout:
        """The layout; ValueError for one that could not be placed."""
        if self.candidate is None:
            raise ValueError("this trial has no layout")
        return self.candidate.layout


def pools_of(ask: Ask) -> tuple[NodePool, ...]:
    """The kinds of nodes that may be used; InputError where the memory of a GPU is not known.

    Pools of the same kind count as one, and their order does not matter.
    """
    merged: dict[tuple[str, int, int], NodePool] = {}
    for pool in ask.cluster.pools:
        if pool.gpu.memory_bytes <= 0:
            raise errors.InputError(
                f"the memory of {pool.gpu.name} is not known",
                hint="give hardware.gpuMemory, as the runtime reports it",
                path="hardware",
            )
        key = (pool.gpu.name, pool.gpu.memory_bytes, pool.gpus_per_node)
        before = merged[key].nodes if key in merged else 0
        merged[key] = dataclasses.replace(pool, nodes=before + pool.nodes)
    return tuple(merged[key] for key in sorted(merged))


def question_of(ask: Ask, candidate: Candidate) -> Question:
    """What the engine is asked about a candidate."""
    return Question(ask.recipe, ask.shape, candidate.layout, candidate.gpus, ask.version.version, ask.draft)


class Trials:
    """The answers of one search, in the order in which they were asked for."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.made: list[Trial] = []
        self._known: dict[tuple[tuple[int, ...], Layout], Trial] = {}
        self._alone: dict[int, Trial] = {}

    def of(self, candidate: Candidate, *, prune: bool = True) -> Trial:
        """The engine's answer; without asking where the weights alone are more than the GPUs."""
        key = (tuple(id(gpu) for gpu in candidate.gpus), candidate.layout)
        known = self._known.get(key)
        if known is not None and (prune or known.demand is not None):
            return known
        refusal = self._too_small(candidate) if prune else None
        trial = Trial(candidate, (refusal,)) if refusal else _asked(self.ask, candidate)
        if known is None:
            self.made.append(trial)
        else:
            self.made[self.made.index(known)] = trial
        self._known[key] = trial
        return trial

    def most_tokens(self, candidate: Candidate) -> float:
        """More tokens than this the pools of a candidate cannot hold; infinite where nothing is known."""
        demand = self._alone_on(candidate.pool).demand
        rank = demand.ranks[0] if demand else None
        if demand is None or rank is None or not rank.block_bytes or rank.fixed_pool_bytes is not None:
            return float("inf")
        token_bytes = demand.request_blocks * rank.block_bytes / demand.request_tokens
        left = _memory_of(candidate) * rank.budget_bytes / rank.total_bytes - self._weights(candidate.pool)
        return _SAFETY * max(left, 0) / token_bytes

    def _too_small(self, candidate: Candidate) -> Refusal | None:
        if candidate.layout.world_size == 1:
            return None
        least, there = min(self._weights(pool) for pool in candidate.pools), _memory_of(candidate)
        if least <= there:
            return None
        message = f"the weights alone take {format_gib(least)} GiB; {candidate.kinds} have {format_gib(there)} GiB"
        return Refusal(WEIGHTS_RULE, message)

    def _weights(self, pool: NodePool) -> int:
        """What the engine loads on one GPU of that kind; sharing it out never takes less. 0 where it was not said."""
        demand = self._alone_on(pool).demand
        return sum(term.bytes for term in demand.ranks[0].terms if term.name == "weights") if demand else 0

    def _alone_on(self, pool: NodePool) -> Trial:
        """One GPU of that kind; asked once."""
        known = self._alone.get(id(pool.gpu))
        if known is None:
            count = len(self.ask.shape.layers)
            known = self.of(Candidate((pool,), Layout(1, 1, 1, 1, (count,))))
            self._alone[id(pool.gpu)] = known
        return known


def _memory_of(candidate: Candidate) -> int:
    return sum(gpu.memory_bytes * count for gpu, count in candidate.counts)


def _asked(ask: Ask, candidate: Candidate) -> Trial:
    question = question_of(ask, candidate)
    refusals = (*_refuse_length(question), *ask.engine.limits(question))
    if refusals:
        return Trial(candidate, refusals)
    demand = _demand(ask, question)
    pool, shortfalls = memory.pool_of(demand), memory.shortfalls(demand)
    if shortfalls:
        return Trial(candidate, (), demand, pool, shortfalls)
    predicted = speed.predict(question, demand, pool)
    if isinstance(predicted, Speed):
        return Trial(candidate, (), demand, pool, (), predicted)
    return Trial(candidate, (), demand, pool, (), None, predicted)


def _demand(ask: Ask, question: Question) -> Demand:
    """What the engine says, with what was learnt of such starts."""
    demand = ask.engine.memory(question)
    if not ask.calibrations:
        return demand
    from shardwright.core import correction  # noqa: PLC0415 - 3 ms, and most plans have no calibrations

    return correction.apply(demand, question, ask.calibrations)


def _refuse_length(question: Question) -> tuple[Refusal, ...]:
    limit = question.shape.max_positions
    if not limit or question.max_model_len <= limit:
        return ()
    message = (
        f"workload.maxModelLen: {question.max_model_len} is more than the {limit} positions of {question.shape.name}"
    )
    return (Refusal("workload.max-model-len", message),)
