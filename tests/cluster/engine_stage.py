"""What the engine's story needs: recipes whose pods run the engine that this machine has, and the command as users run it."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import yaml

from shardwright import errors
from shardwright.core import twin
from shardwright.core.layout import Layout
from shardwright.core.plan.types import Plan
from shardwright.models import load_shape, twin_files
from shardwright.service import engines, planning, recipes, rollout
from shardwright.settings import load_settings
from shardwright.testing.cluster import engine_pods, images
from shardwright.testing.cluster.engine_pods import EnginePlace

if TYPE_CHECKING:
    from collections.abc import Mapping

EXAMPLE = Path(__file__).parents[2] / "examples" / "llama-3-8b-two-nodes.yaml"
VERSION = "0.32.0"
LAYOUT = Layout(tensor=1, pipeline=2, nodes=2, gpus_per_node=1, stages=(2, 2))
_SHIM = '#!/bin/sh\nexec {python} {launcher} run -- "$@"\n'


@dataclass(frozen=True)
class Shell:
    """The command, on one cluster."""

    kubeconfig: Path
    folder: Path

    def _environment(self) -> dict[str, str]:
        own = {"KUBECONFIG": str(self.kubeconfig), "SHARDWRIGHT_STATE_DIR": str(self.folder / "state")}
        return {**os.environ, **own}

    def run(self, *arguments: str, code: int = 0, seconds: float = 400) -> str:
        """What it prints; the test fails if it ends with another code."""
        done = self.done(*arguments, seconds=seconds)
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def done(self, *arguments: str, seconds: float = 400) -> subprocess.CompletedProcess[str]:
        """How it ends, and what it prints."""
        command = [sys.executable, "-m", "shardwright", *arguments]
        return subprocess.run(
            command, env=self._environment(), capture_output=True, text=True, timeout=seconds, check=False
        )

    def start(self, *arguments: str, out: Path) -> subprocess.Popen[bytes]:
        """The same in the background."""
        command = [sys.executable, "-m", "shardwright", *arguments]
        with out.open("wb") as stream:
            return subprocess.Popen(command, env=self._environment(), stdout=stream, stderr=subprocess.DEVNULL)


def engine_place(folder: Path) -> EnginePlace:
    """The engine of this machine as pods see it, its program `vllm` the launcher that makes it run on a CPU; or skip."""
    settings = load_settings()
    try:
        environment = engines.find_engine("vllm", settings)
    except errors.EnvironmentFault as lacking:
        pytest.skip(str(lacking))
    launcher = Path(engines.build_of("vllm", None).launcher)
    programs = folder / "programs"
    programs.mkdir()
    shim = programs / "vllm"
    shim.write_text(_SHIM.format(python=environment.python, launcher=launcher), "utf-8")
    shim.chmod(0o755)
    cache = settings.cache_dir / "test-cluster" / "engine"
    shown = (programs, launcher.parent)
    return EnginePlace(environment.python.parents[1], cache, shown)


def twin_folder() -> Path:
    """A model's files as a rehearsal has them, weights and all."""
    settings = load_settings()
    shape = load_shape("llama-3-8b", settings=settings.hub)
    made = twin.twin_config(shape, LAYOUT, twin.rank_bytes(LAYOUT.world_size))
    assert isinstance(made, twin.Twin)
    return twin_files.write_twin(made, settings.cache_dir)


def on_stage(document: Mapping[str, Any], place: EnginePlace, path: Path) -> Path:
    """The recipe as a file, with patches by which its pods run from that place and nothing else is changed."""
    path.write_text(yaml.safe_dump(dict(document)), "utf-8")
    (loaded,) = recipes.load_recipes([str(path)])
    made = planning.plan_recipe(loaded.recipe, load_settings().hub)
    assert isinstance(made, Plan)
    (body,) = [cast("Any", each.body) for each in rollout.manifests_of(made) if each.kind == "LeaderWorkerSet"]
    operations: list[dict[str, Any]] = []
    for role in ("leaderTemplate", "workerTemplate"):
        spec: dict[str, Any] = body["spec"]["leaderWorkerTemplate"][role]["spec"]
        operations.append(
            {"op": "replace", "path": f"/spec/leaderWorkerTemplate/{role}/spec", "value": _shown(spec, place)}
        )
    patched = copy.deepcopy(dict(document))
    patched["target"]["patches"] = [{"target": {"kind": "LeaderWorkerSet"}, "patch": operations}]
    path.write_text(yaml.safe_dump(patched), "utf-8")
    return path


def _shown(spec: Mapping[str, Any], place: EnginePlace) -> dict[str, Any]:
    changed = copy.deepcopy(dict(spec))
    path = f"{place.shown[0]}:{place.environment}/bin:/usr/local/bin:/usr/bin:/bin"
    for each in changed["containers"]:
        each["env"].append({"name": "PATH", "value": path})
    adapted = engine_pods.adapted(changed, place)
    for each in adapted["containers"]:  # it is the plan that says how large the cache is
        each["env"] = [variable for variable in each["env"] if variable["name"] != "VLLM_CPU_KVCACHE_SPACE"]
    for before, after in zip(_containers(spec), _containers(adapted), strict=True):
        after["image"], after["imagePullPolicy"] = before["image"], "IfNotPresent"
    return adapted


def _containers(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [*spec.get("initContainers", ()), *spec["containers"]]


def example(name: str = "llama-3-8b") -> dict[str, Any]:
    """The two-node example for GPUs, for the controller and the engine that are here."""
    document = yaml.safe_load(EXAMPLE.read_text("utf-8"))
    document["metadata"]["name"] = name
    document["engine"]["version"] = VERSION
    document["target"] = {"kind": "lws", "version": "0.8"}
    return document


def on_processors(namespace: str) -> dict[str, Any]:
    """The example for nodes without GPUs: the model's files on a claim, all else as it is."""
    document = example()
    document["metadata"]["namespace"] = namespace
    document["model"] = {"source": "pvc://models/llama", "shape": str(twin_folder()), "servedName": "llama-3-8b"}
    document["engine"] = {"name": "vllm", "version": VERSION, "image": images.HOSTROOT}
    document["workload"] |= {"maxModelLen": 1024, "concurrency": 1}
    document["hardware"] = {"gpu": "cpu", "gpuMemory": "4GiB", "gpusPerNode": 1, "nodes": 2}
    document["storage"] = {"claim": "models"}
    return document


def volume(namespace: str, shelf: Path) -> list[dict[str, Any]]:
    """The claim with the model in its folder `llama`, and the volume behind it: a folder of this machine, filled here."""
    shutil.copytree(twin_folder(), shelf / "llama")
    sizes = {"storage": "1Gi"}
    common = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    place = {"hostPath": {"path": str(shelf)}}
    name = f"models-{namespace}"
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {**common, **place, "capacity": sizes, "persistentVolumeReclaimPolicy": "Retain"},
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "models", "namespace": namespace},
            "spec": {**common, "volumeName": name, "resources": {"requests": sizes}},
        },
    ]
