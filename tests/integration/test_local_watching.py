"""A group of this machine, watched from its start to its end, in the words that a cluster's is told in."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import local_groups
import pytest

from shardwright.core.plugins import Manifest
from shardwright.local import spec
from shardwright.local.runner import LocalRunner
from shardwright.service import local_watching
from shardwright.settings import HubSettings, Settings
from waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration


def test_a_group_is_watched_to_its_end(tmp_path: Path) -> None:
    """States as they come; the watch goes on once it serves, and ends when the group has."""
    settings = Settings(tmp_path / "state", tmp_path, tmp_path, (), HubSettings("http://none.invalid", offline=True))
    runner = LocalRunner(settings.state_dir)
    group = local_groups.group(host_kind="loopback", engine_name="vllm", tensor=2, pipeline=2)
    runner.apply(Manifest(spec.KIND, group.name, spec.render_group(group)))
    told: list[str] = []

    def watch() -> None:
        nonlocal told
        for moment in local_watching.follow("tests", "fake", settings):
            told += [str(moment.news)]

    watching = threading.Thread(target=watch)
    watching.start()
    wait_for(lambda: "fake: ready" in told, 60)
    runner.stop("tests", "fake")
    watching.join(60)
    runner.delete("tests", "fake")
    assert not watching.is_alive()
    assert told[-1] == "fake: ended"
