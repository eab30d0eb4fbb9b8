"""The cluster a recipe may use: names of the catalogue turned into values."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.core.hardware import Cluster, NodePool
from shardwright.facts import load as facts
from shardwright.kubernetes import accelerators

if TYPE_CHECKING:
    from shardwright.core.hardware import Gpu
    from shardwright.core.recipe.model import Hardware, Pool

__all__ = ["AUTO_NODES", "cluster_of"]

AUTO_NODES = 64
"""How many nodes `nodes: auto` may take at most."""


def cluster_of(hardware: Hardware) -> Cluster:
    """What one replica may use; InputError names the field that is missing or unknown."""
    if hardware.pools:
        pools = (
            _pool(pool, pool.nodes, f"hardware.pools[{index}]", hardware.resource)
            for index, pool in enumerate(hardware.pools)
        )
        return Cluster(tuple(pools))
    nodes = AUTO_NODES if hardware.nodes == "auto" else hardware.nodes
    return Cluster((_pool(hardware, nodes, "hardware", hardware.resource),))


def _pool(asked: Hardware | Pool, nodes: int, path: str, resource: str | None) -> NodePool:
    gpu, gpus_per_node = _node(asked, path)
    if not gpu.memory_bytes:
        raise errors.InputError(
            f"it is missing: the catalogue has no memory for {gpu.name}",
            hint=f"give what the runtime reports as total: {path}.gpuMemory: 22Gi",
            path=f"{path}.gpuMemory",
        )
    return NodePool(
        gpu=_with_resource(gpu, resource),
        gpus_per_node=asked.gpus_per_node or gpus_per_node,
        nodes=nodes,
        node_shape=asked.node_shape or "",
    )


def _with_resource(gpu: Gpu, resource: str | None) -> Gpu:
    """Of a GPU that is not listed the resource says whose it is, and so what the engine runs on.

    InputError where a listed GPU is not of that vendor.
    """
    known = None if resource is None else accelerators.accelerator_of(resource)
    if resource is None or known is None or gpu.device in {known.device, "cpu"}:
        return dataclasses.replace(gpu, resource=resource or gpu.resource)
    if facts.is_listed(gpu.name):
        raise errors.InputError(
            f"{resource} is a device of {known.vendor}; {gpu.name} is one of {gpu.resource.partition('/')[0]}",
            hint=f"leave hardware.resource out ({gpu.resource} is used), or name a GPU of {known.vendor}",
            path="hardware.resource",
        )
    return dataclasses.replace(gpu, resource=resource, device=known.device)


def _node(asked: Hardware | Pool, path: str) -> tuple[Gpu, int]:
    """The GPU, and how many of it a node has unless the recipe says otherwise."""
    if asked.node_shape:
        return _shaped(asked, path)
    if asked.gpu is None:
        raise errors.InputError(
            "it is missing: a plan needs to know the GPUs",
            hint="add hardware: {gpu: L40S, gpusPerNode: 4, nodes: 2}, or use --gpu, --gpus-per-node and --nodes; with -f: --set hardware.gpu=L40S",
            path=f"{path}.gpu",
        )
    try:
        return facts.gpu(asked.gpu, asked.gpu_memory), 1
    except errors.InputError as error:
        raise errors.InputError(error.message, hint=error.hint, path=f"{path}.gpu") from error


def _shaped(asked: Hardware | Pool, path: str) -> tuple[Gpu, int]:
    try:
        shape = facts.node_shape(asked.node_shape or "")
    except errors.InputError as error:
        raise errors.InputError(error.message, hint=error.hint, path=f"{path}.nodeShape") from error
    if asked.gpus_per_node and asked.gpus_per_node > shape.gpus:
        raise errors.InputError(
            f"{asked.gpus_per_node} is more than {asked.node_shape} has ({shape.gpus})",
            hint=f"at most {shape.gpus}, or another nodeShape",
            path=f"{path}.gpusPerNode",
        )
    gpu = facts.gpu(shape.gpu, asked.gpu_memory)
    network = (shape.rdma_bits_per_second or shape.network_bits_per_second) / 8 / shape.gpus
    return dataclasses.replace(gpu, network_bytes_per_second=network), shape.gpus
