"""Which nodes are looked at one by one before all pods of a cluster are read."""

from __future__ import annotations

import dataclasses

import pytest
from built_facts import GPU, NEEDS, node

from shardwright.core.preflight import looking, surge

FULL = {GPU: 1.0}
WANTING = dataclasses.replace(NEEDS, spare=surge.spare_pods(NEEDS.pods, 1, 1))


def looks(count: int, *free: int) -> list[int]:
    """How many nodes are looked at in each turn, of so many candidates of which some have a free GPU."""
    able = [node(f"node-{index}") for index in range(count)]
    used = {each.name: {} if index in free else FULL for index, each in enumerate(able)}
    looked, turns = 0, list[int]()
    while batch := looking.next_nodes(NEEDS, able, able[:looked], used):
        turns.append(len(batch))
        looked += len(batch)
    return turns


@pytest.mark.parametrize(
    ("count", "free", "turns"),
    [
        (0, (), []),
        (10, (), [10]),
        (60, (), [24, 36]),
        (1000, (), [24]),
        (1000, (5,), [24, 72]),
        (1000, (30,), [24]),
        (3000, (), [24, 72]),
    ],
)
def test_more_nodes_are_looked_at_where_that_may_do(count: int, free: tuple[int, ...], turns: list[int]) -> None:
    """Where the first have room for some of the group, where all pods are very many, or few nodes are left."""
    assert looks(count, *free) == turns


def test_where_empty_nodes_have_no_room_nothing_is_read() -> None:
    """No pod that runs there is to blame; an update may have room for what the whole group has not."""
    assert looking.may_have_room(NEEDS, [node("a"), node("b")])
    assert not looking.may_have_room(NEEDS, [node("a")])
    smaller = dataclasses.replace(WANTING, spare=WANTING.spare[:1])
    assert looking.may_have_room(smaller, [node("a")])


def test_candidates_lie_far_from_each_other() -> None:
    """Neighbours fill up together: the first that are looked at are spread over all nodes that could take a pod."""
    able = [node(f"node-{index}") for index in range(240)]
    found = looking.candidates(NEEDS, [*able, node("none", gpus=0)])
    assert [each.name for each in found[:3]] == ["node-0", "node-10", "node-20"]
    assert sorted(each.name for each in found) == sorted(each.name for each in able)


def test_room_for_an_update_is_room_beside_what_there_is() -> None:
    """Where the deployment has pods already, what an update starts first must have a place as well."""
    able = [node(name) for name in "abc"]
    assert looking.has_room(WANTING, able, {}, {})
    assert not looking.has_room(WANTING, able, {}, {"a": FULL, "b": FULL})
    assert looking.has_room(WANTING, [*able, node("d")], {}, {"a": FULL, "b": FULL})
