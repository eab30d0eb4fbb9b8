"""KServe's kinds on the engine's stage: which of their parts are pods, and recipes whose pods run what this machine has."""

from __future__ import annotations

import copy
import sys
from typing import TYPE_CHECKING, Any, cast

import stand_in
import yaml
from engine_stage import on_processors

from shardwright.core.plan.types import Plan
from shardwright.service import planning, recipes, rollout
from shardwright.settings import load_settings
from shardwright.testing.cluster import engine_pods

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from shardwright.testing.cluster.engine_pods import EnginePlace

    Container = dict[str, Any]
    Change = Callable[[Container], None]

__all__ = ["on_stage", "recipe_of", "with_engine", "with_stand_in"]

# Kind -> where pods are in it, and whether the whole pod is there or the runtime's share: containers and volumes.
_PODS = {
    "LLMInferenceService": (
        ("/spec/template", "/spec/worker"),
        ("initContainers", "containers", "volumes", "terminationGracePeriodSeconds"),
    ),
    "ServingRuntime": (("/spec", "/spec/workerSpec"), ("containers", "volumes")),
}


def recipe_of(kind: str, namespace: str, version: str = "0.20") -> dict[str, Any]:
    """The two-node example for nodes without GPUs, for a target of KServe."""
    document = on_processors(namespace)
    document["target"] = {"kind": kind, "version": version}
    return document


def with_engine(place: EnginePlace) -> Change:
    """The engine of this machine goes before all other programs; the size of its cache is the plan's to say."""
    programs = f"{place.shown[0]}:{place.environment}/bin:/usr/local/bin:/usr/bin:/bin"

    def changed(container: Container) -> None:
        container["env"] = [each for each in container["env"] if each["name"] not in {"VLLM_CPU_KVCACHE_SPACE", "PATH"}]
        container["env"].append({"name": "PATH", "value": programs})

    return changed


def with_stand_in(container: Container) -> None:
    """In the place of the engine what logs and answers as it does; probes are asked each second."""
    container["command"], container["args"] = ["python3", "-c", stand_in.PROGRAM], []
    index = {"name": "LWS_WORKER_INDEX", "value": "$(MEMBER_INDEX)"}
    own = {"SERVED": "llama-3-8b", "TOKENS": "32,768", "PATH": f"{sys.prefix}/bin:/usr/bin:/bin"}
    kept = [each for each in container["env"] if each["name"] not in own]
    container["env"] = [*kept, index, *({"name": name, "value": value} for name, value in own.items())]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        if probe in container:
            container[probe] |= {"periodSeconds": 1}


def on_stage(document: Mapping[str, Any], place: EnginePlace, path: Path, change: Change) -> Path:
    """The recipe as a file, with patches by which its pods run from that place and nothing else is changed."""
    path.write_text(yaml.safe_dump(dict(document)), "utf-8")
    (loaded,) = recipes.load_recipes([str(path)])
    made = planning.plan_recipe(loaded.recipe, load_settings().hub)
    assert isinstance(made, Plan)
    patched = copy.deepcopy(dict(document))
    patched["target"]["patches"] = [
        {"target": {"kind": each.kind}, "patch": list(_operations(each.kind, cast("Any", each.body), place, change))}
        for each in rollout.manifests_of(made)
        if each.kind in _PODS
    ]
    if document["target"]["kind"] == "kserve":  # whose runtimes have no field for it
        service = next(cast("Any", each.body) for each in rollout.manifests_of(made) if each.kind == "InferenceService")
        patched["target"]["patches"].append({"target": {"kind": "InferenceService"}, "patch": _soon_ended(service)})
    path.write_text(yaml.safe_dump(patched), "utf-8")
    return path


def _soon_ended(service: Mapping[str, Any]) -> list[dict[str, Any]]:
    parts = [
        "/spec/predictor",
        *(["/spec/predictor/workerSpec"] if "workerSpec" in service["spec"]["predictor"] else []),
    ]
    return [{"op": "add", "path": f"{part}/terminationGracePeriodSeconds", "value": 1} for part in parts]


def _operations(kind: str, body: dict[str, Any], place: EnginePlace, change: Change) -> Iterator[dict[str, Any]]:
    paths, fields = _PODS[kind]
    for path in paths:
        pod = body
        for name in path.strip("/").split("/"):
            pod = pod.get(name, {})
        shown = _shown(pod, place, change) if pod else {}
        for field in fields:
            if field in shown:
                operation = "replace" if field in pod else "add"
                yield {"op": operation, "path": f"{path}/{field}", "value": shown[field]}


def _shown(pod: Mapping[str, Any], place: EnginePlace, change: Change) -> dict[str, Any]:
    """As `engine_stage` has it; images are those of the recipe."""
    shown = engine_pods.adapted(pod, place)
    for before, after in zip(_containers(pod), _containers(shown), strict=True):
        after["image"], after["imagePullPolicy"] = before["image"], "IfNotPresent"
        if "resources" not in before:  # of a runtime, whose service says what its pods ask for
            del after["resources"]
        elif not after["resources"]["limits"]:  # an operator leaves out what is empty
            del after["resources"]["limits"]
    for each in shown["containers"]:
        change(each)
    return shown


def _containers(pod: Mapping[str, Any]) -> list[Container]:
    return [*pod.get("initContainers", ()), *pod["containers"]]
