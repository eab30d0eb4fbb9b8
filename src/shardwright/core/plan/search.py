"""Try layouts, one after the other in the order of preference, until one fits."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.core import memory
from shardwright.core.plan import layouts
from shardwright.core.plan.types import Question, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.hardware import Cluster, NodePool
    from shardwright.core.layout import Layout
    from shardwright.core.memory import Demand, Pool, Shortfall
    from shardwright.core.plan.version import Resolved
    from shardwright.core.plugins import Engine
    from shardwright.core.recipe import Recipe
    from shardwright.core.shape.base import ModelShape

__all__ = ["Ask", "Candidate", "Trial", "candidates", "first_fit", "pools_of", "try_candidate"]


@dataclass(frozen=True, slots=True)
class Ask:
    """Everything that planning starts from."""

    recipe: Recipe
    shape: ModelShape
    cluster: Cluster
    engine: Engine
    version: Resolved

    @property
    def is_pinned(self) -> bool:
        """Whether the recipe says how to split."""
        return self.recipe.parallelism != "auto"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A layout on nodes of one kind."""

    pool: NodePool
    layout: Layout


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one layout."""

    candidate: Candidate | None
    """None where the pinned layout could not even be placed."""
    refusals: tuple[Refusal, ...]
    demand: Demand | None = None
    pool: Pool | None = None
    shortfalls: tuple[Shortfall, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether it would run."""
        return self.demand is not None and not self.shortfalls

    @property
    def tokens(self) -> int:
        """Tokens of the pool; 0 where there is none."""
        return self.pool.tokens if self.pool else 0


def pools_of(ask: Ask) -> tuple[NodePool, ...]:
    """The kinds of nodes that may be used; InputError where the memory of a GPU is not known.

    Pools of the same kind count as one, and their order does not matter. A group never mixes kinds in this version.
    """
    merged: dict[tuple[str, int, int], NodePool] = {}
    for pool in ask.cluster.pools:
        if pool.gpu.memory_bytes <= 0:
            raise errors.InputError(
                f"hardware: the memory of {pool.gpu.name} is not known",
                hint="give hardware.gpuMemory, as the runtime reports it",
            )
        key = (pool.gpu.name, pool.gpu.memory_bytes, pool.gpus_per_node)
        before = merged[key].nodes if key in merged else 0
        merged[key] = dataclasses.replace(pool, nodes=before + pool.nodes)
    return tuple(merged[key] for key in sorted(merged))


def candidates(ask: Ask) -> Iterator[Candidate]:
    """All layouts of `auto`, in the order of preference; those that span nodes with tensor parallelism come last."""
    count = len(ask.shape.layers)
    for find in (layouts.auto_layouts, layouts.spanning_layouts):
        found = [
            Candidate(pool, layout) for pool in pools_of(ask) for layout in find(count, pool.gpus_per_node, pool.nodes)
        ]
        yield from sorted(found, key=_preference)


def _preference(candidate: Candidate) -> tuple[int, int, int, str]:
    layout = candidate.layout
    return (layout.world_size, layout.nodes, -layout.tensor, candidate.pool.gpu.name)


def try_candidate(ask: Ask, candidate: Candidate) -> Trial:
    """Ask the engine about one layout."""
    question = Question(ask.recipe, ask.shape, candidate.layout, (candidate.pool.gpu,), ask.version.version)
    refusals = (*_refuse_length(question), *ask.engine.limits(question))
    if refusals:
        return Trial(candidate, refusals)
    demand = ask.engine.memory(question)
    return Trial(candidate, (), demand, memory.pool_of(demand), memory.shortfalls(demand))


def _refuse_length(question: Question) -> Iterator[Refusal]:
    limit = question.shape.max_positions
    if limit and question.max_model_len > limit:
        yield Refusal(
            "workload.max-model-len",
            f"workload.maxModelLen: {question.max_model_len} is more than the {limit} positions of {question.shape.name}",
        )


def first_fit(ask: Ask) -> tuple[Trial | None, tuple[Trial, ...]]:
    """The trial to take, and all that were made; a pinned layout is the only one tried."""
    made: list[Trial] = []
    for trial in _pinned_trials(ask) if ask.is_pinned else (try_candidate(ask, one) for one in candidates(ask)):
        made.append(trial)
        if trial.fits:
            return trial, tuple(made)
    return None, tuple(made)


def _pinned_trials(ask: Ask) -> Iterator[Trial]:
    asked = ask.recipe.parallelism
    if asked == "auto":
        return
    fewest_nodes = ask.recipe.hardware.nodes == "auto"
    for pool in pools_of(ask):
        layout = layouts.pinned_layout(asked, len(ask.shape.layers), pool, fewest_nodes=fewest_nodes)
        yield Trial(None, layout) if isinstance(layout, tuple) else try_candidate(ask, Candidate(pool, layout))
