"""Room for an update that starts new pods before old ones end."""

from __future__ import annotations

import dataclasses

import pytest
from built_facts import FACTS, GPU, NEEDS, NOT_ALLOWED, node, pod

from shardwright.core.lifecycle.updates import Course
from shardwright.core.preflight import surge

COURSE = Course(
    subject="LeaderWorkerSet llama", how="surge", replicas=1, serving=1, surge=1, own_gpus=2, more_gpus=2,
    field="spec.maxSurge: 1",
)  # fmt: skip
END = "apply once with --set replicas=0"
FULL = {"a": {GPU: 1.0}, "b": {GPU: 1.0}}
WANTING = dataclasses.replace(NEEDS, spare=surge.spare_pods(NEEDS.pods, 1, 1))


def status(course: Course | None = COURSE, **changes: object) -> str:
    facts = dataclasses.replace(FACTS, own_by_node=FULL, **changes)  # type: ignore[arg-type]
    return next((each.status for each in surge.check_surge(course, WANTING, facts, end_first=END)), "")


def test_own_pods_stand_in_the_way_of_a_surge() -> None:
    """They end only when the new ones are ready, unlike in an update that ends them first."""
    assert status() == "fail"
    assert status(nodes=tuple(node(name) for name in "abcd")) == "pass"
    assert status(nodes=tuple(node(name) for name in "abcd"), used={"c": {GPU: 1.0}}) == "fail"


def test_one_that_may_end_old_pods_goes_on_all_the_same() -> None:
    """With something that may be missing it is slower, and comes to its end."""
    assert status(dataclasses.replace(COURSE, replicas=2, serving=1)) == "warn"


@pytest.mark.parametrize(
    "course", [None, dataclasses.replace(COURSE, how="within"), dataclasses.replace(COURSE, how="anew")]
)
def test_what_starts_nothing_first_is_not_looked_at(course: Course | None) -> None:
    """Nothing is told of what does not apply."""
    assert status(course) == ""


def test_what_may_not_be_read_cannot_be_told() -> None:
    """Neither nodes nor pods."""
    assert status(nodes=NOT_ALLOWED) == status(used=NOT_ALLOWED) == "unknown"


def test_the_cure_names_the_field_and_a_way_without_more_gpus() -> None:
    """Both that frees GPUs and that asks for fewer."""
    full = dataclasses.replace(FACTS, own_by_node=FULL)
    (found,) = surge.check_surge(COURSE, WANTING, full, end_first=END)
    assert "2 more GPUs (spec.maxSurge: 1)" in found.message
    assert "--set replicas=0" in found.fix
    assert "spec.maxSurge" in found.fix


def test_spare_pods_are_those_of_as_many_replicas() -> None:
    """Of a group all pods; what runs once for all is counted up, and a download is none of it."""
    pods = (pod("leader", 2), pod("worker", 6), pod("router", 1), dataclasses.replace(pod("x"), is_member=False))
    assert [(each.name, each.count) for each in surge.spare_pods(pods, 2, 1)] == [
        ("leader", 1), ("worker", 3), ("router", 1),
    ]  # fmt: skip
    assert surge.spare_pods(pods, 0, 1) == surge.spare_pods(pods, 2, 0) == ()
