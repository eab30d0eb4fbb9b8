"""A deployment on this machine from its start to its end, and what is seen when it fails on the way."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

import httpx2
import psutil
import pytest
from stories import PROMPT, Home, local_recipe, shared_twin, traces

from waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]


def recipe_file(folder: Path, hosts: str = "auto") -> str:
    """A recipe for two stages, called `story`."""
    path = folder / "recipe.yaml"
    path.write_text(local_recipe("story", shared_twin(2, 2), tensor=1, pipeline=2, hosts=hosts), "utf-8")
    return str(path)


def announced(home: Home, name: str) -> dict[str, Any]:
    """The process of that name, as the status lists it; empty while it is not there."""
    processes: list[dict[str, Any]] = home.status("story")["processes"]
    return next((process for process in processes if process["process"] == name), dict[str, Any]())


def test_from_apply_to_delete(home: Home, tmp_path: Path) -> None:
    """It can be watched while it starts, a second apply finds it as asked, it answers, and delete leaves nothing."""
    recipe = recipe_file(tmp_path)
    home.run("apply", "-y", "--no-wait", "-f", recipe)
    starting = home.status("story")
    assert starting["state"] in {"warming", "starting"}
    assert [rank["rank"] for rank in starting["ranks"]] == [0, 1]
    assert all(rank["percent"] < 100 for rank in starting["ranks"])
    assert home.run("logs", "story").stdout == ""
    again = home.run("apply", "-y", "-f", recipe)
    assert "rank 1 on host-1: ready (100 %)" in again.stderr
    ready = home.status("story")
    assert (ready["run"], ready["revision"], ready["state"]) == (starting["run"], 1, "ready")
    assert ready["url"] in again.stdout
    body = {"model": "story", "prompt": PROMPT, "max_tokens": 4}
    assert httpx2.post(f"{ready['url']}/v1/completions", json=body, timeout=60).json()["choices"][0]["text"].strip()
    assert home.run("status").stdout.splitlines()[1].split()[:3] == ["default", "story", "ready"]
    hosts = {line.partition(" | ")[0] for line in home.run("logs", "story").stdout.splitlines()}
    assert hosts == {"host-0", "host-1"}
    home.run("delete", "story", "-y")
    assert list(home.state.glob("deployments/*")) == []


def test_a_rank_killed_while_starting(home: Home, tmp_path: Path) -> None:
    """The command that waits and the status afterwards name the rank and show what its host said last."""
    command = home.start("apply", "-y", "-f", recipe_file(tmp_path))
    home.wait_for_state("starting")
    wait_for(lambda: bool(announced(home, "VllmWorker-1")), 30)
    pid = announced(home, "VllmWorker-1")["pid"]
    os.kill(pid, signal.SIGKILL)
    said = command.communicate(timeout=60)[1]
    first = f"rank 1 (VllmWorker-1, pid {pid}) on host-1 was killed by SIGKILL"
    assert command.returncode == 1
    assert f"shardwright: default/story: {first}" in said
    shown = [line.strip() for line in said.partition("last lines of host-1:\n")[2].splitlines()]
    written = home.run("logs", "story", "--rank", "1").stdout.splitlines()
    assert shown
    assert set(shown) <= {line.partition(" | ")[2].strip() for line in written}
    assert f"first to end: {first}" in home.run("status", "story").stdout
    home.run("delete", "story", "-y")
    assert "no deployment" in home.run("delete", "story", "-y", code=1).stderr


def test_an_engine_that_refuses_its_model(home: Home, tmp_path: Path) -> None:
    """A folder without weights can be planned, not served: the engine's own words reach the user."""
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_bytes((shared_twin(2, 2) / "config.json").read_bytes())
    recipe = local_recipe("story", model, tensor=1, pipeline=1)
    done = home.run("apply", "-y", "-f", "-", text=recipe, code=1)
    assert "default/story: " in done.stderr
    assert "Error" in done.stderr.partition("default/story: ")[2]
    home.run("delete", "story", "-y")


def test_what_two_kills_left_is_swept(home: Home, tmp_path: Path) -> None:
    """Supervisor and guard killed at once can clean nothing; the next command does, and says what happened."""
    home.run("apply", "-y", "--no-wait", "-f", recipe_file(tmp_path, "loopback"))
    status = home.wait_for_state("starting")
    for role in ("guard", "supervisor"):
        os.kill(status[role][0], signal.SIGKILL)
    wait_for(lambda: not any(psutil.pid_exists(status[role][0]) for role in ("guard", "supervisor")), 10)
    swept = json.loads(home.run("status", "-o", "json").stdout)
    assert [(one["state"], one["reason"]) for one in swept] == [("ended", "failed")]
    assert "supervisor was killed" in swept[0]["message"]
    assert traces(home, status["run"]) == set()
    home.run("delete", "story", "-y")
