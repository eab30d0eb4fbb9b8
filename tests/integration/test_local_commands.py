"""What users do to groups: start, repeat, interrupt, delete, in the wrong order and twice at once."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import local_groups
import pytest

from shardwright import errors
from shardwright.cli import local_start
from shardwright.core.plugins import Manifest
from shardwright.local import spec
from shardwright.local.runner import LocalRunner
from shardwright.local.spec import EngineProcess
from shardwright.service import local_past
from shardwright.settings import HubSettings, Settings
from waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.local.spec import HostKind, LocalGroup

pytestmark = pytest.mark.integration

STARTER = str(Path(__file__).with_name("local_starter.py"))
SLOW = {"warming": "FAKE_WARM_SECONDS=60", "starting": "FAKE_LOAD_SECONDS=60", "ready": "FAKE_LOAD_SECONDS=0"}


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[LocalRunner]:
    made = LocalRunner(tmp_path / "state")
    yield made
    for namespace, name in made.names():
        made.delete(namespace, name)


def manifest(group: LocalGroup) -> Manifest:
    return Manifest(spec.KIND, group.name, spec.render_group(group))


def start(tmp_path: Path, kind: str, *variables: str, name: str = "fake") -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, STARTER, str(tmp_path / "state"), name, kind, *variables])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill"])
@pytest.mark.parametrize("state", SLOW)
@pytest.mark.parametrize("kind", local_groups.HOST_KINDS)
def test_interrupted_at_any_time_nothing_is_left(
    runner: LocalRunner, tmp_path: Path, kind: HostKind, state: str, number: signal.Signals
) -> None:
    """Ctrl-C returns when all is gone; a killed command takes its group along, without its help."""
    with start(tmp_path, kind, SLOW[state]) as command:
        wait_for(lambda: local_groups.state_of(runner) == state)
        run = local_groups.run_of(runner)
        command.send_signal(number)
        assert command.wait(10) == (130 if number == signal.SIGINT else -signal.SIGKILL)
    if number == signal.SIGKILL:
        local_groups.wait_for_end(runner)
    assert local_groups.left_of(run, tmp_path) == []
    assert runner.observe("tests", "fake")["reason"] == "stopped"


@pytest.mark.parametrize("milliseconds", [30, 120, 200, 260, 320])
def test_interrupted_in_the_first_moments_nothing_is_left(tmp_path: Path, milliseconds: int) -> None:
    """Also where nothing tells yet how far the start has come."""
    with start(tmp_path, "auto", "FAKE_LOAD_SECONDS=60") as command:
        wait_for((tmp_path / "state").exists)
        threading.Event().wait(milliseconds / 1000)
        command.send_signal(signal.SIGINT)
        assert command.wait(10) == 130
    assert local_groups.left_below(tmp_path) == []


def test_apply_stays_and_delete_removes_it(runner: LocalRunner, tmp_path: Path) -> None:
    """A deployment outlives the command that applied it, and is gone with all its state after delete."""
    runner.apply(manifest(local_groups.group()))
    pids = local_groups.bring_up(runner)
    run = local_groups.run_of(runner)
    assert os.getpgid(pids["supervisor"]) != os.getpgid(0)
    assert runner.names() == (("tests", "fake"),)
    runner.delete("tests", "fake")
    assert local_groups.left_of(run, tmp_path) == []
    assert list((tmp_path / "state" / "deployments").iterdir()) == []
    with pytest.raises(errors.NotFound, match="no deployment tests/fake"):
        runner.delete("tests", "fake")


def test_applying_again_changes_only_what_differs(runner: LocalRunner) -> None:
    """The same group goes on running; another of this name takes its place, and both are kept as revisions."""
    runner.apply(manifest(local_groups.group()))
    first = local_groups.run_of(runner)
    runner.apply(manifest(local_groups.group()))
    assert local_groups.run_of(runner) == first
    runner.apply(manifest(local_groups.group(ranks=1)))
    assert local_groups.run_of(runner) != first
    assert runner.observe("tests", "fake")["revision"] == 2
    local_groups.bring_up(runner, ranks=2)


def test_an_earlier_revision_is_started_again(
    runner: LocalRunner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Going back starts what was, until it answers; the history says what served, the newest last."""
    kept = Settings(tmp_path / "state", tmp_path, tmp_path, (), HubSettings("", offline=True))
    runner.apply(manifest(local_groups.group(recipe_digest="one", engine_name="vllm")))
    local_groups.bring_up(runner)
    runner.apply(manifest(local_groups.group(recipe_digest="two")))
    assert local_past.roll_back("tests", "fake", None, kept) == 1
    found = local_past.documents(local_past.history("tests", "fake", kept))
    assert [(each["revision"], each["recipeDigest"]) for each in found] == [(1, "one"), (2, "two"), (3, "one")]
    assert [found[0]["outcome"], found[2]["outcome"]] == ["ready", "applying"]
    with pytest.raises(errors.NotFound, match="no revision 9") as refused:
        local_past.roll_back("tests", "fake", 9, kept)
    assert refused.value.hint == "kept are: 1, 2, 3"
    local_start.follow("tests", "fake", kept, 60)
    assert local_groups.state_of(runner) == "ready"
    assert "curl http" in capsys.readouterr().out


