"""Which layouts are possible on given nodes: all for `auto`, cheapest first; the one that a recipe pins, or why it cannot be.

Order: fewest GPUs, then fewest nodes, then the larger tensor parallel size. Inside a node the GPUs of a tensor-parallel group
work on the same token at once; pipeline stages wait for each other, so a pipeline is for what a node cannot hold. Copies
(data parallel) and whole experts on a rank (expert parallel) are for mixtures; a dense model's copies are `replicas`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.layout import Layout, split_layers
from shardwright.core.plan.types import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shardwright.core.hardware import NodePool
    from shardwright.core.layout import Remainder
    from shardwright.core.recipe.model import Parallelism

__all__ = ["auto_layouts", "node_layouts", "pinned_layout", "spanning_layouts"]


def auto_layouts(
    layers: int, gpus_per_node: int, nodes: int, *, mixture: bool = False, remainder: Remainder = "before-last"
) -> Iterator[Layout]:
    """Layouts whose tensor-parallel groups stay inside a node, cheapest first.

    One node may be used in part; several only with all their GPUs, because partly used nodes share links with strangers.
    """
    for used in range(1, gpus_per_node + 1):
        yield from node_layouts(layers, used, 1, mixture=mixture, remainder=remainder)
    for count in range(2, nodes + 1):
        yield from node_layouts(layers, gpus_per_node, count, mixture=mixture, remainder=remainder)


def node_layouts(
    layers: int, used: int, nodes: int, *, mixture: bool = False, remainder: Remainder = "before-last"
) -> Iterator[Layout]:
    """All layouts over that many nodes with `used` GPUs each, the largest tensor-parallel size first."""
    for tensor in range(used, 0, -1):
        pipeline = used * nodes // tensor
        if used % tensor == 0 and pipeline <= layers:
            stages = split_layers(layers, pipeline, remainder)
            yield Layout(tensor, pipeline, nodes, used, stages)
            if mixture and tensor > 1:
                yield Layout(tensor, pipeline, nodes, used, stages, expert=True)
    yield from _copies(layers, used, nodes) if mixture else ()


def _copies(layers: int, used: int, nodes: int) -> Iterator[Layout]:
    """Copies of all but the experts, which are dealt out over every rank; a copy stays inside a node, without a pipeline."""
    for tensor in range(used, 0, -1):
        if used % tensor == 0 and used * nodes // tensor > 1:
            yield Layout(tensor, 1, nodes, used, (layers,), data=used * nodes // tensor, expert=True)


def spanning_layouts(
    layers: int, gpus_per_node: int, nodes: int, *, remainder: Remainder = "before-last"
) -> Iterator[Layout]:
    """Layouts whose tensor-parallel groups span nodes: slow, for when nothing else fits; smallest spanning group first."""
    for count in range(2, nodes + 1):
        world = count * gpus_per_node
        for tensor in range(gpus_per_node + 1, world + 1):
            if world % tensor == 0 and tensor % gpus_per_node == 0 and world // tensor <= layers:
                pipeline = world // tensor
                stages = split_layers(layers, pipeline, remainder)
                yield Layout(tensor, pipeline, count, gpus_per_node, stages)


def pinned_layout(
    asked: Parallelism,
    layers: int,
    pool: NodePool,
    *,
    fewest_nodes: bool,
    mixture: bool = False,
    remainder: Remainder = "before-last",
) -> Layout | tuple[Refusal, ...]:
    """The layout that a recipe pins, on all nodes of the pool, or on as few as will do; all reasons if it cannot be."""
    refusals = (*_refuse_copies(asked, mixture=mixture), *_refuse_stages(asked, layers), *_refuse_size(asked, pool))
    world = asked.tensor * asked.pipeline * asked.data
    nodes = _fewest_nodes(asked.tensor, world, pool) if fewest_nodes else pool.nodes
    if nodes and world <= pool.gpus_per_node * pool.nodes and (world % nodes or world // nodes > pool.gpus_per_node):
        refusals = (*refusals, _uneven(world, nodes, pool))
    if refusals:
        return refusals
    stages = asked.layer_partition or split_layers(layers, asked.pipeline, remainder)
    return Layout(asked.tensor, asked.pipeline, nodes, world // nodes, stages, asked.data, asked.expert)


def _fewest_nodes(tensor: int, world: int, pool: NodePool) -> int:
    possible = [n for n in range(1, pool.nodes + 1) if world % n == 0 and world // n <= pool.gpus_per_node]
    inside = [n for n in possible if world // n % tensor == 0]
    return min(inside or possible, default=pool.nodes)


def _uneven(world: int, nodes: int, pool: NodePool) -> Refusal:
    return Refusal(
        "layout.uneven-ranks",
        f"{world} ranks cannot be shared evenly over {nodes} nodes of {pool.gpus_per_node} {pool.gpu.name}:"
        f" every node must hold as many ranks as the others",
    )


def _refuse_size(asked: Parallelism, pool: NodePool) -> Iterator[Refusal]:
    world, there = asked.tensor * asked.pipeline * asked.data, pool.gpus_per_node * pool.nodes
    if world > there:
        nodes = "1 node" if pool.nodes == 1 else f"{pool.nodes} nodes"
        copies = f" x DP{asked.data}" if asked.data > 1 else ""
        yield Refusal(
            "layout.too-few-gpus",
            f"TP{asked.tensor} x PP{asked.pipeline}{copies} needs {world} GPUs; {nodes} with {pool.gpus_per_node}"
            f" {pool.gpu.name} each have {there}",
        )


def _refuse_stages(asked: Parallelism, layers: int) -> Iterator[Refusal]:
    partition: Sequence[int] = asked.layer_partition
    if asked.pipeline > layers:
        yield Refusal(
            "layout.more-stages-than-layers",
            f"PP{asked.pipeline} has more stages than the model has layers ({layers}): a stage would be empty",
        )
    if partition and len(partition) != asked.pipeline:
        yield Refusal(
            "layout.layer-partition",
            f"parallelism.layerPartition names {len(partition)} stages, parallelism.pipeline {asked.pipeline}",
        )
    if partition and (sum(partition) != layers or min(partition) < 1):
        yield Refusal(
            "layout.layer-partition",
            f"parallelism.layerPartition adds up to {sum(partition)} layers, smallest stage {min(partition)};"
            f" the model has {layers} and every stage needs one",
        )


def _refuse_copies(asked: Parallelism, *, mixture: bool) -> Iterator[Refusal]:
    if asked.data > 1 and not mixture:
        yield Refusal(
            "layout.data-parallel",
            f"parallelism.data: {asked.data} makes independent copies of a model without experts;"
            f" `replicas: {asked.data}` serves as many, each with its own group",
        )
    if asked.expert and not mixture:
        yield Refusal(
            "layout.expert-parallel",
            "parallelism.expert: true deals out experts, and this model has none; leave it out",
        )
