"""What acceptance tests share: the command as users run it, and recipes for the real engine on this machine."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import yaml

from shardwright.core import twin
from shardwright.core.layout import Layout
from shardwright.models import load_shape, twin_files
from shardwright.settings import load_settings
from waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping

EXAMPLE = Path(__file__).parents[2] / "examples" / "llama-3-8b-two-nodes.yaml"
PROMPT = "one two three"
STATES = ("none", "preparing", "warming", "starting", "ready", "ending", "ended")


@dataclass(frozen=True)
class Home:
    """A state folder of a test's own; the engine and the caches are the user's."""

    state: Path
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    """What differs from the tests' own environment."""
    through: tuple[str, ...] = ()
    """A program that runs the command, as another user perhaps."""

    @property
    def environment(self) -> dict[str, str]:
        """What commands run with."""
        own = {"SHARDWRIGHT_STATE_DIR": str(self.state), "HF_HUB_OFFLINE": "1", "NO_COLOR": "1"}
        return {**os.environ, **own, **self.variables}

    def command(self, *arguments: str) -> list[str]:
        """The command line of a user."""
        return [*self.through, sys.executable, "-m", "shardwright", *arguments]

    def run(self, *arguments: str, text: str | None = None, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """One command, with standard input if it reads some; checks the exit code unless `code` is None."""
        done = subprocess.run(
            self.command(*arguments),
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
        """A command that is not waited for, in a process group of its own, as a shell starts it."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            self.command(*arguments),
            env=self.environment,
            stdout=pipe,
            stderr=pipe,
            text=True,
            start_new_session=True,
        )

    def status(self, name: str) -> dict[str, Any]:
        """Status of a deployment."""
        return json.loads(self.run("status", name, "-o", "json").stdout)

    def peek(self) -> dict[str, Any]:
        """Status of the only deployment, read from its file, which takes no time; empty while there is none."""
        for path in self.state.glob("deployments/*/*/status.json"):
            with contextlib.suppress(FileNotFoundError):
                return json.loads(path.read_bytes())
        return {}

    def wait_for_state(self, state: str, timeout_seconds: float = 120) -> dict[str, Any]:
        """The status once the only deployment is in that state, or in a later one."""
        last = STATES.index(state)
        wait_for(lambda: STATES.index(self.peek().get("state", "none")) >= last, timeout_seconds)
        return self.peek()


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


def traces(home: Home, only: str = "") -> set[str]:
    """What runs leave on a machine: processes, links, shared memory, folders; but what living runs of others hold.

    `only`: label of a run; then nothing of others is counted, whatever they do at the same time.
    """
    processes = list(psutil.process_iter())
    others = {run for process in processes if (run := _supervised_run(process, home))}
    found = {text for process in processes if (text := _trace(process, home))}
    for folder, pattern in (
        ("/sys/class/net", "sw*"),
        ("/dev/shm", "sw*"),
        ("/dev/shm", "sem.sw*"),
        (tempfile.gettempdir(), f"sw-{'[0-9a-f]' * 8}"),
    ):
        found |= {str(path) for path in Path(folder).glob(pattern)}
    if only:
        return {text for text in found if only in text or str(home.state) in text}
    return {text for text in found if not any(run in text for run in others)}


def demand_clean(home: Home, before: set[str]) -> None:
    """Nothing new is left after some seconds; AssertionError. Runs of other tests may come and go meanwhile.

    What others just begin or end cannot be told from what is left at one moment; what is left stays.
    """
    deadline, left = time.monotonic() + 5, traces(home) - before
    while left:
        assert time.monotonic() < deadline, f"left: {sorted(left)}"
        time.sleep(0.1)
        left &= traces(home)


def _supervised_run(process: psutil.Process, home: Home) -> str:
    """Label of the run that this process supervises, if it is a supervisor, and of somebody else."""
    with contextlib.suppress(psutil.Error, OSError, ValueError):
        argv = process.cmdline()
        if "shardwright.local.supervisor" in argv and str(home.state) not in " ".join(argv):
            folder = argv[argv.index("shardwright.local.supervisor") + 1]
            return str(json.loads(Path(folder, "status.json").read_bytes())["run"])
    return ""


def _trace(process: psutil.Process, home: Home) -> str:
    """What to call a living process of a run, or one that has to do with this home; empty for all others."""
    with contextlib.suppress(psutil.Error):
        if process.status() == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
            return ""
        variables, argv = process.environ(), " ".join(process.cmdline())
        run, state = variables.get("SHARDWRIGHT_RUN", ""), str(home.state)
        if run or state in argv or variables.get("SHARDWRIGHT_STATE_DIR") == state:
            return f"process {process.pid} of {run or state}: {argv[:80]}"
    return ""
