"""Where ranks stand, which layers they hold, and who leads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardwright.core.group import group_of
from shardwright.core.layout import Layout, Remainder, split_layers
from shardwright.testing import builders


@pytest.mark.parametrize(
    ("layers", "stages", "expected"),
    [
        (61, 2, (31, 30)),
        (61, 4, (15, 15, 16, 15)),
        (61, 8, (7, 7, 8, 8, 8, 8, 8, 7)),
        (80, 3, (27, 27, 26)),
        (36, 8, (4, 4, 4, 5, 5, 5, 5, 4)),
    ],
)
def test_the_remainder_goes_to_late_stages_but_not_the_last(
    layers: int, stages: int, expected: tuple[int, ...]
) -> None:
    """As vLLM 0.32 get_pp_indices splits, run with these numbers."""
    assert split_layers(layers, stages) == expected


@pytest.mark.parametrize(
    ("layers", "stages", "expected"), [(61, 2, (30, 31)), (61, 4, (15, 15, 15, 16)), (80, 3, (26, 27, 27))]
)
def test_the_remainder_can_go_to_the_last_stages(layers: int, stages: int, expected: tuple[int, ...]) -> None:
    """As SGLang 0.5.16 get_pp_indices splits, run with these numbers."""
    assert split_layers(layers, stages, "last") == expected


@given(layers=st.integers(1, 200), stages=st.integers(1, 64), remainder=st.sampled_from(["before-last", "last"]))
def test_every_layer_stands_on_exactly_one_stage(layers: int, stages: int, remainder: Remainder) -> None:
    """The sum over stages equals the whole, and stages differ by one layer at most."""
    counts = split_layers(layers, stages, remainder)
    assert (len(counts), sum(counts)) == (stages, layers)
    assert max(counts) - min(counts) <= 1


def test_ranks_fill_nodes_in_order_tensor_fastest() -> None:
    """TP2 x PP2 on two nodes: a stage a node, neighbours share a stage."""
    ranks = builders.layout(2, 2, nodes=2).ranks
    assert [(rank.node, rank.local_index, rank.stage, rank.tensor_index) for rank in ranks] == [
        (0, 0, 0, 0),
        (0, 1, 0, 1),
        (1, 0, 1, 0),
        (1, 1, 1, 1),
    ]


def test_a_layout_is_read_as_text() -> None:
    """One form in all texts."""
    assert str(builders.layout(4, 2, nodes=2)) == "TP4 x PP2 on 2 nodes"
    assert str(Layout(1, 1, 1, 1, (32,))) == "TP1 x PP1 on 1 node"


def test_a_stage_starts_after_the_layers_before_it() -> None:
    """First layers follow from the stages."""
    layout = Layout(1, 3, 1, 3, (2, 3, 4))
    assert [layout.first_layer(stage) for stage in range(3)] == [0, 2, 5]


@given(tensor=st.sampled_from([1, 2, 4, 8]), pipeline=st.integers(1, 8), nodes=st.sampled_from([1, 2, 4, 8]))
def test_a_group_has_a_member_a_node_and_every_rank_once(tensor: int, pipeline: int, nodes: int) -> None:
    """Node 0 leads; no rank is lost or doubled."""
    if tensor * pipeline % nodes:
        return
    group = group_of(builders.layout(tensor, pipeline, nodes=nodes))
    assert group.size == nodes
    assert group.leader.node == 0
    assert [member.role for member in group.members] == ["leader"] + ["worker"] * (nodes - 1)
    assert [rank for member in group.members for rank in member.ranks] == list(range(tensor * pipeline))
