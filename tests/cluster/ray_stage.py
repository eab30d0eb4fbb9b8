"""What the story of Ray needs: a recipe for KubeRay whose pods have a real Ray, and a server that uses it (`ray_server`)."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import yaml
from engine_stage import example

from shardwright import errors
from shardwright.core.plan.types import Plan
from shardwright.service import planning, recipes, rollout
from shardwright.settings import load_settings
from shardwright.testing.cluster import engine_pods, images, ray_environment
from shardwright.testing.cluster.engine_pods import EnginePlace

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROGRAMS = {
    "vllm": f'#!/bin/sh\nexec python3 {Path(__file__).with_name("ray_server.py")} "$@"\n',
    "nvidia-smi": '#!/bin/sh\necho "index, name, memory.used [MiB], memory.total [MiB], utilization.gpu [%]"\n'
    'echo "0, NVIDIA A10G, 20000 MiB, 23028 MiB, 17 %"\n',
}


def ray_place(folder: Path) -> EnginePlace:
    """Ray as pods see it, with the server under the name `vllm`; or skip."""
    cache = load_settings().cache_dir
    try:
        environment = ray_environment.obtain(cache, report=lambda line: print(line, file=sys.stderr))  # noqa: T201 - what pytest shows
    except errors.ShardwrightError as lacking:
        pytest.skip(f"no Ray: {lacking}")
    programs = folder / "programs"
    programs.mkdir()
    for name, text in _PROGRAMS.items():
        (programs / name).write_text(text, "utf-8")
        (programs / name).chmod(0o755)
    shown = (programs, Path(__file__).parent)
    return EnginePlace(environment, cache / "test-cluster" / "ray", shown, memory="512Mi")


def on_ray(namespace: str, place: EnginePlace, path: Path, *, tokens: int = 0, version: str = "1.5") -> Path:
    """The two-node example for KubeRay as a file; image, PATH and mounts aside its pods are the rendered ones."""
    document = example()
    document["metadata"]["namespace"] = namespace
    document["model"] = {**_without_token(document["model"]), "servedName": "llama"}
    document["engine"] |= {"executor": "ray", "image": images.HOSTROOT}
    target: dict[str, Any] = {"kind": "kuberay", "version": version}
    document["target"] = target
    document["storage"] = {}
    plan = _planned(document, path)
    (body,) = [cast("Any", each.body) for each in rollout.manifests_of(plan) if each.kind == "RayCluster"]
    places = {
        "/spec/headGroupSpec/template/spec": body["spec"]["headGroupSpec"]["template"]["spec"],
        "/spec/workerGroupSpecs/0/template/spec": body["spec"]["workerGroupSpecs"][0]["template"]["spec"],
    }
    variables = {"TOKENS": f"{tokens or plan.pool.tokens:,}"}
    operations = [{"op": "replace", "path": at, "value": _shown(spec, place, variables)} for at, spec in places.items()]
    target["patches"] = [{"target": {"kind": "RayCluster"}, "patch": operations}]
    path.write_text(yaml.safe_dump(document), "utf-8")
    return path


def _without_token(model: object) -> dict[str, Any]:
    given = {"source": model} if isinstance(model, str) else dict(cast("dict[str, Any]", model))
    return {**given, "token": None}


def _planned(document: Mapping[str, Any], path: Path) -> Plan:
    path.write_text(yaml.safe_dump(dict(document)), "utf-8")
    (loaded,) = recipes.load_recipes([str(path)])
    made = planning.plan_recipe(loaded.recipe, load_settings().hub)
    assert isinstance(made, Plan), made
    return made


def _shown(spec: Mapping[str, Any], place: EnginePlace, variables: Mapping[str, str]) -> dict[str, Any]:
    changed = copy.deepcopy(dict(spec))
    path = f"{place.shown[0]}:{place.environment}/bin:/usr/local/bin:/usr/bin:/bin"
    for each in changed["containers"]:
        each["env"] += [{"name": name, "value": value} for name, value in {"PATH": path, **variables}.items()]
    adapted = engine_pods.adapted(changed, place)
    for before, after in zip(changed["containers"], adapted["containers"], strict=True):
        after["image"], after["imagePullPolicy"] = before["image"], "IfNotPresent"
    return adapted
