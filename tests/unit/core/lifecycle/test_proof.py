"""What proves that a deployment serves, and what does not."""

from __future__ import annotations

import dataclasses

import pytest

from shardwright.core.lifecycle import proof
from shardwright.core.lifecycle.snapshot import Member, Snapshot
from shardwright.testing import builders

LAYOUT = builders.layout(1, 2, nodes=2)
MEMBERS = tuple(Member(f"llama-0-{index}", 0, index, "ready", node=f"node-{index}", gpus=1) for index in (0, 1))
WHOLE = Snapshot(namespace="demo", name="llama", target="lws", is_present=True, size=2, members=MEMBERS)
PLAN = {"kvTokens": 1000, "kvTokensLow": 950, "kvTokensHigh": 1050}


def judged(snapshot: Snapshot) -> dict[str, str]:
    return {point.name: point.status for point in proof.place_points(snapshot, LAYOUT, has_gpus=True)}


def test_every_rank_is_in_its_place() -> None:
    """As many members as planned, each with the GPUs of its ranks."""
    assert judged(WHOLE) == {"members": "pass", "GPUs": "pass"}


def test_a_missing_member_or_gpu_is_seen() -> None:
    """A group of one that claims to be ready is not what was planned."""
    assert judged(dataclasses.replace(WHOLE, members=MEMBERS[:1])) == {"members": "fail", "GPUs": "pass"}
    poor = dataclasses.replace(WHOLE, members=(MEMBERS[0], dataclasses.replace(MEMBERS[1], gpus=0)))
    assert judged(poor) == {"members": "pass", "GPUs": "fail"}


def test_two_members_on_one_node_are_pointed_out() -> None:
    """It serves, but over another network than the planned one."""
    together = dataclasses.replace(WHOLE, members=tuple(dataclasses.replace(each, node="node-0") for each in MEMBERS))
    assert judged(together)["nodes"] == "warn"


@pytest.mark.parametrize(
    ("products", "status"),
    [
        (("NVIDIA-A10G", "NVIDIA-A10G-SHARED"), "pass"),
        (("NVIDIA-A10G", "Tesla-T4"), "warn"),
        (("NVIDIA-A10G", "NVIDIA-A100-SXM4-80GB"), "warn"),
        (("NVIDIA-A10G", ""), "unknown"),
    ],
)
def test_gpus_are_of_the_planned_kind(products: tuple[str, str], status: str) -> None:
    """By the labels of the nodes; where a node has none, that is said and nothing is claimed."""
    planned: dict[int, tuple[str, ...]] = dict.fromkeys((0, 1), ("A10G", "A10G-24GB"))
    kinds = proof.GpuKinds(planned=planned, products={f"node-{index}": each for index, each in enumerate(products)})
    points = {each.name: each for each in proof.place_points(WHOLE, LAYOUT, has_gpus=True, kinds=kinds)}
    assert points["GPU kind"].status == status
    if status == "warn":
        assert f"llama-0-1 on node-1 has {products[1]}, planned A10G" in points["GPU kind"].text


def living(member: Member, uid: str, **fields: object) -> Member:
    return dataclasses.replace(member, uid=uid, **fields)  # type: ignore[arg-type]


def test_only_members_that_stay_are_proven() -> None:
    """Replaced, started again or ending while it was asked: told with what is there instead; more replicas are no matter."""
    leader, worker = living(MEMBERS[0], "a"), living(MEMBERS[1], "b")
    before = dataclasses.replace(WHOLE, members=(leader, worker))
    assert proof.steady_point(before, before).status == "pass"
    more = dataclasses.replace(before, members=(leader, worker, living(MEMBERS[0], "x", group=1)))
    assert proof.steady_point(before, more).status == "pass"
    new = living(MEMBERS[1], "c", name="llama-0-1b", made_by="ReplicaSet llama-worker")
    replaced = proof.steady_point(before, dataclasses.replace(before, members=(leader, new)))
    assert (replaced.name, replaced.status) == (proof.STEADY, "fail")
    assert "worker llama-0-1; new: llama-0-1b, made by ReplicaSet llama-worker" in replaced.text
    for changed in (living(worker, "b", restarts=1), living(worker, "b", state="ending")):
        assert proof.steady_point(before, dataclasses.replace(before, members=(leader, changed))).status == "fail"


def test_nodes_that_may_not_be_listed_are_no_failure() -> None:
    """What stood in the way is told."""
    kinds = proof.GpuKinds(planned={}, products={}, untold="not allowed: list nodes")
    point = list(proof.place_points(WHOLE, LAYOUT, has_gpus=True, kinds=kinds))[-1]
    assert (point.status, point.text) == ("unknown", "not allowed: list nodes")


@pytest.mark.requirement("R083")
@pytest.mark.parametrize(
    ("tree", "status"),
    [
        ({"choices": [{"text": "Mount Everest", "finish_reason": "length"}]}, "pass"),
        ({"choices": [{"text": "4", "finish_reason": "stop"}]}, "pass"),
        ({"choices": []}, "fail"),
        ({}, "fail"),
        ({"choices": [{"text": "  ", "finish_reason": "stop"}]}, "fail"),
        ({"choices": [{"text": "!!!!!!!!", "finish_reason": "length"}]}, "fail"),
        ({"choices": [{"text": "\N{REPLACEMENT CHARACTER}" * 3, "finish_reason": "length"}]}, "fail"),
        ({"choices": [{"text": "Mount Everest", "finish_reason": None}]}, "fail"),
    ],
)
def test_an_answer_has_text_of_a_working_model(tree: dict[str, object], status: str) -> None:
    """Choices that are not empty, ended by length or stop, and not one letter over and over."""
    assert proof.answer_point(tree, 0.5).status == status


def test_the_model_is_served_by_its_name() -> None:
    """Requests that name another would get 404."""
    tree = {"data": [{"id": "llama"}]}
    assert [proof.models_point(tree, name).status for name in ("llama", "other")] == ["pass", "fail"]


@pytest.mark.parametrize(
    ("logged", "status"), [(1000, "pass"), (955, "pass"), (900, "warn"), (2000, "warn"), (None, "unknown")]
)
def test_a_drift_of_the_kv_cache_is_shown(logged: int | None, status: str) -> None:
    """What the engine printed against the planned interval; a drift is no failure."""
    point = proof.kv_point(PLAN, logged)
    assert point.status == status
    assert logged is None or f"{(logged - 1000) / 1000:+.1%}" in point.text
