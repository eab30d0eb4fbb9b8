"""Emulated hosts of both kinds, with real processes on them."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import local_groups
import pytest

from shardwright import errors
from shardwright.local.runner import LocalRunner

if TYPE_CHECKING:
    from pathlib import Path

    from shardwright.local.spec import HostKind

pytestmark = pytest.mark.integration
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")


@pytest.fixture
def runner(tmp_path: Path) -> LocalRunner:
    return LocalRunner(tmp_path / "state")


@needs_root
def test_a_host_of_its_own_shares_nothing(runner: LocalRunner) -> None:
    """Host name, processes, shared memory and network are the host's; its peers are reached by address over the bridge."""
    with runner.tied(local_groups.group(host_kind="netns", hosts=3, ranks=1), keep=False):
        local_groups.bring_up(runner, ranks=3)
        seen: Any = runner.request("tests", "fake", "/where", None)
        run = local_groups.run_of(runner)
    assert (seen["hostName"], seen["interfaces"], seen["pids"][0]) == ("host-0", ["eth0", "lo"], 1)
    assert len(seen["pids"]) < 8
    assert seen["sharedMemory"] == [f"sem.sw{run}-rank0", f"sw{run}-rank0"]
    network = seen["variables"]["SHARDWRIGHT_OWN_ADDRESS"].rpartition(".")[0]
    assert seen["peers"] == {f"1:{network}.3": "host-1", f"2:{network}.4": "host-2"}


@pytest.mark.parametrize("kind", local_groups.HOST_KINDS)
@pytest.mark.parametrize("warm", [True, False], ids=["warm", "cold"])
def test_a_group_answers_and_is_gone_after_it(
    runner: LocalRunner, tmp_path: Path, kind: HostKind, *, warm: bool
) -> None:
    """Two hosts with two ranks each serve; when the block ends nothing of them is to be seen."""
    with runner.tied(local_groups.group(host_kind=kind, warm=warm), keep=False):
        local_groups.bring_up(runner)
        status = runner.observe("tests", "fake")
        answer: Any = runner.request("tests", "fake", "/v1/completions", {"prompt": "abc"})
        run = local_groups.run_of(runner)
    assert answer["choices"][0]["text"] == "cba"
    assert (status["hostKind"], status["state"]) == (kind, "ready")
    assert local_groups.left_of(run, tmp_path) == []
    assert runner.names() == ()


@pytest.mark.parametrize("kind", local_groups.HOST_KINDS)
def test_hosts_get_folders_and_variables_of_their_own(
    runner: LocalRunner, monkeypatch: pytest.MonkeyPatch, kind: HostKind
) -> None:
    """Temporary files go to the run's folder; the caller's Python settings stay with the caller, its folder does not."""
    monkeypatch.setenv("PYTHONPATH", "/somewhere/else")
    monkeypatch.setenv("FAKE_MARK", "kept")
    with runner.tied(local_groups.group(host_kind=kind), keep=False):
        local_groups.bring_up(runner)
        seen: Any = runner.request("tests", "fake", "/where", None)
    variables = seen["variables"]
    assert variables["FAKE_MARK"] == "kept"
    assert "PYTHONPATH" not in variables
    assert variables["TMPDIR"].endswith("/host-0")
    assert len(variables["TMPDIR"]) < 60
    assert seen["folder"] == os.getcwd()  # noqa: PTH109 - compared as a text


@pytest.mark.parametrize("kind", local_groups.HOST_KINDS)
def test_two_groups_at_once_do_not_meet(runner: LocalRunner, kind: HostKind) -> None:
    """Different deployments get different addresses, and each leader answers for its own group."""
    one, two = (local_groups.group(name=name, host_kind=kind) for name in ("one", "two"))
    with runner.tied(one, keep=False), runner.tied(two, keep=False):
        for name in ("one", "two"):
            local_groups.bring_up(runner, name)
        statuses: list[Any] = [runner.observe("tests", name) for name in ("one", "two")]
        addresses = {host["address"] for status in statuses for host in status["hosts"]}
        runs = [local_groups.run_of(runner, name) for name in ("one", "two")]
        seen: list[Any] = [runner.request("tests", name, "/where", None) for name in ("one", "two")]
    assert len(addresses) == 4
    assert [answer["variables"]["SHARDWRIGHT_RUN"] for answer in seen] == runs


def test_logs_are_kept_by_host(runner: LocalRunner) -> None:
    """Each line comes with the index of its host; one host can be asked for, an unknown one is named."""
    with runner.tied(local_groups.group()):
        local_groups.bring_up(runner)
        followed = runner.logs("tests", "fake", member=1, follow=True)
        assert next(followed) == (1, "starting member 1")
    rest = list(followed)
    assert rest[0] == (1, "member 1 holds 2 workers and 1 connections")
    lines = list(runner.logs("tests", "fake", member=None, follow=False))
    assert {member for member, _ in lines} == {0, 1}
    with pytest.raises(errors.NotFound, match="members 0 to 1"):
        runner.logs("tests", "fake", member=2, follow=False)


def test_the_first_answer_comes_soon(runner: LocalRunner) -> None:
    """What is ours takes little of the time to the first answer; the stand-in engine itself starts at once."""
    began = time.monotonic()
    with runner.tied(local_groups.group(), keep=False):
        local_groups.bring_up(runner)
        assert time.monotonic() - began < 5
