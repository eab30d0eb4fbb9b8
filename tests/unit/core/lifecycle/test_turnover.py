"""Pods that take each other's place are counted, by role, and told with who makes them."""

from __future__ import annotations

import dataclasses

from shardwright.core.lifecycle.snapshot import Member, Snapshot
from shardwright.core.lifecycle.turnover import Turnover

SET = "ReplicaSet llama-worker"
LEADER = Member("llama-0", 0, 0, "ready", uid="a", made_by="ReplicaSet llama")
NOW = Snapshot(namespace="demo", name="llama", target="kserve", is_present=True, size=2, members=(LEADER,))


def with_worker(uid: str) -> Snapshot:
    worker = Member(f"llama-worker-{uid}", 0, 1, "running", uid=uid, made_by=SET)
    return dataclasses.replace(NOW, members=(LEADER, worker))


def test_one_pod_a_place_is_no_turnover() -> None:
    """However often it is seen; pods that an update is to replace are not counted."""
    seen = Turnover(old=frozenset({"old"}))
    for uid in ("old", "b", "b"):
        seen.see(with_worker(uid))
    assert (seen.is_any, seen.told()) == (False, "")


def test_pods_in_the_place_of_others_are_told() -> None:
    """How many there were, of which role, made by whom, and the last two names."""
    seen = Turnover()
    for uid in ("b", "c", "d", "e"):
        seen.see(with_worker(uid))
    assert seen.is_any
    assert seen.told() == (
        f"there were 4 pods in the place of 1 worker, made by {SET}; the last: llama-worker-d, llama-worker-e"
    )


def test_two_at_one_moment_take_the_place_of_one() -> None:
    """The old one is not told to end yet when the next is made: it is one place all the same."""
    seen = Turnover()
    for uids in (("b", "c"), ("d", "e")):
        workers = tuple(with_worker(uid).members[1] for uid in uids)
        seen.see(dataclasses.replace(NOW, members=(LEADER, *workers)))
    assert "4 pods in the place of 1 worker," in seen.told()


def test_replicas_have_places_of_their_own() -> None:
    """Two replicas of two: two leaders and two workers are as they should be."""
    asked = dataclasses.replace(NOW, replicas=2)
    seen = Turnover()
    members = (LEADER, dataclasses.replace(LEADER, uid="b", group=1))
    seen.see(dataclasses.replace(asked, members=members))
    assert not seen.is_any
    scaled = Turnover()  # by something outside, so that there are more than are asked for
    scaled.see(dataclasses.replace(NOW, size=1, members=members))
    assert not scaled.is_any
    seen.see(dataclasses.replace(asked, members=(dataclasses.replace(LEADER, uid="c"),)))
    assert "3 pods in the place of 2 leaders" in seen.told()
