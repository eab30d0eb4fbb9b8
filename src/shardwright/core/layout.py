"""A layout: how many ways a model is split, and which rank stands on which node.

Ranks are numbered as engines number them: tensor-parallel ranks of a stage are neighbours, stages follow each other,
nodes are filled in order.
"""

from __future__ import annotations

from typing import Literal

from shardwright.values import frozen

__all__ = ["Layout", "Rank", "Remainder", "split_layers"]

Remainder = Literal["before-last", "last"]
"""Which stages of an engine's own split hold one layer more: the last ones but the very last, or the last ones."""


@frozen
class Rank:
    """One GPU process of a replica."""

    index: int
    node: int
    """Which node of the group, from 0; node 0 holds the leader."""
    local_index: int
    """Which GPU of that node, from 0."""
    stage: int
    tensor_index: int
    data_index: int = 0
    """Which of the data-parallel copies it belongs to."""


@frozen
class Layout:
    """Tensor x pipeline x data parallel sizes, on `nodes` nodes of `gpus_per_node` GPUs that are used."""

    tensor: int
    pipeline: int
    nodes: int
    gpus_per_node: int
    """GPUs used on each node; a node may have more."""
    stages: tuple[int, ...]
    """Layers of each pipeline stage."""
    data: int = 1
    """Copies of everything but experts, each with its own KV cache; outermost in the order of ranks."""
    expert: bool = False
    """Whole experts are dealt out over the tensor x data ranks of a stage instead of each being divided."""

    @property
    def expert_ranks(self) -> int:
        """Ranks that share the experts of a layer, whole or divided."""
        return self.tensor * self.data

    @property
    def world_size(self) -> int:
        """Ranks of one replica."""
        return self.tensor * self.pipeline * self.data

    @property
    def ranks(self) -> tuple[Rank, ...]:
        """All ranks in the engine's order."""
        return tuple(
            Rank(
                index=index,
                node=index // self.gpus_per_node,
                local_index=index % self.gpus_per_node,
                stage=index // self.tensor % self.pipeline,
                tensor_index=index % self.tensor,
                data_index=index // (self.tensor * self.pipeline),
            )
            for index in range(self.world_size)
        )

    def first_layer(self, stage: int) -> int:
        """Index of the first layer that a stage holds."""
        return sum(self.stages[:stage])

    def __str__(self) -> str:
        """`TP4 x PP2 on 2 nodes`, the form used in all texts."""
        data = f" x DP{self.data}" if self.data > 1 else ""
        nodes = "1 node" if self.nodes == 1 else f"{self.nodes} nodes"
        expert = " with EP" if self.expert else ""
        return f"TP{self.tensor} x PP{self.pipeline}{data}{expert} on {nodes}"


def split_layers(layers: int, stages: int, remainder: Remainder = "before-last") -> tuple[int, ...]:
    """Layers of each stage as an engine splits them by itself.

    `before-last` spares the last stage, which also holds the output head.
    Source: vLLM 0.24 and 0.32, SGLang 0.5.6 to 0.5.23 (`last`), distributed/utils.py get_pp_indices.
    """
    counts = [layers // stages] * stages
    first = 2 if remainder == "before-last" else 1
    for back in range(first, layers % stages + first):
        counts[-back] += 1
    return tuple(counts)
