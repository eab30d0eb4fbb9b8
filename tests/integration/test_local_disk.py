"""A disk that is full: nothing starts half, and what runs can still be ended."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import local_groups
import pytest

from shardwright import errors
from shardwright.core.plugins import Manifest
from shardwright.local import spec
from shardwright.local.runner import LocalRunner
from waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="a small disk is made by a mount, which needs root"),
]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["/bin/umount", "--lazy", str(disk)], check=True)


def fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as target:
        try:
            while True:
                target.write(b"x" * 4096)
        except OSError:
            return


def test_on_a_full_disk_nothing_starts(small_disk: Path) -> None:
    """The error names the file, the cause and another place; no process is left."""
    runner = LocalRunner(small_disk / "state")
    fill(small_disk)
    with (
        pytest.raises(errors.EnvironmentFault, match="No space left") as caught,
        runner.tied(local_groups.group(), keep=False),
    ):
        pass
    assert "SHARDWRIGHT_STATE_DIR" in caught.value.hint
    assert local_groups.left_of("none", small_disk) == []


def test_a_group_ends_when_the_disk_is_full(small_disk: Path) -> None:
    """Its end can be written down only when there is space again, but its processes and files are gone at once."""
    runner = LocalRunner(small_disk / "state")
    with runner.tied(local_groups.group()):
        pids = local_groups.bring_up(runner)
        run = local_groups.run_of(runner)
        fill(small_disk)
        os.kill(pids["rank 0"], signal.SIGKILL)
        wait_for(lambda: local_groups.left_of(run, small_disk) == [])
        (small_disk / "filler").unlink()
        wait_for(lambda: local_groups.state_of(runner) == "ended")


def test_a_deployment_is_deleted_on_a_full_disk(small_disk: Path) -> None:
    """Deleting frees space, so it may need none."""
    runner = LocalRunner(small_disk / "state")
    runner.apply(Manifest(spec.KIND, "fake", spec.render_group(local_groups.group())))
    local_groups.bring_up(runner)
    run = local_groups.run_of(runner)
    fill(small_disk)
    runner.delete("tests", "fake")
    assert local_groups.left_of(run, small_disk) == []
    assert runner.names() == ()
