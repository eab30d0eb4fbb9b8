"""Use case: a model and a few options stand for a recipe; they are read by the same reader, with the same faults."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shardwright.core.recipe.model import API_VERSION
from shardwright.service import recipes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shardwright.core.recipe import Recipe
    from shardwright.service.recipes import LoadedRecipe

__all__ = ["load_options", "name_of_model", "recipe_of_options"]


def recipe_of_options(options: Mapping[str, object], sets: Sequence[str]) -> Recipe:
    """The recipe that MODEL, --gpu and so on stand for."""
    return load_options(options, sets).recipe


def load_options(options: Mapping[str, object], sets: Sequence[str]) -> LoadedRecipe:
    """The same, with the places that faults are at."""
    return recipes.recipe_of_values(_document(options), "the command line", sets)


def name_of_model(source: str) -> str:
    """A DNS label from a model's source: `hf://meta-llama/Llama-3.3-70B` gives `llama-3-3-70b`."""
    last = source.rstrip("/").rpartition("/")[2]
    label = re.sub(r"[^a-z0-9]+", "-", last.lower()).strip("-")[:40].strip("-")
    # LeaderWorkerSet and Service names start with a letter.
    return label if label[:1].isalpha() else f"model-{label}".rstrip("-")


def _document(options: Mapping[str, object]) -> dict[str, object]:
    hardware = {
        "gpu": options.get("gpu"),
        "gpusPerNode": options.get("gpus_per_node"),
        "nodes": _nodes(options.get("nodes")),
        "nodeShape": options.get("node_shape"),
    }
    sizes = {"tensor": options.get("tensor"), "pipeline": options.get("pipeline")}
    target = {"kind": options["target"]} if options.get("target") else None
    document = {
        "apiVersion": API_VERSION,
        "kind": "Recipe",
        "metadata": {"name": options.get("name") or name_of_model(str(options["model"]))},
        "model": {"source": options["model"]},
        "engine": _given({"version": options.get("engine_version")}),
        "workload": _given({"maxModelLen": options.get("max_model_len")}),
        "parallelism": _given(sizes),
        "hardware": _given(hardware),
        "target": target,
    }
    return {key: value for key, value in document.items() if value}


def _nodes(text: object) -> object:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() else text


def _given(values: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in values.items() if value is not None}
