"""Whatever is killed: the first death is named, and nothing of the group is left."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import local_groups
import pytest

from shardwright import errors
from shardwright.local import proc
from shardwright.local.runner import LocalRunner
from waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from shardwright.local.spec import HostKind

pytestmark = pytest.mark.integration

EXPECTED = {
    "rank 0": ("host-0", [0]),
    "rank 3": ("host-1", [3]),
    "launcher host-0": ("host-0", [0, 1]),
    "launcher host-1": ("host-1", [2, 3]),
    "host host-0": ("host-0", [0, 1]),
    "host host-1": ("host-1", [2, 3]),
}
MEMBERS = [
    (kind, victim)
    for kind in local_groups.HOST_KINDS
    for victim in EXPECTED
    if kind == "netns" or not victim.startswith("host ")  # a loopback host is nothing that can be killed
]
STARTERS = [(kind, victim) for kind in local_groups.HOST_KINDS for victim in ("engine", "supervisor", "guard")]


@pytest.fixture
def runner(tmp_path: Path) -> LocalRunner:
    return LocalRunner(tmp_path / "state")


@pytest.mark.parametrize(("kind", "victim"), MEMBERS)
def test_a_killed_member_is_named(runner: LocalRunner, tmp_path: Path, kind: HostKind, victim: str) -> None:
    """The status says which process of which host went first, how, with which ranks, and what its host said last."""
    with runner.tied(local_groups.group(host_kind=kind)):
        pids = local_groups.bring_up(runner)
        os.kill(pids[victim], signal.SIGKILL)
        status = local_groups.wait_for_end(runner)
    host, ranks = EXPECTED[victim]
    death = status["firstDeath"]
    assert (status["reason"], death["host"], death["ranks"]) == ("failed", host, ranks)
    assert (death["pid"], death["signalName"]) == (pids[victim], "SIGKILL")
    assert "holds 2 workers" in "\n".join(death["log"])
    assert host in status["message"]
    assert local_groups.left_of(status["run"], tmp_path) == []


@pytest.mark.parametrize(("kind", "victim"), STARTERS)
def test_a_killed_starter_takes_the_group_along(
    runner: LocalRunner, tmp_path: Path, kind: HostKind, victim: str
) -> None:
    """When the engine's loader, the supervisor or its guard is killed, nothing of the group lives on, files included."""
    with runner.tied(local_groups.group(host_kind=kind)):
        os.kill(local_groups.bring_up(runner)[victim], signal.SIGKILL)
        status = local_groups.wait_for_end(runner)
    assert status["reason"] == "failed"
    assert {"engine": "loader", "supervisor": "supervisor was killed", "guard": "guard was killed"}[victim] in status[
        "message"
    ]
    assert local_groups.left_of(status["run"], tmp_path) == []


@pytest.mark.parametrize("kind", local_groups.HOST_KINDS)
def test_the_next_command_removes_what_two_kills_left(runner: LocalRunner, tmp_path: Path, kind: HostKind) -> None:
    """Supervisor and guard killed at once can clean nothing; the state they leave is swept and hinders no new start."""
    group = local_groups.group(host_kind=kind)
    with runner.tied(group):
        pids = local_groups.bring_up(runner)
        run = local_groups.run_of(runner)
        for role in ("guard", "supervisor"):
            os.kill(pids[role], signal.SIGKILL)
        wait_for(lambda: not any(is_running(pids[role]) for role in ("guard", "supervisor")))
        assert runner.sweep() == ("tests/fake",)
        assert local_groups.left_of(run, tmp_path) == []
        assert runner.sweep() == ()
    with runner.tied(group, keep=False):
        local_groups.bring_up(runner)


def is_running(pid: int) -> bool:
    """Whether a process of this number runs; one that waits to be collected does not."""
    try:
        return not proc.read_process(pid).is_zombie
    except ProcessLookupError:
        return False


def test_a_launcher_that_fails_is_named_with_its_log(runner: LocalRunner) -> None:
    """A program that exits while starting ends the group; the error says which, how, and shows its last lines."""
    group = local_groups.group(environment={"FAKE_FAIL": "1"})
    with runner.tied(group), pytest.raises(errors.TargetError) as caught:
        local_groups.bring_up(runner)
    assert "launcher of host-1" in caught.value.message
    assert "exited with code 3" in caught.value.message
    assert "RuntimeError: out of luck" in caught.value.hint


@pytest.mark.parametrize("variable", ["FAKE_LOAD_SECONDS", "FAKE_WARM_SECONDS"])
def test_a_start_that_takes_too_long_is_ended(runner: LocalRunner, tmp_path: Path, variable: str) -> None:
    """The start-up budget holds for loading the engine and for the first answer; what was started is gone."""
    group = local_groups.group(environment={variable: "60"}, startup_budget_seconds=1)
    with runner.tied(group), pytest.raises(errors.TargetError, match="after 1 s"):
        local_groups.bring_up(runner)
    status = local_groups.wait_for_end(runner)
    assert status["reason"] == "timed-out"
    assert local_groups.left_of(status["run"], tmp_path) == []


def test_a_process_that_ends_well_ends_nothing(runner: LocalRunner) -> None:
    """Helpers that an engine starts for a moment come and go; only the group's own processes count."""
    with runner.tied(local_groups.group(environment={"FAKE_HELPER": "1"}), keep=False):
        local_groups.bring_up(runner)
        wait_for(lambda: any(event.get("process") == "helper" for event in seen(runner)))
        assert local_groups.state_of(runner) == "ready"


def seen(runner: LocalRunner) -> list[Any]:
    """Events so far."""
    place = runner.observe("tests", "fake")["logs"]
    return local_groups.read_events(str(place))
