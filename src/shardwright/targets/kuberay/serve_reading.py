"""A model of Ray Serve LLM out of `serveConfigV2`: the way back from `serve_llm`.

Also reads the older samples, whose application takes the model and its sizes from variables. Source: Ray 2.52 to 2.56,
ray.serve.llm (build_openai_app, LLMConfig); samples of KubeRay v1.1.1 to v1.7.0.
"""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.core.importing import Started, note
from shardwright.core.manifests import plain
from shardwright.core.marked import document
from shardwright.facts import load as facts
from shardwright.kubernetes.read import reading_variables
from shardwright.targets.kuberay import serve_llm
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.importing import Command, Fields, Surroundings
    from shardwright.core.manifests.objects import Object, Value
    from shardwright.core.rules.finding import Finding

    Tree = dict[str, Value]

__all__ = ["Served", "command_of", "fields_of", "model_of", "notes_of", "with_variables"]

_MOST = 100_000
_SIZES = {"TENSOR_PARALLELISM": "tensor_parallel_size", "PIPELINE_PARALLELISM": "pipeline_parallel_size"}
"""Variables of the older samples."""


@frozen
class Served:
    """One model of an application."""

    name: str
    """In requests."""
    source: str
    """As Ray is given it: an identifier of the hub, a path, a bucket."""
    arguments: dict[str, Value]
    replicas: int
    accelerator: str = ""
    variables: tuple[tuple[str, str], ...] = ()
    """Of the environment in which Ray runs it."""
    count: int = 1
    """Models of the object."""


def model_of(main: Object) -> Served | None:
    """The first model that an object's applications serve; None where they serve none that is said here."""
    found: list[Served] = []
    for application in _maps(_config(main).get("applications")):
        configs = _maps(_map(application.get("args")).get("llm_configs"))
        found.extend(_configured(each, _variables(application)) for each in configs)
        if not configs:
            found.extend(_by_variables(application))
    if not found:
        return None
    return dataclasses.replace(found[0], count=len(found))


def command_of(model: Served, surroundings: Surroundings, container: Tree) -> Command:
    """The engine's flags, as if its own server had been started with them in the container of the ranks."""
    command = surroundings.options(serve_llm.ENGINE, {**model.arguments, "model": model.source})
    variables = reading_variables.entries_of(container)
    image = str(container.get("image") or "")
    texts = {name: str(entry["value"]) for name, entry in variables.items() if "value" in entry}
    # What image and variables say is the same for a server that is started there.
    server = surroundings.started(Started((serve_llm.ENGINE, "serve", model.source), (), texts, image))
    if server is None:
        return dataclasses.replace(command, fields={**command.fields, "engine.image": image})
    fields = {**server.fields, **{path: value for path, value in command.fields.items() if value}}
    return dataclasses.replace(
        server, fields=fields, findings=(*server.findings, *command.findings), secrets=command.secrets
    )


def with_variables(model: Served, container: Tree) -> Tree:
    """A container with the variables that Ray gives its processes there."""
    env = container.get("env")
    more: list[Value] = [{"name": name, "value": text} for name, text in model.variables]
    return {**container, "env": [*(env if isinstance(env, list) else []), *more]}


def fields_of(model: Served, fields: Fields) -> Fields:
    """Name, source and GPU, where nothing else says them."""
    made: Fields = {"model.servedName": model.name}
    if model.source.startswith(("s3://", "hf://")):
        made["model.source"] = model.source
    if model.accelerator and not fields.get("hardware.gpu") and not fields.get("hardware.nodeShape"):
        with contextlib.suppress(errors.InputError):
            made["hardware.gpu"] = facts.gpu(model.accelerator).name
    return made


def notes_of(main: Object, model: Served, nodes: int, gpus_per_node: int) -> Iterator[Finding]:
    """What is left out, and workers that do not make whole replicas."""
    if model.count > 1:
        yield note(
            "models-left-out",
            f"{model.count} models are served; {model.name} is imported",
            path="model",
            fix="import each from a file of its own: a recipe serves one model",
            objects=(main,),
        )
    ranks = 1
    for name in ("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size"):
        size = model.arguments.get(name)
        ranks *= size if isinstance(size, int) and 0 < size < _MOST else 1
    wanted, there = ranks * max(model.replicas, 1), nodes * gpus_per_node
    if wanted != there:
        yield note(
            "group-differs",
            f"{model.replicas} replicas of {ranks} ranks need {wanted} GPUs, and workers have {there}",
            path="hardware.nodes",
            fix="check hardware, parallelism and replicas",
            objects=(main,),
        )


def _configured(config: Tree, shared: dict[str, str]) -> Served:
    loading = _map(config.get("model_loading_config"))
    source = loading.get("model_source")
    place = source.get("bucket_uri") if isinstance(source, dict) else source
    name = _text(loading.get("model_id"))
    return Served(
        name=name,
        source=_text(place) or name,
        arguments=_map(config.get("engine_kwargs")),
        replicas=_replicas(_map(config.get("deployment_config"))),
        accelerator=_text(config.get("accelerator_type")),
        variables=tuple({**shared, **_variables(config)}.items()),
    )


def _by_variables(application: Tree) -> Iterator[Served]:
    variables = _variables(application)
    if not variables.get("MODEL_ID"):
        return
    given = {flag: variables.pop(name) for name, flag in _SIZES.items() if name in variables}
    arguments: Tree = {flag: int(text) for flag, text in given.items() if text.isdecimal() and len(text) < 6}
    deployments = _maps(application.get("deployments"))
    name = variables.pop("MODEL_ID")
    replicas = _replicas(deployments[0] if deployments else {})
    yield Served(name, name, arguments, replicas, variables=tuple(variables.items()))


def _variables(tree: Tree) -> dict[str, str]:
    """Variables of a runtime environment."""
    given = _map(_map(tree.get("runtime_env")).get("env_vars"))
    return {name: text for name, value in given.items() if (text := _text(value))}


def _replicas(deployment: Tree) -> int:
    """Copies that are always there."""
    least = _map(deployment.get("autoscaling_config")).get("min_replicas", deployment.get("num_replicas"))
    return least if isinstance(least, int) and not isinstance(least, bool) and 0 <= least < _MOST else 1


def _config(main: Object) -> Tree:
    text = main.text_at("spec", "serveConfigV2")
    if not text:
        return {}
    for each in document.parse_documents(text, main.root.mark.file, bounds=document.MANIFESTS):
        value = plain.plain_value(each.root, (), []) if each.root is not None else None
        return value if isinstance(value, dict) else {}
    return {}


def _maps(value: Value) -> list[Tree]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _map(value: Value) -> Tree:
    return value if isinstance(value, dict) else {}


def _text(value: Value) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
