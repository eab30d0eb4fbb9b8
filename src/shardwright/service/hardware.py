"""The cluster a recipe may use: names of the catalogue turned into values."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.core.hardware import Cluster, NodePool
from shardwright.facts import load as facts

if TYPE_CHECKING:
    from shardwright.core.hardware import Gpu
    from shardwright.core.recipe.model import Hardware

__all__ = ["AUTO_NODES", "cluster_of"]

AUTO_NODES = 64
"""How many nodes `nodes: auto` may take at most."""


def cluster_of(hardware: Hardware) -> Cluster:
    """What one replica may use; InputError names the field that is missing or unknown."""
    if hardware.pools:
        raise errors.InputError(
            "hardware.pools: inventories of several kinds of nodes are read but not planned in this version",
            hint="give hardware.gpu, hardware.gpusPerNode and hardware.nodes for one kind",
        )
    gpu, gpus_per_node = _node(hardware)
    nodes = AUTO_NODES if hardware.nodes == "auto" else hardware.nodes
    pool = NodePool(
        gpu=_checked(gpu, hardware),
        gpus_per_node=hardware.gpus_per_node or gpus_per_node,
        nodes=nodes,
        node_shape=hardware.node_shape or "",
    )
    return Cluster((pool,))


def _node(hardware: Hardware) -> tuple[Gpu, int]:
    """The GPU, and how many of it a node has unless the recipe says otherwise."""
    if hardware.node_shape:
        shape = facts.node_shape(hardware.node_shape)
        if hardware.gpus_per_node and hardware.gpus_per_node > shape.gpus:
            raise errors.InputError(
                f"hardware.gpusPerNode: {hardware.gpus_per_node} is more than {hardware.node_shape} has ({shape.gpus})",
                hint=f"at most {shape.gpus}, or another nodeShape",
            )
        return facts.gpu(shape.gpu, hardware.gpu_memory), shape.gpus
    if hardware.gpu is None:
        raise errors.InputError(
            "hardware.gpu is missing: a plan needs to know the GPUs",
            hint="add hardware: {gpu: L40S, gpusPerNode: 4, nodes: 2}, or use --gpu, --gpus-per-node and --nodes; with -f: --set hardware.gpu=L40S",
        )
    return facts.gpu(hardware.gpu, hardware.gpu_memory), 1


def _checked(gpu: Gpu, hardware: Hardware) -> Gpu:
    if not gpu.memory_bytes:
        raise errors.InputError(
            f"hardware.gpuMemory is missing: the catalogue has no memory for {gpu.name}",
            hint="give what the runtime reports as total: hardware.gpuMemory: 22Gi",
        )
    return dataclasses.replace(gpu, resource=hardware.resource or gpu.resource)