def test_one_name_runs_once(runner: LocalRunner, tmp_path: Path) -> None:
    """A second start names who holds the deployment, and leaves it alone."""
    with start(tmp_path, "auto") as command:
        wait_for(lambda: local_groups.state_of(runner) == "ready")
        with (
            pytest.raises(errors.Conflict, match=f"a rehearsal that pid {command.pid} started"),
            runner.tied(local_groups.group(), keep=False),
        ):
            pass
        with pytest.raises(errors.Conflict, match="rehearsal"):
            runner.apply(manifest(local_groups.group(ranks=1)))
        assert local_groups.state_of(runner) == "ready"
        runner.stop("tests", "fake")
        command.send_signal(signal.SIGINT)


def test_commands_at_once_conflict(runner: LocalRunner) -> None:
    """Of several commands that start the same deployment in one moment, one does."""
    results: list[str] = []

    def apply() -> None:
        try:
            runner.apply(manifest(local_groups.group()))
            results.append("applied")
        except errors.Conflict:
            results.append("conflict")

    threads = [threading.Thread(target=apply) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["applied", "conflict", "conflict", "conflict"]


def test_a_taken_port_is_passed_over_or_named(runner: LocalRunner) -> None:
    """Without a wish the next free port is used; a pinned port that is taken ends the start and names its owner."""
    with socket.create_server(("0.0.0.0", 0)) as other:  # noqa: S104 - taken for everyone
        port = other.getsockname()[1]
        group = local_groups.group(host_kind="loopback", serve_port=port)
        with runner.tied(group, keep=False):
            assert runner.observe("tests", "fake")["servePort"] != port
        pinned = local_groups.group(host_kind="loopback", serve_port=port, serve_port_pinned=True)
        with (
            pytest.raises(errors.Conflict, match=rf"port {port} .* \(pid {os.getpid()}\)"),
            runner.tied(pinned, keep=False),
        ):
            pass
    assert runner.names() == ()


def test_without_an_engine_nothing_starts(runner: LocalRunner) -> None:
    """The error says how to install one; no state is left."""
    with (
        pytest.raises(errors.EnvironmentFault, match="no installed engine") as caught,
        runner.tied(local_groups.group(engine=EngineProcess()), keep=False),
    ):
        pass
    assert "shardwright engine install" in caught.value.hint
    assert runner.names() == ()


def test_a_program_that_is_not_there_is_named(runner: LocalRunner) -> None:
    """A missing program is an error about it, not a trace of ours."""
    engine = EngineProcess(sys.executable, ("/no/such/program",))
    with runner.tied(local_groups.group(engine=engine)), pytest.raises(errors.EnvironmentFault, match="No such file"):
        local_groups.bring_up(runner)


def test_a_variable_from_a_secret_is_passed_on_and_written_nowhere(
    runner: LocalRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its value reaches the engine and no file; without it the start says which variable is missing."""
    group = local_groups.group()
    asking = spec.Program(group.leader.argv, group.leader.environment, ("FAKE_TOKEN",))
    group = local_groups.group(leader=asking, worker=asking)
    with runner.tied(group, keep=False), pytest.raises(errors.EnvironmentFault, match="FAKE_TOKEN"):
        local_groups.bring_up(runner)
    monkeypatch.setenv("FAKE_TOKEN", "a-very-secret-value")
    with runner.tied(group, keep=False):
        local_groups.bring_up(runner)
        seen: Any = runner.request("tests", "fake", "/where", None)
        written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert seen["variables"]["FAKE_TOKEN"] == "a-very-secret-value"
    assert b"a-very-secret-value" not in written


def test_a_request_waits_for_nobody(runner: LocalRunner) -> None:
    """A group that does not serve yet says so at once, and so does one that has ended."""
    slow = local_groups.group(environment={"FAKE_LOAD_SECONDS": "60"})
    with runner.tied(slow), pytest.raises(errors.TemporaryError, match="not ready yet"):
        runner.request("tests", "fake", "/health", None)
    with pytest.raises(errors.TargetError, match="ended on request"):
        runner.request("tests", "fake", "/health", None)


def test_a_request_that_fails_names_its_address(runner: LocalRunner) -> None:
    """An engine that hangs up in the middle of a request is an error of the engine, with the address that was asked."""
    with runner.tied(local_groups.group(), keep=False):
        local_groups.bring_up(runner)
        with pytest.raises(errors.TargetError, match=r"http://.*/v1/completions: "):
            runner.request("tests", "fake", "/v1/completions", {"no": "prompt"})
