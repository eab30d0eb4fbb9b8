"""What runs on this machine, listed while a cluster is at hand that does not answer."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import local_groups
import pytest

from shardwright.local.runner import LocalRunner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[Path]:
    """The kubeconfig of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        whole = {
            "current-context": "prod",
            "clusters": [{"name": "prod", "cluster": {"server": address}}],
            "contexts": [{"name": "prod", "context": {"cluster": "prod"}}],
        }
        path = tmp_path / "kubeconfig"
        path.write_text(json.dumps(whole), "utf-8")
        yield path


def test_a_cluster_that_hangs_hides_nothing(tmp_path: Path, hanging: Path) -> None:
    """Rows come within seconds, and why it is left out beside them; one that is asked for by name waits for no cluster."""
    state = tmp_path / "state"

    def status(*arguments: str) -> tuple[Any, str, float]:
        variables = {**os.environ, "KUBECONFIG": str(hanging), "SHARDWRIGHT_STATE_DIR": str(state)}
        command, began = [sys.executable, "-m", "shardwright", "status", "-o", "json", *arguments], time.monotonic()
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True, timeout=60)
        return json.loads(done.stdout), done.stderr, time.monotonic() - began

    with LocalRunner(state).tied(local_groups.group(engine_name="vllm"), keep=False):
        local_groups.bring_up(LocalRunner(state))
        (row,), told, seconds = status()
        keys = ("where", "context", "namespace", "name", "target", "state", "ready")
        assert [row[key] for key in keys] == ["machine", None, "tests", "fake", "local", "ready", "1/1"]
        assert "the cluster is left out: it did not answer within 5 s" in told
        assert seconds < 12
        one, told, seconds = status("fake", "-n", "tests")
        assert (one["state"], told, seconds < 5) == ("ready", "", True)
