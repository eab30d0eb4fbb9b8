from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from shardwright import errors
from shardwright.local import following, proc, state, sweeping
from shardwright.local.changes import Change, follow_changes

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("namespace", "name"), [("..", "x"), ("a", "../b"), ("a", ""), ("a", "B"), ("a", "x" * 64)])
def test_names_lead_nowhere_else(tmp_path: Path, namespace: str, name: str) -> None:
    """A deployment's name becomes a folder; nothing but a DNS label may."""
    with pytest.raises(errors.InputError, match="DNS label"):
        state.place_of(tmp_path, namespace, name)


def test_a_held_lock_names_its_holder(tmp_path: Path) -> None:
    """The second who asks learns who has it; afterwards it is free."""
    place = state.place_of(tmp_path, "demo", "llama")
    with (
        state.take_lock(place, "lock", "pid 17"),
        pytest.raises(errors.Conflict, match="demo/llama is held by pid 17"),
        state.take_lock(place, "lock", "pid 18"),
    ):
        pass
    with state.take_lock(place, "lock", "pid 18"):
        pass


def test_a_lock_holds_although_its_folder_was_deleted(tmp_path: Path) -> None:
    """A new folder of the same name has a lock of its own; the old holder does not hinder, nor is it hindered."""
    place = state.place_of(tmp_path, "demo", "llama")
    with state.take_lock(place, "lock", "the old one"):
        place.remove()
        with state.take_lock(place, "lock", "the new one"):
            assert (place.folder / "lock").read_text("utf-8") == "the new one"


def test_files_of_others_are_private(tmp_path: Path) -> None:
    """Logs may hold prompts: folders are their owner's alone."""
    place = state.place_of(tmp_path, "demo", "llama")
    place.make()
    assert {path.stat().st_mode & 0o77 for path in (place.folder, *place.folder.iterdir())} == {0}


def test_half_a_file_reads_as_none(tmp_path: Path) -> None:
    """What a full disk cut off, or what is not there, is empty; what was written is there as a whole."""
    path = tmp_path / "status.json"
    assert state.read_json(path) == {}
    path.write_text('{"state": "rea', "utf-8")
    assert state.read_json(path) == {}
    state.write_json(path, {"state": "ready"})
    assert state.read_json(path) == {"state": "ready"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["status.json"]


def test_the_latest_revisions_are_kept(tmp_path: Path) -> None:
    """Numbers go on; only so many are kept."""
    place = state.place_of(tmp_path, "demo", "llama")
    place.make()
    assert [state.write_revision(place, {"run": str(number)}) for number in range(25)][-1] == 25
    assert place.revisions() == list(range(6, 26))
    assert state.read_json(place.revision(25))["run"] == "24"


def make_status(tmp_path: Path, **fields: object) -> state.Place:
    """A deployment as a supervisor that was killed leaves it."""
    place = state.place_of(tmp_path, "demo", "llama")
    place.make()
    folder = tmp_path / "sw-00000000"
    folder.mkdir()
    status = {"run": "00000000", "state": "ready", "revision": 1, "runtimeFolder": str(folder), "guard": [1, 2]}
    state.write_json(place.revision(1), {"run": "00000000"})
    state.write_json(place.status, status | fields)
    return place


def test_what_a_dead_supervisor_left_is_swept_once(tmp_path: Path) -> None:
    """Its deployment is marked ended with the reason, also in its revision; its temporary folder is gone."""
    place = make_status(tmp_path)
    assert sweeping.sweep(tmp_path) == ("demo/llama",)
    assert sweeping.sweep(tmp_path) == ()
    status = state.read_json(place.status)
    assert (status["state"], status["reason"], status["code"]) == ("ended", "failed", "supervisor-vanished")
    assert "killed" in str(state.read_json(place.revision(1))["outcome"])
    assert not (tmp_path / "sw-00000000").exists()


def test_what_a_living_supervisor_holds_is_left_alone(tmp_path: Path) -> None:
    """As long as the lock is held nothing is swept, whatever the status says."""
    place = make_status(tmp_path)
    with state.take_lock(place, "lock", "a living one"):
        assert sweeping.sweep(tmp_path) == ()
    assert state.read_json(place.status)["state"] == "ready"


def test_a_number_given_again_is_not_killed(tmp_path: Path) -> None:
    """A process of the list is known by its start time too, and by the machine's start: this one is none of them."""
    place = make_status(tmp_path)
    for boot, ticks in ((proc.boot_id(), 1), ("another boot", proc.identity(os.getppid()).start_ticks)):
        state.write_json(place.status, state.read_json(place.status) | {"state": "ready"})
        listed = [{"pid": os.getppid(), "startTicks": ticks}]
        state.write_json(place.members, {"boot": boot, "processes": listed})
        assert sweeping.sweep(tmp_path) == ("demo/llama",)
    assert proc.is_alive(proc.identity(os.getppid()))


def test_last_lines_say_something(tmp_path: Path) -> None:
    """Blank lines are left out, broken characters do no harm, and no log is no line."""
    log = tmp_path / "host-0.log"
    assert following.last_lines(log, 3) == []
    log.write_bytes(b"one\n\ntwo \xff\n   \nthree\n")
    assert following.last_lines(log, 2) == ["two \ufffd", "three"]


def test_lines_are_followed_as_they_come(tmp_path: Path) -> None:
    """Half a line waits for its rest; at the end it is given as it is."""
    log = tmp_path / "host-0.log"
    texts = iter(["one\ntw", "o\nthr", ""])

    def is_over() -> bool:
        with log.open("a", encoding="utf-8") as target:
            target.write(next(texts))
        return log.read_text("utf-8").endswith("thr")

    assert list(following.follow_lines({7: log}, is_over)) == [(7, "one"), (7, "two"), (7, "thr")]


def test_changes_are_states_and_lines(tmp_path: Path) -> None:
    """A state comes before the lines that were seen in it; the stream ends when the group serves."""
    log = tmp_path / "host-0.log"
    states = iter(["starting", "starting", "ready"])

    def read_status() -> dict[str, object]:
        with log.open("a", encoding="utf-8") as target:
            target.write("a line\n")
        return {"state": next(states)}

    changes = [(change.state, change.line) for change in follow_changes({0: log}, read_status)]
    line = "a line"
    assert changes == [("starting", None), ("starting", line), ("starting", line), ("ready", None), ("ready", line)]
    assert Change("ready", 1.0).line is None


def test_events_are_json_lines(tmp_path: Path) -> None:
    """One event is one line, in the order in which they happened."""
    path = tmp_path / "events.ndjson"
    for number in range(3):
        state.append_event(path, {"event": "state", "number": number})
    lines = path.read_text("utf-8").splitlines()
    assert [json.loads(line)["number"] for line in lines] == [0, 1, 2]
