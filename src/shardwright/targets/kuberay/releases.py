"""What differs between releases of KubeRay: the only reader of `facts.toml` beside it."""

from __future__ import annotations

import functools
import re
import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Any

from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.recipe import Recipe

__all__ = [
    "Release",
    "gates",
    "images_without_ray",
    "known_releases",
    "known_versions",
    "ray_image",
    "release_named",
    "release_of",
]


@frozen
class Release:
    """What one release accepts; each field is explained in `facts.toml`."""

    version: str
    has_fault_tolerance_options: bool
    is_redis_address_required: bool
    needs_start_params: bool
    has_upgrade_strategy: bool
    has_cluster_upgrade_strategy: bool
    has_suspend_of_workers: bool


@functools.cache
def _facts() -> dict[str, Any]:
    text = resources.files("shardwright.targets.kuberay").joinpath("facts.toml").read_text("utf-8")
    return tomllib.loads(text)


@functools.cache
def known_releases() -> tuple[Release, ...]:
    """All known releases, oldest first."""
    return tuple(Release(**entry) for entry in _facts()["releases"])


@functools.cache
def known_versions() -> tuple[str, ...]:
    """Their versions, `major.minor`, oldest first."""
    return tuple(release.version for release in known_releases())


def gates() -> Mapping[str, str]:
    """Feature gates, each with the first release that has it on by default; empty where none has."""
    found: dict[str, str] = _facts()["gates"]
    return found


def images_without_ray() -> Mapping[str, str]:
    """Repositories of images, each with the first tag that holds no Ray."""
    found: dict[str, str] = _facts()["images_without_ray"]
    return found


def ray_image() -> Mapping[str, str]:
    """An image that has Ray and an engine, with the engine's version."""
    found: dict[str, str] = _facts()["ray_image"]
    return found


def release_of(recipe: Recipe) -> Release | None:
    """The release that the recipe names, the newest known if it names none; None if it is not known."""
    asked = recipe.target.version if recipe.target else None
    return known_releases()[-1] if asked is None else release_named(asked)


def release_named(version: str) -> Release | None:
    """The release of a version; None if it is not known."""
    match = re.fullmatch(r"v?(\d+\.\d+)(?:\.\d+)?", version)
    return next((release for release in known_releases() if match and release.version == match[1]), None)
