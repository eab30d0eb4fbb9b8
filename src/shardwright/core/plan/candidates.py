"""Which layouts on which nodes a search looks at: those of one kind of node, then kinds mixed, then groups that span nodes."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

from shardwright.core.plan import layouts, objectives
from shardwright.core.plan.search import Candidate, pools_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shardwright.core.hardware import Gpu, NodePool
    from shardwright.core.plan.search import Ask

__all__ = ["families", "is_round", "mixed", "one_kind", "spanning", "thinned"]

_FULL_FP_CAPABILITY = 8.0
"""From this compute capability on there is bfloat16; a group computes in one type."""


def one_kind(ask: Ask) -> list[Candidate]:
    """Layouts on nodes of one kind, tensor-parallel groups inside a node, in the order of preference."""
    count, mixture = len(ask.shape.layers), ask.shape.mixture is not None
    found = [
        Candidate((pool,), layout)
        for pool in pools_of(ask)
        for layout in layouts.auto_layouts(
            count, pool.gpus_per_node, pool.nodes, mixture=mixture, remainder=ask.engine.remainder
        )
    ]
    return sorted(found, key=objectives.preference)


def spanning(ask: Ask) -> list[Candidate]:
    """Layouts on nodes of one kind whose tensor-parallel groups span nodes, in the order of preference."""
    count = len(ask.shape.layers)
    found = [
        Candidate((pool,), layout)
        for pool in pools_of(ask)
        for layout in layouts.spanning_layouts(count, pool.gpus_per_node, pool.nodes, remainder=ask.engine.remainder)
    ]
    return sorted(found, key=objectives.preference)


def mixed(ask: Ask) -> Iterator[Candidate]:
    """Pipelines over nodes of several kinds with equally many GPUs each, the fewest nodes first.

    Those with the most memory come first, so no other choice of as many nodes holds more.
    """
    for alike in _alike(pools_of(ask)):
        nodes = min(sum(pool.nodes for pool in alike), len(ask.shape.layers))
        for count in range(alike[0].nodes + 1, nodes + 1):
            used = _first(alike, count)
            yield from _pipelines(ask, used, count)


def _alike(pools: Iterable[NodePool]) -> Iterator[list[NodePool]]:
    """Kinds of nodes that one group may use together, the GPUs with the most memory first."""

    def key(pool: NodePool) -> tuple[int, str, str, bool]:
        return (pool.gpus_per_node, pool.gpu.device, pool.gpu.resource, _has_bfloat16(pool.gpu))

    for _, group in itertools.groupby(sorted(pools, key=key), key):
        largest = sorted(group, key=lambda pool: (-pool.gpu.memory_bytes, pool.gpu.name))
        if len(largest) > 1:
            yield largest


def _has_bfloat16(gpu: Gpu) -> bool:
    """By its compute capability; other vendors name architectures instead (`gfx942`), and those known here all have it."""
    capability = gpu.compute_capability or "0"
    is_number = capability.replace(".", "", 1).isdigit()
    return float(capability) >= _FULL_FP_CAPABILITY if is_number else True


def _first(pools: Sequence[NodePool], count: int) -> tuple[NodePool, ...]:
    used: list[NodePool] = []
    for pool in pools:
        taken = min(pool.nodes, count - sum(each.nodes for each in used))
        if taken:
            used.append(dataclasses.replace(pool, nodes=taken))
    return tuple(used)


def _pipelines(ask: Ask, used: tuple[NodePool, ...], nodes: int) -> Iterator[Candidate]:
    layers, remainder = len(ask.shape.layers), ask.engine.remainder
    for layout in layouts.node_layouts(layers, used[0].gpus_per_node, nodes, remainder=remainder):
        yield Candidate(used, layout)


def thinned(found: Iterable[Candidate]) -> list[Candidate]:
    """Without numbers of GPUs and nodes that lie between powers of two, but with all that there are."""
    return [candidate for candidate in found if is_round(candidate)]


def is_round(candidate: Candidate) -> bool:
    """Whether a power of two of the nodes, of a single node's GPUs, or all of them are used."""
    layout, pool = candidate.layout, candidate.pool
    if layout.nodes > 1:
        return _is_power(layout.nodes) or layout.nodes == pool.nodes
    return _is_power(layout.gpus_per_node) or layout.gpus_per_node == pool.gpus_per_node


def _is_power(number: int) -> bool:
    return number & (number - 1) == 0


def families(found: Iterable[Candidate]) -> list[list[Candidate]]:
    """Candidates on the same nodes together, the shortest pipelines first; in the order in which nodes first occur."""
    groups: dict[tuple[int, int, int], list[Candidate]] = {}
    for candidate in found:
        key = (id(candidate.pool.gpu), candidate.layout.nodes, candidate.layout.world_size)
        groups.setdefault(key, []).append(candidate)
    return list(groups.values())
