"""Which layouts are looked at, in which order, and what a pinned one is refused for."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardwright.core.hardware import NodePool
from shardwright.core.layout import Layout
from shardwright.core.plan import layouts
from shardwright.core.recipe.model import Parallelism
from shardwright.testing import builders


def pool(gpus_per_node: int = 4, nodes: int = 2) -> NodePool:
    """Nodes of L40S."""
    return NodePool(builders.gpu("L40S"), gpus_per_node, nodes)


def rules(asked: Parallelism, kind: NodePool | None = None, *, layers: int = 32) -> list[str]:
    """The rules that refuse a pinned layout."""
    found = layouts.pinned_layout(asked, layers, kind or pool(), fewest_nodes=False)
    return [refusal.rule for refusal in found] if isinstance(found, tuple) else []


@pytest.mark.requirement("R049")
@pytest.mark.requirement("R154")
def test_auto_looks_at_one_gpu_then_one_node_then_many() -> None:
    """Fewest GPUs first, then fewest nodes, then the larger tensor parallel size."""
    seen = [(one.world_size, one.nodes, one.tensor) for one in layouts.auto_layouts(32, 4, 2)]
    assert seen == [
        (1, 1, 1),
        (2, 1, 2),
        (2, 1, 1),
        (3, 1, 3),
        (3, 1, 1),
        (4, 1, 4),
        (4, 1, 2),
        (4, 1, 1),
        (8, 2, 4),
        (8, 2, 2),
        (8, 2, 1),
    ]


@pytest.mark.requirement("R153")
@given(gpus=st.integers(1, 8), nodes=st.integers(1, 6), layers=st.integers(1, 40))
def test_auto_uses_several_nodes_only_whole_and_keeps_tensor_groups_inside(gpus: int, nodes: int, layers: int) -> None:
    """Partly used nodes and spanning groups are never chosen first; no stage is empty."""
    for layout in layouts.auto_layouts(layers, gpus, nodes):
        assert layout.nodes == 1 or layout.gpus_per_node == gpus
        assert layout.gpus_per_node % layout.tensor == 0
        assert layout.gpus_per_node * layout.nodes == layout.world_size
        assert min(layout.stages) > 0


def test_spanning_layouts_are_those_that_auto_leaves_out() -> None:
    """Tensor groups over nodes come only where nothing else fits."""
    inside = set(layouts.auto_layouts(32, 2, 4))
    spanning = list(layouts.spanning_layouts(32, 2, 4))
    assert [(one.tensor, one.pipeline) for one in spanning] == [(4, 1), (6, 1), (4, 2), (8, 1)]
    assert not inside & set(spanning)


def test_a_pinned_layout_is_kept_on_all_its_nodes() -> None:
    """Only `auto` may choose fewer nodes."""
    found = layouts.pinned_layout(Parallelism(2, 4), 32, pool(), fewest_nodes=False)
    assert found == Layout(2, 4, 2, 4, (8, 8, 8, 8))


@pytest.mark.parametrize(("tensor", "pipeline", "nodes"), [(1, 1, 1), (4, 1, 1), (4, 2, 2), (2, 3, 3), (8, 1, 2)])
def test_with_nodes_auto_a_pinned_layout_takes_as_few_as_keep_tensor_groups_whole(
    tensor: int, pipeline: int, nodes: int
) -> None:
    """A tensor group spans nodes only where it is larger than a node."""
    found = layouts.pinned_layout(Parallelism(tensor, pipeline), 32, pool(4, 8), fewest_nodes=True)
    assert isinstance(found, Layout)
    assert found.nodes == nodes


@pytest.mark.parametrize(
    ("asked", "rule"),
    [
        (Parallelism(4, 4), "layout.too-few-gpus"),
        (Parallelism(1, 3), "layout.uneven-ranks"),
        (Parallelism(1, 1), "layout.uneven-ranks"),
        (Parallelism(1, 4, layer_partition=(8, 8, 16)), "layout.layer-partition"),
        (Parallelism(1, 2, layer_partition=(16, 15)), "layout.layer-partition"),
        (Parallelism(1, 2, layer_partition=(32, 0)), "layout.layer-partition"),
        (Parallelism(1, 2, data=2), "layout.data-parallel"),
        (Parallelism(1, 2, expert=True), "layout.expert-parallel"),
    ],
)
def test_a_pinned_layout_that_cannot_be_is_refused_by_rule(asked: Parallelism, rule: str) -> None:
    """Each reason has its own rule."""
    assert rules(asked) == [rule]


def test_more_stages_than_layers_are_refused() -> None:
    """A stage would stand empty, and engines do not check it."""
    assert rules(Parallelism(1, 4), layers=3) == ["layout.more-stages-than-layers"]


def test_all_reasons_are_given_at_once() -> None:
    """Nobody should have to correct one after the other."""
    asked = Parallelism(4, 64, data=2, layer_partition=(1, 2))
    assert len(set(rules(asked))) == 4


def test_a_given_partition_replaces_the_engine_split() -> None:
    """Uneven stages are the user's to choose."""
    found = layouts.pinned_layout(Parallelism(2, 4, layer_partition=(7, 8, 8, 9)), 32, pool(), fewest_nodes=False)
    assert isinstance(found, Layout)
    assert found.stages == (7, 8, 8, 9)


def test_refusals_carry_numbers() -> None:
    """What is asked and what is there stand in the message."""
    found = layouts.pinned_layout(Parallelism(4, 4), 32, pool(), fewest_nodes=False)
    assert isinstance(found, tuple)
    assert all(number in found[0].message for number in ("TP4 x PP4", "16 GPUs", "have 8"))


@given(gpus=st.integers(1, 8), nodes=st.integers(1, 4))
def test_costs_never_fall_along_the_order(gpus: int, nodes: int) -> None:
    """Whoever takes the first that fits takes the cheapest."""
    costs = [(one.world_size, one.nodes) for one in layouts.auto_layouts(64, gpus, nodes)]
    assert all(before <= after for before, after in itertools.pairwise(costs) if before[1] == after[1])
