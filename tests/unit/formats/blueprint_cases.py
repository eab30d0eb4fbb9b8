"""Blueprints for tests: right ones, and ways to change them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shardwright.core.manifests import judge, reading
from shardwright.core.manifests.objects import Context
from shardwright.formats.oci_blueprints import documents
from shardwright.formats.oci_blueprints.lint import LINT
from shardwright.service import recipes

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe
    from shardwright.core.rules import Finding
    from shardwright.service.recipes import LoadedRecipe

SAMPLES = Path(__file__).parents[2] / "data" / "blueprints"
EXAMPLES = Path(__file__).parents[3] / "examples"
CLUSTER = "recipe_raycluster_params"
STORAGE = "input_object_storage"
REMOVED: Any = object()
"""Stands for a key that is to be taken out."""


def ray_cluster(**changes: object) -> dict[str, Any]:
    """Two nodes of two A10 each, as the sample has them; `changes` by dotted path, with `__` for dots."""
    return changed(json.loads((SAMPLES / "multinode-vm-a10.json").read_text("utf-8")), changes)


def service(**changes: object) -> dict[str, Any]:
    """A service over two nodes of a shared pool."""
    group = json.loads((EXAMPLES / "llama-3.1-405b-oci-blueprint.json").read_text("utf-8"))
    return changed(group["deployment_group"]["deployments"][1]["recipe"], changes)


def pool(**changes: object) -> dict[str, Any]:
    """The pool of that service."""
    group = json.loads((EXAMPLES / "llama-3.1-405b-oci-blueprint.json").read_text("utf-8"))
    return changed(group["deployment_group"]["deployments"][0]["recipe"], changes)


def group(*members: dict[str, Any]) -> dict[str, Any]:
    """A deployment group of these."""
    deployments = [{"name": f"part-{index}", "recipe": each} for index, each in enumerate(members)]
    return {"deployment_group": {"name": "group", "deployments": deployments}}


def changed(blueprint: dict[str, Any], changes: dict[str, object]) -> dict[str, Any]:
    made = copy.deepcopy(blueprint)
    for path, value in changes.items():
        *way, last = path.split("__")
        at: Any = made
        for part in way:
            at = at[int(part)] if part.isdigit() else at.setdefault(part, {})
        if value is REMOVED:
            at.pop(last, None)
        else:
            at[last] = value
    return made


def linted(blueprint: dict[str, Any] | str, release: str = "1.0") -> tuple[Finding, ...]:
    """What lint finds in it."""
    text = blueprint if isinstance(blueprint, str) else json.dumps(blueprint, indent=2)
    read = reading.read_manifests(text.encode(), "blueprint.json", documents.named)
    return (*read.findings, *judge.judge(read.objects, (LINT,), Context(versions={"blueprint": release})))


def ids(blueprint: dict[str, Any] | str, release: str = "1.0") -> list[str]:
    """Ids of what is wrong, less what every blueprint of the removed mode has."""
    always = {"blueprint.mode-removed", "blueprint.request-open"}
    return sorted(found.id for found in linted(blueprint, release) if found.id not in always)


def loaded(blueprint: dict[str, Any], *sets: str) -> LoadedRecipe:
    """The one recipe that it means."""
    (one,) = recipes.parse_recipes(json.dumps(blueprint, indent=2), "blueprint.json", sets)
    return one


def recipe(blueprint: dict[str, Any], *sets: str) -> Recipe:
    """The same without its place."""
    return loaded(blueprint, *sets).recipe
