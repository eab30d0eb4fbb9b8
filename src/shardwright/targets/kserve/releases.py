"""What differs between releases of KServe: the only reader of `facts.toml` beside it."""

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

_SPLIT = "0.15"
"""The one minor release whose first patch release has rules of its own."""


@frozen
class Release:
    """What one release does; each field is explained in `facts.toml`."""

    version: str
    mode: Literal["RawDeployment", "Standard"]
    workers: Literal["", "size", "sizes"]
    autoscaler: Literal["external", "none"]
    keeps_replicas: bool
    is_stoppable: bool
    schemes: tuple[str, ...]
    has_worker_service: bool
    has_executor: bool
    has_direct_volumes: bool
    has_modelcars: bool
    refused_env: tuple[str, ...]
    server_image: str
    server_engine: str
    defect: str


@functools.cache
def known_releases() -> tuple[Release, ...]:
    """All known releases, oldest first."""
    text = resources.files("shardwright.targets.kserve").joinpath("facts.toml").read_text("utf-8")
    return tuple(_release(entry) for entry in tomllib.loads(text)["releases"])


def _release(entry: dict[str, Any]) -> Release:
    lists = {"schemes", "refused_env"}
    values: dict[str, Any] = {name: tuple(value) if name in lists else value for name, value in entry.items()}
    return Release(**values)


def known_versions() -> tuple[str, ...]:
    """Their versions, oldest first."""
    return tuple(release.version for release in known_releases())


def release_of(recipe: Recipe) -> Release | None:
    """The release that the recipe names, the newest known if it names none; None if it is not known."""
    asked = recipe.target.version if recipe.target else None
    return known_releases()[-1] if asked is None else release_named(asked)


def release_named(version: str) -> Release | None:
    """The release of a version; None if it is not known.

    `0.19`, `0.19.0` and `v0.19.1` are one release; of 0.15 the first patch release differs from the later ones, and
    `0.15` means the later ones.
    """
    match = re.fullmatch(r"v?(\d+\.\d+)(?:\.(\d+))?", version)
    if match is None:
        return None
    wanted = match[1]
    if wanted == _SPLIT:
        wanted = f"{_SPLIT}.0" if match[2] == "0" else f"{_SPLIT}.1"
    return next((release for release in known_releases() if release.version == wanted), None)
