"""What `model.source` means inside a cluster.

A repository of the hub, a path in a claim, something that the download Job copies into a claim (a bucket, a
pre-authenticated request, an image), or nothing that pods reach.
A name of the catalogue stands for its repository. Whether a folder of that name lies on this machine is not asked:
pods would not reach it.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Literal

from shardwright import errors
from shardwright.core.recipe import source
from shardwright.facts import load as facts
from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe

__all__ = [
    "ModelSource",
    "draft_argument",
    "draft_source_of",
    "has_download",
    "is_gated",
    "model_argument",
    "mounted_claim",
    "source_of",
]


_FETCHED: dict[str, Literal["bucket", "request", "image"]] = {"s3": "bucket", "par": "request", "oci": "image"}
_NO_FOLDER = r"[^A-Za-z0-9._/-]|//+"


@frozen
class ModelSource:
    """Where pods find the model."""

    kind: Literal["hub", "claim", "bucket", "request", "image", "other"]
    name: str
    """Repository `owner/name`, name of the claim, or the source as written."""
    path: str = ""
    """Folder inside the claim; empty: its root."""

    @property
    def is_fetched(self) -> bool:
        """Whether a Job copies it into a claim, from where the engine reads it by its path."""
        return self.kind in {"bucket", "request", "image"}


def source_of(recipe: Recipe) -> ModelSource:
    """Read `model.source`; a source that pods cannot reach is `other`, never an error."""
    return _read(recipe.model.source)


def draft_source_of(recipe: Recipe) -> ModelSource | None:
    """The same of the draft model, which pods read from the hub or from the claim that they mount; None without a draft."""
    draft = recipe.model.draft
    found = _read(draft.source) if draft else None
    if found and (found.is_fetched or (found.kind == "claim" and found.name != mounted_claim(recipe))):
        return ModelSource("other", found.name)
    return found


def _read(text: str) -> ModelSource:
    try:
        parsed = source.parse_source(text)
    except ValueError:
        return ModelSource("other", text)
    if parsed.scheme == "hf":
        return ModelSource("hub", parsed.place)
    if parsed.scheme == "pvc":
        claim, _, path = parsed.place.partition("/")
        return ModelSource("claim", claim, path.strip("/"))
    if parsed.scheme in _FETCHED:
        return ModelSource(
            _FETCHED[parsed.scheme], text, f"fetched/{re.sub(_NO_FOLDER, '-', parsed.place)}".rstrip("/")
        )
    listed = _listed(parsed.place) if parsed.scheme == "name" else None
    return ModelSource("hub", listed.hub_id) if listed else ModelSource("other", text)


def is_gated(recipe: Recipe) -> bool:
    """Whether the hub is known to ask for a token; False also where that is not known."""
    found = source_of(recipe)
    listed = _listed(found.name) if found.kind == "hub" else None
    return listed is not None and listed.gated


def model_argument(recipe: Recipe) -> str:
    """What the engine is given as model: the repository, or the path at which the claim's folder is mounted."""
    return _argument(source_of(recipe), recipe)


def draft_argument(recipe: Recipe) -> str:
    """What the engine is given as draft model; empty without one."""
    found = draft_source_of(recipe)
    return _argument(found, recipe) if found else ""


def _argument(found: ModelSource, recipe: Recipe) -> str:
    if found.kind != "claim" and not found.is_fetched:
        return found.name
    return posixpath.join(recipe.storage.cache_dir, found.path).rstrip("/")


def mounted_claim(recipe: Recipe) -> str | None:
    """The claim that pods mount at `storage.cacheDir`: the one that holds the model, else the one for the cache."""
    found = source_of(recipe)
    return found.name if found.kind == "claim" else recipe.storage.claim


def has_download(recipe: Recipe) -> bool:
    """Whether a Job fetches the model into the claim before the group starts."""
    storage, found = recipe.storage, source_of(recipe)
    return storage.claim is not None and storage.download == "auto" and (found.kind == "hub" or found.is_fetched)


def _listed(name: str) -> facts.CatalogueModel | None:
    try:
        return facts.catalogue_model(name)
    except errors.NotFound:
        return None
