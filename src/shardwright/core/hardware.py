"""GPUs, nodes and the cluster a replica may use.

Memory is what the engine's runtime reports as total (CUDA's figure), not what the card is sold with: budgets are
fractions of the former.
"""

from __future__ import annotations

from shardwright.values import frozen

__all__ = ["Cluster", "Gpu", "NodePool"]


@frozen
class Gpu:
    """One kind of GPU; `device` is what the engine runs on."""

    name: str
    memory_bytes: int
    """Total as the runtime reports it; 0 where nobody measured it and none was given."""
    bandwidth_bytes_per_second: float | None
    dense_flops: float | None
    """Peak of dense matrices in bf16, in fp16 where the GPU has no bf16."""
    compute_capability: str | None
    link: str | None
    """How GPUs of one node reach each other: `nvlink4`, `pcie4` ..."""
    link_bytes_per_second: float | None
    """One direction, one GPU."""
    resource: str
    """Name of the Kubernetes resource: `nvidia.com/gpu` ..."""
    device: str = "cuda"
    """`cuda`, `rocm`, `xpu`, `hpu` or `cpu`."""
    source: str = ""
    network_bytes_per_second: float | None = None
    """Its share of its node's network to other nodes, one direction; None where the node is not known."""


@frozen
class NodePool:
    """Nodes of one kind."""

    gpu: Gpu
    gpus_per_node: int
    nodes: int
    node_shape: str = ""


@frozen
class Cluster:
    """What one replica may use."""

    pools: tuple[NodePool, ...]

    @property
    def gpu_count(self) -> int:
        """GPUs of all nodes."""
        return sum(pool.gpus_per_node * pool.nodes for pool in self.pools)
