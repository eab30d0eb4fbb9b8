"""Stages of unequal length: how many layers each stage should hold so that the smallest pool is the largest possible.

An engine's own split counts layers; what a stage has room for also depends on its GPU, on the embedding or head it holds and on
what sampling takes. The engine's answer for its own split says what a layer costs; its answer for the new one decides.
"""

from __future__ import annotations

import dataclasses
import heapq
from typing import TYPE_CHECKING

from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shardwright.core.memory import RankDemand
    from shardwright.core.plan.search import Ask, Trial, Trials

__all__ = ["NOTICEABLE", "improved", "split_by_room"]

NOTICEABLE = 1.03
"""A larger pool is worth stages of unequal length from this factor on."""
_ROUNDS = 3


@frozen
class _Room:
    """What one stage has, as functions of its layers: what is left of the budget, and what a block costs."""

    budget_bytes: float
    """Less everything that does not depend on the number of layers."""
    layer_bytes: float
    block_bytes: float
    """Of one layer."""

    def blocks(self, layers: int) -> float:
        """Blocks of the cache that the stage holds with so many layers."""
        return (self.budget_bytes - layers * self.layer_bytes) / (layers * self.block_bytes)


def improved(trials: Trials, trial: Trial) -> Trial:
    """The same layout with stages sized to their room where that holds more tokens, else the trial itself."""
    best = trial
    for _ in range(_ROUNDS):
        stages = _proposal(trials.ask, best)
        if stages is None or best.candidate is None or stages == best.layout.stages:
            break
        layout = dataclasses.replace(best.layout, stages=stages)
        again = trials.of(dataclasses.replace(best.candidate, layout=layout))
        if (again.fits, _blocks(again)) <= (best.fits, _blocks(best)):
            break
        best = again
    return best


def _blocks(trial: Trial) -> tuple[int, int]:
    return (trial.pool.blocks, trial.pool.left_bytes) if trial.pool else (-1, 0)


def _proposal(ask: Ask, trial: Trial) -> tuple[int, ...] | None:
    """Layers of each stage by the engine's last answer; None where that says nothing about stages."""
    if trial.demand is None or trial.layout.pipeline == 1:
        return None
    layout = trial.layout
    firsts = [trial.demand.ranks[stage * layout.tensor] for stage in range(layout.pipeline)]
    if any(rank.fixed_pool_bytes is not None for rank in firsts) or not any(rank.block_bytes for rank in firsts):
        return None
    rooms = _rooms(ask, layout.stages, firsts)
    return split_by_room(len(ask.shape.layers), rooms) if rooms else None


def _rooms(ask: Ask, stages: Sequence[int], firsts: Sequence[RankDemand]) -> list[_Room]:
    shape = ask.shape
    sizes = [sum(shape.bytes_of(weight) for weight in layer.weights) for layer in shape.layers]
    held = [sum(sizes[sum(stages[:index]) :][:count]) for index, count in enumerate(stages)]
    if not all(held):
        return []
    ends = [0.0] * len(stages)
    ends[0] += sum(shape.bytes_of(weight) for weight in shape.embedding)
    ends[-1] += sum(shape.bytes_of(weight) for weight in shape.head)
    weights = [sum(term.bytes for term in rank.terms if term.name == "weights") for rank in firsts]
    # How much of a layer a rank holds: what the engine loads on the stage where the ends of the model weigh least.
    share = min(loaded / (size + end) for loaded, size, end in zip(weights, held, ends, strict=True))
    layer_bytes = share * sum(sizes) / len(sizes)
    block_bytes = sum(rank.block_bytes for rank in firsts) / len(sizes)
    return [
        _Room(rank.left_bytes + share * size, layer_bytes, block_bytes) for rank, size in zip(firsts, held, strict=True)
    ]


def split_by_room(layers: int, rooms: Sequence[_Room]) -> tuple[int, ...]:
    """Layers dealt out one by one, each to the stage that then holds the most blocks: the smallest becomes largest."""
    counts = [1] * len(rooms)
    # The last stages are the first to stop growing among equals: they hold the head.
    queue = [(-room.blocks(2), index) for index, room in enumerate(rooms)]
    heapq.heapify(queue)
    for _ in range(layers - len(rooms)):
        _, index = heapq.heappop(queue)
        counts[index] += 1
        heapq.heappush(queue, (-rooms[index].blocks(counts[index] + 1), index))
    return tuple(counts)
