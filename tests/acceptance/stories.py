"""What acceptance tests share: the command as users run it, and recipes for the real engine on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

from shardwright.core import twin
from shardwright.core.layout import Layout
from shardwright.models import load_shape, twin_files
from shardwright.settings import load_settings

EXAMPLE = Path(__file__).parents[2] / "examples" / "llama-3-8b-two-nodes.yaml"
PROMPT = "one two three"


@dataclass(frozen=True)
class Home:
    """A state folder of a test's own; the engine and the caches are the user's."""

    state: Path

    @property
    def environment(self) -> dict[str, str]:
        """What commands run with."""
        return {**os.environ, "SHARDWRIGHT_STATE_DIR": str(self.state), "HF_HUB_OFFLINE": "1", "NO_COLOR": "1"}

    def run(self, *arguments: str, text: str | None = None, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """One command, with standard input if it reads some; checks the exit code unless `code` is None."""
        done = subprocess.run(
            command(*arguments),
            input=text,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command that is not waited for."""
        pipe = subprocess.PIPE
        return subprocess.Popen(command(*arguments), env=self.environment, stdout=pipe, stderr=pipe, text=True)

    def status(self, name: str) -> dict[str, Any]:
        """Status of a deployment."""
        return json.loads(self.run("status", name, "-o", "json").stdout)


def command(*arguments: str) -> list[str]:
    """The command line of a user."""
    return [sys.executable, "-m", "shardwright", *arguments]


def shared_twin(tensor: int, pipeline: int) -> Path:
    """Folder of a twin of Llama-3-8B that every layout up to this one can serve."""
    settings = load_settings()
    shape = load_shape("llama-3-8b", settings=settings.hub)
    layout = Layout(tensor, pipeline, pipeline, tensor, stages=(1,) * pipeline)
    shrunken = twin.twin_config(shape, layout, 64 * 1024**3)
    assert isinstance(shrunken, twin.Twin)
    return twin_files.write_twin(shrunken, settings.cache_dir)


def local_recipe(name: str, model: Path, *, tensor: int, pipeline: int, hosts: str = "netns") -> str:
    """A recipe that serves a folder on this machine's CPUs, one stage a host."""
    document = {
        "apiVersion": "shardwright.dev/v1",
        "kind": "Recipe",
        "metadata": {"name": name},
        "model": {"source": str(model), "dtype": "float32"},
        "engine": {"version": "0.32.0"},
        "workload": {"maxModelLen": 512},
        "parallelism": {"tensor": tensor, "pipeline": pipeline},
        "hardware": {"gpu": "cpu", "gpuMemory": "6Gi", "gpusPerNode": tensor, "nodes": pipeline},
        "target": {"kind": "local", "options": {"hosts": hosts}},
    }
    return yaml.safe_dump(document)


def traces(home: Home) -> set[str]:
    """What runs leave on a machine: processes that carry a state folder's path; links and shared memory of any run."""
    mark = str(home.state)
    found = {f"pid {process.pid}" for process in psutil.process_iter() if _mentions(process, mark)}
    found |= {f"link {path.name}" for path in Path("/sys/class/net").glob("sw*")}
    return found | {f"shared memory {path.name}" for path in Path("/dev/shm").glob("sw*")}


def _mentions(process: psutil.Process, mark: str) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return mark in " ".join(process.cmdline()) or mark in process.environ().get("SHARDWRIGHT_STATE_DIR", "")
    except psutil.Error:
        return False
