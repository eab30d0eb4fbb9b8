"""What differs between releases of KServe for an LLMInferenceService: the only reader of `facts.toml` beside it."""

from __future__ import annotations

import functools
import re
import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Any

from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe

__all__ = ["Names", "Release", "known_releases", "known_versions", "names", "release_named", "release_of"]


@frozen
class Names:
    """Names that the controller and its presets give, the same in all known releases; explained in `facts.toml`."""

    config_prefix: str
    pipeline_config: str
    container: str
    serve_port: str
    model_mount: str
    service_suffix: str
    set_suffix: str
    preset_capabilities: tuple[str, ...]
    own_labels: tuple[str, ...]


@frozen
class Release:
    """What one release accepts and does; each field is explained in `facts.toml`."""

    version: str
    api_version: str
    has_pod_metadata: bool
    has_download_switch: bool
    has_model_routing: bool
    missing_presets: tuple[str, ...]


@functools.cache
def _facts() -> dict[str, Any]:
    return tomllib.loads(resources.files("shardwright.targets.llmisvc").joinpath("facts.toml").read_text("utf-8"))


@functools.cache
def names() -> Names:
    """Names that no release changes."""
    entry = _facts()
    return Names(
        config_prefix=entry["config_prefix"],
        pipeline_config=entry["pipeline_config"],
        container=entry["container"],
        serve_port=entry["serve_port"],
        model_mount=entry["model_mount"],
        service_suffix=entry["service_suffix"],
        set_suffix=entry["set_suffix"],
        preset_capabilities=tuple(entry["preset_capabilities"]),
        own_labels=tuple(entry["own_labels"]),
    )


@functools.cache
def known_releases() -> tuple[Release, ...]:
    """All known releases, oldest first."""
    return tuple(_release(entry) for entry in _facts()["releases"])


def _release(entry: dict[str, Any]) -> Release:
    return Release(
        version=entry["version"],
        api_version=entry["api_version"],
        has_pod_metadata=entry["has_pod_metadata"],
        has_download_switch=entry["has_download_switch"],
        has_model_routing=entry["has_model_routing"],
        missing_presets=tuple(entry["missing_presets"]),
    )


def known_versions() -> tuple[str, ...]:
    """Their versions, `major.minor`, oldest first."""
    return tuple(release.version for release in known_releases())


def release_of(recipe: Recipe) -> Release | None:
    """The release that the recipe names, the newest known if it names none; None if it is not known."""
    asked = recipe.target.version if recipe.target else None
    return known_releases()[-1] if asked is None else release_named(asked)


def release_named(version: str) -> Release | None:
    """The release of a version; None if it is not known.

    `0.20`, `0.20.1` and `v0.20.1` are one release: patch releases accept the same.
    """
    match = re.fullmatch(r"v?(\d+\.\d+)(?:\.\d+)?", version)
    return next((release for release in known_releases() if match and release.version == match[1]), None)
