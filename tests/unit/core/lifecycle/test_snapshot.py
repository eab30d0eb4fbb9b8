"""One word for a deployment, from what is seen of its members."""

from __future__ import annotations

import dataclasses

import pytest

from shardwright.core.lifecycle.snapshot import Condition, Download, Member, Snapshot, State, explanation, state_of

LEADER = Member("llama-0", 0, 0, "ready", uid="a")
WORKER = Member("llama-0-1", 0, 1, "ready", uid="b")
WHOLE = Snapshot(
    namespace="demo", name="llama", target="lws", is_present=True, size=2, members=(LEADER, WORKER), is_ready=True
)


def changed(member: Member, **fields: object) -> Member:
    return dataclasses.replace(member, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("members", "is_ready", "expected"),
    [
        ((LEADER, WORKER), True, "ready"),
        ((LEADER, WORKER), False, "degraded"),
        ((LEADER,), False, "pending"),
        ((changed(LEADER, state="pending"), changed(WORKER, state="pending")), False, "pending"),
        ((changed(LEADER, state="running"), WORKER), False, "starting"),
        ((changed(LEADER, state="creating"), changed(WORKER, state="creating")), False, "starting"),
        ((changed(LEADER, state="running"), changed(WORKER, state="waiting", restarts=2)), False, "restarting"),
        ((changed(LEADER, state="ending"), changed(WORKER, state="ended")), False, "restarting"),
        ((), False, "pending"),
    ],
)
def test_the_members_decide(members: tuple[Member, ...], *, is_ready: bool, expected: State) -> None:
    """A group serves when its leader is ready and all its members run; else the worst member names the state."""
    assert state_of(dataclasses.replace(WHOLE, members=members, is_ready=is_ready)) == expected


def test_what_is_stopped_is_so_once_its_controller_knows() -> None:
    """Before that it may still make the pods of what was asked for first."""
    none = dataclasses.replace(WHOLE, replicas=0, members=())
    assert state_of(none) == "stopped"
    assert state_of(dataclasses.replace(none, is_heeded=False)) == "ending"


def test_an_old_group_that_ends_does_not_serve() -> None:
    """Members that end are not counted, however ready their group looked a moment ago."""
    ending = (changed(LEADER, state="ending"), changed(WORKER, state="ending"))
    assert state_of(dataclasses.replace(WHOLE, members=ending)) == "restarting"


def test_one_of_two_replicas() -> None:
    """Some replicas serve: degraded."""
    assert state_of(dataclasses.replace(WHOLE, replicas=2, is_ready=False)) == "degraded"


def test_a_download_comes_first() -> None:
    """While the model is fetched nothing else is expected; a failed download is the cause of all that is missing."""
    for state, expected in (("waiting", "downloading"), ("running", "downloading"), ("failed", "failed")):
        fetching = Download("llama-download", state)  # type: ignore[arg-type]
        seen = dataclasses.replace(WHOLE, members=(), is_ready=False, downloads=(fetching,))
        assert state_of(seen) == expected
        assert state_of(dataclasses.replace(seen, is_present=False)) == expected


def test_what_is_gone() -> None:
    """Without its root object it is absent, or ending while pods are left."""
    assert state_of(dataclasses.replace(WHOLE, is_present=False, members=())) == "absent"
    assert state_of(dataclasses.replace(WHOLE, is_present=False)) == "ending"
    assert state_of(dataclasses.replace(WHOLE, is_ending=True)) == "ending"


def test_what_is_asked_for_without_replicas_is_stopped() -> None:
    """Once the last member is gone, whatever the platform's own condition says."""
    asked = dataclasses.replace(WHOLE, replicas=0)
    assert state_of(asked) == "ending"
    for is_ready in (True, False):
        assert state_of(dataclasses.replace(asked, members=(), is_ready=is_ready)) == "stopped"


def test_what_serves_needs_no_explanation() -> None:
    """A condition that is false explains a deployment that does not serve, and says nothing of one that does."""
    made = dataclasses.replace(WHOLE, conditions=(Condition("Progressing", "False", "Done", "nothing goes on"),))
    assert explanation(made) == ""
    assert explanation(dataclasses.replace(made, is_ready=False)) == "Progressing: nothing goes on"
