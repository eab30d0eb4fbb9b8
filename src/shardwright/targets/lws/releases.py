"""What differs between releases of LeaderWorkerSet: the only reader of `facts.toml` beside it."""

from __future__ import annotations

import functools
import re
import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe

__all__ = ["Release", "known_releases", "known_versions", "release_named", "release_of"]


@frozen
class Release:
    """What one release accepts; each field is explained in `facts.toml`."""

    version: str
    restart_policies: tuple[str, ...]
    after_start: Literal["field", "annotation", "none"]
    largest_replicas: int
    is_size_mutable: bool
    has_subgroup_type: bool
    gang_providers: tuple[str, ...]


@functools.cache
def known_releases() -> tuple[Release, ...]:
    """All known releases, oldest first."""
    text = resources.files("shardwright.targets.lws").joinpath("facts.toml").read_text("utf-8")
    return tuple(_release(entry) for entry in tomllib.loads(text)["releases"])


def _release(entry: dict[str, Any]) -> Release:
    return Release(
        version=entry["version"],
        restart_policies=tuple(entry["restart_policies"]),
        after_start=entry["after_start"],
        largest_replicas=entry["largest_replicas"],
        is_size_mutable=entry["is_size_mutable"],
        has_subgroup_type=entry["has_subgroup_type"],
        gang_providers=tuple(entry["gang_providers"]),
    )


def known_versions() -> tuple[str, ...]:
    """Their versions, `major.minor`, oldest first."""
    return tuple(release.version for release in known_releases())


def release_of(recipe: Recipe) -> Release | None:
    """The release that the recipe names, the newest known if it names none; None if it is not known.

    `0.7`, `0.7.0` and `v0.7.0` are one release: patch releases accept the same.
    """
    asked = recipe.target.version if recipe.target else None
    if asked is None:
        return known_releases()[-1]
    return release_named(asked)


def release_named(version: str) -> Release | None:
    """The release of a version; None if it is not known."""
    match = re.fullmatch(r"v?(\d+\.\d+)(?:\.\d+)?", version)
    return next((release for release in known_releases() if match and release.version == match[1]), None)
