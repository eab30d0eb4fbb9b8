"""Ray Serve LLM: the model as an application of Ray Serve, whose replicas take the place of the engine's own server.

The engine's flags become its keyword arguments: the same names with underscores. What concerns the server itself stays
out, because Ray Serve is the server. Variables are on the pods, whose Ray starts the ranks. Source: Ray 2.52 to 2.56, ray.serve.llm (build_openai_app, LLMConfig); samples
ray-service.deepseek.yaml of KubeRay v1.7.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import yaml

from shardwright.core.marked import writing
from shardwright.core.recipe.model import PodOverrides
from shardwright.kubernetes.render.podspec import Resources
from shardwright.targets.kuberay import wiring
from shardwright.units import GIB, format_quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.deployment import Deployment

__all__ = ["ENGINE", "config_of", "head_resources"]

ENGINE = "vllm"
"""What Ray Serve LLM serves with."""

_SERVERS_OWN = {"host", "port", "served_model_name", "api_key", "distributed_executor_backend"}
_HEAD_MEMORY_BYTES = 16 * GIB
_SCALARS = {"true": True, "false": False}


def config_of(deployment: Deployment) -> str:
    """`serveConfigV2`: one application with one model."""
    recipe, layout = deployment.recipe, deployment.plan.layout
    replicas = recipe.replicas
    model: dict[str, Any] = {
        "model_loading_config": {"model_id": recipe.served_name, "model_source": wiring.wiring_of(recipe).model},
        "engine_kwargs": dict(_arguments(deployment)),
        "deployment_config": {"autoscaling_config": {"min_replicas": replicas, "max_replicas": replicas}},
        # One bundle a rank, each node filled before the next: tensor-parallel ranks stay on one node.
        "placement_group_config": {
            "bundles": [{"GPU": 1, "CPU": 1} for _ in range(layout.world_size)],
            "strategy": "PACK",
        },
    }
    application = {
        "name": "llm",
        "route_prefix": "/",
        "import_path": "ray.serve.llm:build_openai_app",
        "args": {"llm_configs": [model]},
    }
    return writing.as_yaml({"applications": [application]})


def head_resources(deployment: Deployment) -> Resources:
    """A head that holds no ranks: what `pods.leader` asks for, else enough for Ray's own services."""
    asked = deployment.recipe.pods.leader or PodOverrides()
    cpu, memory = str(asked.cpu or "2"), format_quantity(asked.memory or _HEAD_MEMORY_BYTES)
    return Resources(requests={"cpu": cpu, "memory": memory}, limits={"memory": memory})


def _arguments(deployment: Deployment) -> Iterator[tuple[str, Any]]:
    words = list(deployment.leader.argv)
    while words and not words[0].startswith("--"):
        words.pop(0)  # the program and the model
    while words:
        name = words.pop(0).removeprefix("--").replace("-", "_")
        value: Any = True
        if words and not words[0].startswith("--"):
            value = _value(words.pop(0))
        elif name.startswith("no_"):
            name, value = name.removeprefix("no_"), False
        if name not in _SERVERS_OWN:
            yield name, value


def _value(text: str) -> object:
    """A number, a switch or JSON as such, anything else as a text."""
    if text in _SCALARS:
        return _SCALARS[text]
    try:
        found: object = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    return cast("object", found) if isinstance(found, int | float | dict | list) else text
