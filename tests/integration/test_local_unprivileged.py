"""Groups of a user without root: loopback hosts, and a clear word where namespaces are asked for."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import local_groups
import pytest

from shardwright.local import proc
from shardwright.local.runner import LocalRunner
from waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration

STARTER = str(Path(__file__).with_name("local_starter.py"))
NOBODY = 65534
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []


PYTHONS = (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}")
PACKAGES = os.pathsep.join((str(Path(__file__).parents[2] / "src"), sysconfig.get_path("purelib")))


@pytest.fixture(scope="module")
def python() -> str:
    """A Python that this user may run: the tests' own, or the system's with the same packages."""
    trial = 'exec "$0" -c "import shardwright.local.spec, psutil, pyroute2"'
    for candidate in PYTHONS:
        command = [*AS_NOBODY, "/bin/sh", "-c", trial, candidate]
        with contextlib.suppress(FileNotFoundError):
            if not subprocess.run(command, cwd="/", env=variables(), check=False, capture_output=True).returncode:
                return candidate
    pytest.skip("a user without rights can run no Python of this version here, or there is no setpriv")


@pytest.fixture
def home() -> Iterator[Path]:
    """A home for a user without rights, on a path that this user may walk."""
    made = Path(tempfile.mkdtemp(prefix="sw-home-"))
    if AS_NOBODY:
        os.chown(made, NOBODY, NOBODY)
    yield made
    shutil.rmtree(made)


def variables() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": PACKAGES, "PYTHONDONTWRITEBYTECODE": "1"}


def start(python: str, home: Path, kind: str) -> subprocess.Popen[str]:
    engine = f"PYTHONPATH={PACKAGES}"  # the group's own environment drops the caller's
    command = [*AS_NOBODY, python, STARTER, str(home / "state"), "fake", kind, engine]
    environment = {**variables(), "HOME": str(home)}
    return subprocess.Popen(command, cwd="/", env=environment, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("victim", ["rank 3", "launcher host-0", "supervisor", "guard", "starter"])
def test_loopback_hosts_end_without_root_as_well(python: str, home: Path, victim: str) -> None:
    """`auto` takes loopback addresses, and a kill of anything leaves nothing, although nobody's kernel cleans up."""
    runner = LocalRunner(home / "state")
    with start(python, home, "auto") as command:
        wait_for(lambda: local_groups.state_of(runner) == "ready")
        pids = local_groups.bring_up(runner) | {"starter": command.pid}
        status = runner.observe("tests", "fake")
        owners = {Path(f"/proc/{pid}").stat().st_uid for pid in pids.values()}
        os.kill(pids[victim], signal.SIGKILL)
        ended = local_groups.wait_for_end(runner)
        command.send_signal(signal.SIGINT)
    assert status["hostKind"] == "loopback"
    assert owners == {NOBODY if AS_NOBODY else os.geteuid()}
    assert local_groups.left_of(ended["run"], home) == []
    named = ended["firstDeath"]["host"] if ended["firstDeath"] else None
    assert named == {"rank 3": "host-1", "launcher host-0": "host-0"}.get(victim)


def test_namespaces_without_root_are_refused_with_a_cure(python: str, home: Path) -> None:
    """Asked for outright they are not silently replaced; the error names what to do."""
    with start(python, home, "netns") as command:
        said = command.communicate(timeout=20)[1]
    assert "EnvironmentFault" in said
    assert "need root" in said
    assert "--hosts loopback" in said
    assert not [pid for pid in proc.processes() if str(home) in str(_command(pid))]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
