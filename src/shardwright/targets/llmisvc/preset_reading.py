"""Pods of an LLMInferenceService with what a preset lays under them, so far as it says how the engine starts.

Source: kserve/kserve v0.20.0 config/llmisvcconfig (command of the container `main`, VLLM_ADDITIONAL_ARGS, capabilities).
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, cast

from shardwright.targets.llmisvc import files, releases, workloads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Object, Value

    Tree = dict[str, Value]

__all__ = ["gpus_per_node", "is_of_preset", "pod_spec"]

_MORE = "VLLM_ADDITIONAL_ARGS"
_CACHE = "HF_HUB_CACHE"
_FLAGS = {
    "tensor": "--tensor-parallel-size",
    "pipeline": "--pipeline-parallel-size",
    "data": "--data-parallel-size",
}
_AS_THE_IMAGE_IS = {"runAsNonRoot": False, "readOnlyRootFilesystem": False}
"""What is written to undo a preset, and says nothing in a recipe."""
_LOCKING = ["IPC_LOCK"]


def pod_spec(whole: Object, name: str) -> Tree:
    """The pod's specification, `template` or `worker`, with a command in the container that serves."""
    spec = dict(whole.map_at("spec", name))
    containers: list[Value] = list(whole.list_at("spec", name, "containers")) or [{"name": releases.names().container}]
    place = _serving(containers)
    chosen = containers[place]
    if isinstance(chosen, dict):
        containers[place] = _plain(whole, _with_command(whole, chosen, is_worker=name == "worker"))
    return {**spec, "containers": containers}


def is_of_preset(whole: Object) -> bool:
    """Whether the container that serves leaves its command to the preset."""
    listed = whole.list_at("spec", "template", "containers")
    chosen = listed[_serving(listed)] if listed else {}
    return isinstance(chosen, dict) and not chosen.get("command")


def gpus_per_node(whole: Object) -> int:
    """GPUs of a pod where no resource says it: those of its ranks."""
    sizes = whole.map_at("spec", "parallelism")
    tensor, local = (_size(sizes, name) for name in ("tensor", "dataLocal"))
    return tensor * local


def _serving(containers: list[Value]) -> int:
    names = [each.get("name") if isinstance(each, dict) else None for each in containers]
    wanted = releases.names().container
    return names.index(wanted) if wanted in names else 0


def _size(sizes: Tree, name: str) -> int:
    value = sizes.get(name)
    return value if isinstance(value, int) and value > 0 else 1


def _with_command(whole: Object, container: Tree, *, is_worker: bool) -> Tree:
    if container.get("command"):
        return container
    given = container.get("args")
    words = [*_preset_words(whole), *(given if isinstance(given, list) else ()), *_additional(container)]
    headless = ["--headless"] if is_worker else []
    env = container.get("env")
    kept = [each for each in env if not _is(each, _MORE)] if isinstance(env, list) else []
    command = cast("list[Value]", ["vllm", "serve", *words, *headless])
    return {**container, "command": command, "args": None, "env": kept}


def _preset_words(whole: Object) -> Iterator[str]:
    names = releases.names()
    yield names.model_mount
    yield from ("--served-model-name", whole.text_at("spec", "model", "name") or whole.name)
    yield from ("--port", names.serve_port)
    sizes = whole.map_at("spec", "parallelism")
    for name, flag in _FLAGS.items():
        if _size(sizes, name) > 1:
            yield from (flag, str(_size(sizes, name)))
    if sizes.get("expert") is True:
        yield "--enable-expert-parallel"


def _additional(container: Tree) -> list[str]:
    env = container.get("env")
    listed = env if isinstance(env, list) else []
    found = (each.get("value") for each in listed if isinstance(each, dict) and each.get("name") == _MORE)
    text = str(next(found, None) or "")
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _is(entry: Value, name: str) -> bool:
    return isinstance(entry, dict) and entry.get("name") == name


def _plain(whole: Object, container: Tree) -> Tree:
    """The container less what is written only to hold against a preset."""
    made = dict(container)
    env = made.get("env")
    if isinstance(env, list):
        made["env"] = [each for each in env if not _is_our_cache(each, env)]
    context = made.get("securityContext")
    if isinstance(context, dict):
        kept = {name: value for name, value in context.items() if _AS_THE_IMAGE_IS.get(name, not value) != value}
        capabilities = kept.get("capabilities")
        is_copies = workloads.is_data_parallel(whole, ("spec",))
        if is_copies and isinstance(capabilities, dict) and capabilities.get("add") == _LOCKING:
            kept["capabilities"] = {name: value for name, value in capabilities.items() if name != "add"}
        made["securityContext"] = kept
    return made


def _is_our_cache(entry: Value, env: list[Value]) -> bool:
    if not _is(entry, _CACHE) or not isinstance(entry, dict):
        return False
    homes = [str(each.get("value")) for each in env if isinstance(each, dict) and each.get("name") == "HF_HOME"]
    ours = (files.HUB_CACHE_AT_HOME, "/models/hub", *(f"{home.rstrip('/')}/hub" for home in homes))
    return entry.get("value") in ours
