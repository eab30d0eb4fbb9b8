"""What `model.source` means inside a cluster: a repository of the hub, a path in a claim, or nothing that pods reach."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe

__all__ = ["ModelSource", "has_download", "model_argument", "mounted_claim", "source_of"]


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
    scheme, separator, rest = recipe.model.source.partition("://")
    if separator and scheme == "hf":
        return ModelSource("hub", rest.strip("/"))
    if separator and scheme == "pvc":
        claim, _, path = rest.partition("/")
        return ModelSource("claim", claim, path.strip("/"))
    return ModelSource("other", recipe.model.source)


def model_argument(recipe: Recipe) -> str:
    """What the engine is given as model: the repository, or the path at which the claim's folder is mounted."""
    source = source_of(recipe)
    return posixpath.join(recipe.storage.cache_dir, source.path).rstrip("/") if source.kind == "claim" else source.name


def mounted_claim(recipe: Recipe) -> str | None:
    """The claim that pods mount at `storage.cacheDir`: the one that holds the model, else the one for the cache."""
    source = source_of(recipe)
    return source.name if source.kind == "claim" else recipe.storage.claim


def has_download(recipe: Recipe) -> bool:
    """Whether a Job fetches the model into the claim before the group starts."""
    storage = recipe.storage
    return storage.claim is not None and storage.download == "auto" and source_of(recipe).kind == "hub"
