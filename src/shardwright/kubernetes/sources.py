"""What `model.source` means inside a cluster: a repository of the hub, a path in a claim, or nothing that pods reach.

A name of the catalogue stands for its repository. Whether a folder of that name lies on this machine is not asked:
pods would not reach it.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from shardwright import errors
from shardwright.core.recipe import source
from shardwright.facts import load as facts

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe

__all__ = ["ModelSource", "has_download", "is_gated", "model_argument", "mounted_claim", "source_of"]


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Where pods find the model."""

    kind: Literal["hub", "claim", "other"]
    name: str
    """Repository `owner/name`, name of the claim, or the source as written."""
    path: str = ""
    """Folder inside the claim; empty: its root."""


def source_of(recipe: Recipe) -> ModelSource:
    """Read `model.source`; a source that pods cannot reach is `other`, never an error."""
    try:
        parsed = source.parse_source(recipe.model.source)
    except ValueError:
        return ModelSource("other", recipe.model.source)
    if parsed.scheme == "hf":
        return ModelSource("hub", parsed.place)
    if parsed.scheme == "pvc":
        claim, _, path = parsed.place.partition("/")
        return ModelSource("claim", claim, path.strip("/"))
    listed = _listed(parsed.place) if parsed.scheme == "name" else None
    return ModelSource("hub", listed.hub_id) if listed else ModelSource("other", recipe.model.source)


def is_gated(recipe: Recipe) -> bool:
    """Whether the hub is known to ask for a token; False also where that is not known."""
    found = source_of(recipe)
    listed = _listed(found.name) if found.kind == "hub" else None
    return listed is not None and listed.gated


def model_argument(recipe: Recipe) -> str:
    """What the engine is given as model: the repository, or the path at which the claim's folder is mounted."""
    found = source_of(recipe)
    return posixpath.join(recipe.storage.cache_dir, found.path).rstrip("/") if found.kind == "claim" else found.name


def mounted_claim(recipe: Recipe) -> str | None:
    """The claim that pods mount at `storage.cacheDir`: the one that holds the model, else the one for the cache."""
    found = source_of(recipe)
    return found.name if found.kind == "claim" else recipe.storage.claim


def has_download(recipe: Recipe) -> bool:
    """Whether a Job fetches the model into the claim before the group starts."""
    storage = recipe.storage
    return storage.claim is not None and storage.download == "auto" and source_of(recipe).kind == "hub"


def _listed(name: str) -> facts.CatalogueModel | None:
    try:
        return facts.catalogue_model(name)
    except errors.NotFound:
        return None
