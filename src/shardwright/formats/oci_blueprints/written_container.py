"""The container of a service as a blueprint has it: arguments, variables, where the model lies."""

from __future__ import annotations

import json
import posixpath
from typing import TYPE_CHECKING, Any

from shardwright.core.recipe import source
from shardwright.core.recipe.model import KeyRef
from shardwright.formats.oci_blueprints.served import BUCKET_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.deployment import Deployment
    from shardwright.core.recipe import Recipe

__all__ = ["arguments_of", "container_keys", "model_path", "whole_cpus"]


def whole_cpus(quantity: str) -> int:
    """CPUs of a quantity as `8`, `7.5` or `500m`, rounded up."""
    if quantity.endswith("m"):
        return -(-int(float(quantity[:-1])) // 1000)
    return -int(-float(quantity) // 1)


def model_path(recipe: Recipe) -> str:
    """What vLLM is told to load: the folder below the mount, or the repository."""
    found = source.parse_source(recipe.model.source)
    if found.scheme == "hf":
        return found.place
    folder = found.place.partition("/")[2].strip("/")
    return posixpath.join(recipe.storage.cache_dir, folder) if folder else recipe.storage.cache_dir


def container_keys(deployment: Deployment) -> dict[str, Any]:
    """Keys of the container but its arguments; those without a value are left out later."""
    recipe = deployment.recipe
    references = {name: value for name, value in recipe.engine.env.items() if isinstance(value, KeyRef)}
    texts = {name: value for name, value in recipe.engine.env.items() if isinstance(value, str)}
    secrets = [
        {"envvar_name": name, "secret_name": value.secret, "secret_key": value.key}
        for name, value in references.items()
        if not _is_of_bucket(name, value, recipe)
    ]
    token = recipe.model.token
    if token and source.parse_source(recipe.model.source).scheme == "hf":
        secrets.append({"envvar_name": "HF_TOKEN", "secret_name": token.secret, "secret_key": token.key})
    pull = recipe.pods.image_pull_secrets
    return {
        "recipe_container_secret_name": pull[0] if pull else None,
        "recipe_container_env": [{"key": name, "value": value} for name, value in texts.items()] or None,
        "recipe_environment_secrets": secrets or None,
    }


def _is_of_bucket(name: str, value: str | KeyRef, recipe: Recipe) -> bool:
    return isinstance(value, KeyRef) and name in BUCKET_VARIABLES and value.secret == f"{recipe.metadata.name}-bucket"


def arguments_of(deployment: Deployment) -> Iterator[str]:
    """All flags that the plan rests on, so that the server is the one that was planned."""
    plan, recipe = deployment.plan, deployment.recipe
    layout = plan.layout
    flags: dict[str, Any] = {
        "model": model_path(recipe),
        "served-model-name": recipe.served_name,
        "tensor-parallel-size": layout.tensor,
        "pipeline-parallel-size": layout.pipeline,
        "data-parallel-size": layout.data if layout.data > 1 else None,
        "enable-expert-parallel": layout.expert or None,
        # The control plane joins nodes by Ray and by nothing else.
        "distributed-executor-backend": "ray" if deployment.group.size > 1 else None,
        **dict(plan.engine.settings),
        "revision": recipe.model.revision,
        "trust-remote-code": recipe.model.trust_remote_code or None,
        "max-loras": recipe.model.lora_slots or None,
        **recipe.engine.args,
    }
    for name, value in flags.items():
        if value is None or value is False:
            continue
        yield f"--{name.lstrip('-').replace('_', '-')}"
        if value is not True:
            yield json.dumps(value, separators=(",", ":")) if isinstance(value, dict | list) else str(value)
