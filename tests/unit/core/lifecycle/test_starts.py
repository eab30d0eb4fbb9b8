"""How far each rank is: by its member's log, life by life, and what that looks like as things that happened."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from shardwright.core.lifecycle import happenings
from shardwright.core.lifecycle.snapshot import Condition, Download, Member, Remark, Snapshot
from shardwright.core.lifecycle.starts import Starts
from shardwright.registry import load_engine
from shardwright.testing import builders

if TYPE_CHECKING:
    from shardwright.core.plugins import LogEvent

SHARDS = "(Worker_PP0_TP0 pid=7) Loading safetensors checkpoint shards:  50% Completed | 2/4 [00:01<00:01]"
LOADED = "INFO 11-21 18:00:03 [model.py:1] Model loading took 7.5 GiB memory and 3.000000 seconds"


def event(line: str) -> LogEvent:
    found = load_engine("vllm").read_log(line)
    assert found is not None
    return found


def starts_of_two() -> Starts:
    made = Starts(builders.layout(1, 2, nodes=2))
    for member in (0, 1):
        made.begin(0, member, f"uid-{member}/0")
    return made


def test_a_line_moves_the_ranks_of_its_member() -> None:
    """Coordinates in a line say which rank; progress carries what the log counts."""
    starts = starts_of_two()
    (moved,) = starts.feed(0, 0, event(SHARDS))
    assert (moved.rank, moved.phase, moved.percent, moved.text) == (0, "shards", 33, "2 of 4")
    assert [each.percent for each in starts.all()] == [33, 0]


def test_a_phase_is_told_with_its_time_and_its_pace() -> None:
    """Since its first line; one of two halves after twelve seconds is about 24 for the whole; the next phase begins anew."""
    starts = starts_of_two()
    first = SHARDS.replace("50%", "0%").replace("2/4", "0/4")
    (begun,) = starts.feed(0, 0, event(first), 1000.0)
    assert (begun.seconds(1003.0), begun.expected_seconds) == (3.0, 0)
    (moved,) = starts.feed(0, 0, event(SHARDS), 1012.0)
    assert (moved.seconds(1015.0), moved.expected_seconds) == (15.0, 24.0)
    assert str(happenings.of_rank(moved, "pod-0", 1012.0)).endswith("2 of 4, 12 s of about 24 s")
    (loaded,) = starts.feed(0, 0, event(LOADED), 1024.0)
    assert (loaded.since, loaded.expected_seconds) == (1024.0, 0)
    assert starts.all()[1].seconds(1024.0) is None


def test_a_clock_that_is_behind_tells_no_negative_time() -> None:
    """The node's clock is ahead of this one's."""
    (moved,) = starts_of_two().feed(0, 0, event(LOADED), 1000.0)
    assert moved.seconds(990.0) == 0


def test_a_rank_that_is_ready_is_in_no_phase() -> None:
    """Nothing is waited for any more."""
    starts = starts_of_two()
    starts.feed(0, 0, event(LOADED), 1000.0)
    starts.finish(0)
    assert [each.seconds(1001.0) for each in starts.all()] == [None, None]


def test_loading_is_told_with_its_speed() -> None:
    """GiB, seconds and GB/s of one line."""
    (moved,) = starts_of_two().feed(0, 1, event(LOADED))
    assert (moved.rank, moved.text) == (1, "7.5 GiB in 3 s, 2.7 GB/s")


def test_a_member_made_anew_begins_again() -> None:
    """A new pod, or a restarted container, has a new life; the other members keep theirs."""
    starts = starts_of_two()
    for member in (0, 1):
        starts.feed(0, member, event(LOADED))
    assert not starts.begin(0, 1, "uid-1/0")
    assert starts.begin(0, 1, "uid-9/0")
    assert [(each.percent, each.text != "") for each in starts.all()] == [(58, True), (0, False)]


def test_a_replica_that_serves_is_ready_in_all_ranks() -> None:
    """Logs of headless members end before."""
    starts = starts_of_two()
    starts.feed(0, 0, event(LOADED))
    assert [each.phase for each in starts.finish(0)] == ["ready", "ready"]
    assert starts.finish(0) == ()


def test_without_a_layout_a_member_is_one() -> None:
    """Of objects that others made, ranks are not known."""
    starts = Starts(None)
    starts.begin(2, 1, "a")
    (moved,) = starts.feed(2, 1, event(SHARDS))
    assert (moved.replica, moved.member, moved.rank, moved.percent) == (2, 1, None, 33)
    assert str(happenings.of_rank(moved, "pod-1")) == "pod-1: shards (33 %): 2 of 4"


MEMBER = Member("llama-0", 0, 0, "creating", uid="a", node="node-1")
BEFORE = Snapshot(namespace="demo", name="llama", target="lws", is_present=True, members=(MEMBER,))


def told(after: Snapshot, before: Snapshot | None = BEFORE) -> list[str]:
    return [str(each) for each in happenings.between(before, after)]


def test_nothing_new_is_nothing() -> None:
    """The same snapshot twice."""
    assert told(BEFORE) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"state": "running"}, ["llama-0: running on node-1"]),
        ({"state": "ended", "reason": "exit 1"}, ["llama: restarting", "llama-0: ended on node-1: exit 1"]),
        ({"uid": "b", "state": "pending", "node": ""}, ["llama: pending", "llama-0: gone", "llama-0: pending"]),
    ],
)
def test_members_are_told_by_their_uid(change: dict[str, str], expected: list[str]) -> None:
    """A pod of the same name is another one when its uid is."""
    assert told(dataclasses.replace(BEFORE, members=(dataclasses.replace(MEMBER, **change),))) == expected


def test_conditions_downloads_and_warnings_are_told_when_they_change() -> None:
    """A warning that comes again is told again; conditions that were never bad are not."""
    after = dataclasses.replace(
        BEFORE,
        conditions=(Condition("Ready", "False", "Starting", "not yet"), Condition("Good", "True")),
        downloads=(Download("load", "running"),),
        remarks=(Remark("Pod llama-0", "Unhealthy", "refused", 2, "t"),),
    )
    assert told(after) == [
        "llama: downloading",
        "Ready: False: Starting: not yet",
        "download: load: running",
        "warning: Pod llama-0: Unhealthy: refused",
    ]
    held = dataclasses.replace(after, downloads=(Download("load", "waiting", "load-x is creating: ErrImagePull"),))
    assert told(held, after) == ["download: load: waiting: load-x is creating: ErrImagePull"]
    again = dataclasses.replace(after, remarks=(Remark("Pod llama-0", "Unhealthy", "refused", 3, "t"),))
    assert told(again, after) == ["warning: Pod llama-0: Unhealthy: refused"]
