"""The model's files: the platform brings them, or a claim of ours does, or the engine asks the hub itself.

The platform's own way makes every pod fetch the whole model before it starts, so it is used only where nothing else can
bring the model: images, and the hub under releases that cannot leave their download out.
Source: kserve/kserve, workload_storage.go of v0.16.0 and v0.20.0.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Literal

from shardwright.kubernetes.render import sources
from shardwright.targets.llmisvc import releases

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe

__all__ = ["HUB_CACHE_AT_HOME", "Way", "hub_cache", "model_argument", "model_uri", "way_of"]

Way = Literal["platform", "claim", "engine"]

HUB_CACHE_AT_HOME = "/home/engine/.cache/huggingface/hub"


def way_of(recipe: Recipe) -> Way:
    """Who brings the model's files into the pods."""
    if sources.mounted_claim(recipe) is not None:
        return "claim"
    found, release = sources.source_of(recipe), releases.release_of(recipe)
    has_switch = release is None or release.has_download_switch
    return "engine" if found.kind == "hub" and has_switch else "platform"


def model_argument(recipe: Recipe) -> str:
    """What the engine is given as model."""
    return releases.names().model_mount if way_of(recipe) == "platform" else sources.model_argument(recipe)


def model_uri(recipe: Recipe) -> str:
    """`model.uri`; under a release that always acts on it, one that costs nothing."""
    found, release = sources.source_of(recipe), releases.release_of(recipe)
    claim = sources.mounted_claim(recipe)
    if claim is not None:
        has_switch = release is None or release.has_download_switch
        if found.kind == "hub" and has_switch:
            return f"hf://{found.name}"
        return f"pvc://{posixpath.join(claim, found.path if found.kind == 'claim' else '')}".rstrip("/")
    return f"hf://{found.name}" if found.kind == "hub" else found.name


def hub_cache(recipe: Recipe) -> str:
    """Where the hub's library keeps files; the presets name another folder, in which nothing of ours is."""
    return posixpath.join(recipe.storage.cache_dir, "hub") if way_of(recipe) == "claim" else HUB_CACHE_AT_HOME
