"""Whoever stops a rehearsal, at whatever moment, finds a clean machine."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest
from stories import EXAMPLE, Home, traces

from waiting import wait_for

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

MOMENTS = [("preparing", 0.0), ("warming", 2.0), ("starting", 0.7), ("ready", 0.0)]


@pytest.fixture(autouse=True)
def heeded() -> Iterator[None]:
    """Programs that a script starts in the background ignore Ctrl-C, and so do those that they start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def states(home: Home) -> list[str]:
    """What is kept of deployments."""
    return [str(path) for path in home.state.glob("deployments/*/*")]


def shell_code(command: subprocess.Popen[str]) -> int:
    """As a shell tells it: Python ends by the signal itself if that came while it ran a text, as dataclasses do."""
    return 128 - command.returncode if command.returncode < 0 else command.returncode


@pytest.mark.parametrize(("state", "delay_seconds"), MOMENTS)
def test_ctrl_c_leaves_nothing(home: Home, state: str, delay_seconds: float) -> None:
    """Ctrl-C in a terminal reaches the whole process group; when the command returns, all is gone."""
    command = home.start("rehearse", "-f", str(EXAMPLE))
    run = home.wait_for_state(state)["run"]
    time.sleep(delay_seconds)
    os.killpg(command.pid, signal.SIGINT)
    said = command.communicate(timeout=30)[1]
    assert traces(home, run) == set()
    assert states(home) == []
    assert shell_code(command) == 130
    assert said.endswith("shardwright: interrupted\n")


def test_a_second_ctrl_c_leaves_nothing_either(home: Home) -> None:
    """People press it twice; the end that has begun is brought to its end all the same."""
    command = home.start("rehearse", "-f", str(EXAMPLE))
    home.wait_for_state("starting")
    time.sleep(0.5)
    for _ in range(2):
        os.killpg(command.pid, signal.SIGINT)
        time.sleep(0.2)
    said = command.communicate(timeout=30)[1]
    assert shell_code(command) == 130
    assert "Traceback" not in said
    wait_for(lambda: states(home) == [], 10)


def test_a_killed_rehearsal_is_swept(home: Home) -> None:
    """Its group ends without it within seconds; the next command forgets it."""
    command = home.start("rehearse", "-f", str(EXAMPLE))
    run = home.wait_for_state("starting")["run"]
    command.kill()
    command.communicate(timeout=10)
    wait_for(lambda: traces(home, run) == set(), 10)
    said = home.run("status")
    assert (said.stdout, said.stderr) == ("", "nothing is deployed on this machine\n")
    assert states(home) == []
