"""What each release of OpenShift AI brings: the only reader of `facts.toml` beside it."""

from __future__ import annotations

import functools
import re
import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe

__all__ = [
    "Names",
    "Release",
    "beneath",
    "known_releases",
    "known_versions",
    "names",
    "own_engine",
    "release_named",
    "release_of",
]


@frozen
class Names:
    """What is called the same in all releases."""

    engine_name: str
    """The engine in the platform's images."""
    templates: str
    """Namespace that holds the platform's own templates."""
    runtime: str
    """Name of the platform's own runtime for several nodes."""


@frozen
class Release:
    """One release; each field is explained in `facts.toml`."""

    version: str
    kserve: str
    engine: str
    image: str
    executor: Literal["ray", "mp"]


@functools.cache
def _facts() -> dict[str, Any]:
    return tomllib.loads(resources.files("shardwright.targets.openshift_ai").joinpath("facts.toml").read_text("utf-8"))


@functools.cache
def names() -> Names:
    """Names that no release changes."""
    entry = _facts()
    return Names(engine_name=entry["engine_name"], templates=entry["templates"], runtime=entry["runtime"])


@functools.cache
def known_releases() -> tuple[Release, ...]:
    """All known releases, oldest first."""
    return tuple(
        Release(
            version=entry["version"],
            kserve=entry["kserve"],
            engine=entry["engine"],
            image=entry["image"],
            executor=entry["executor"],
        )
        for entry in _facts()["releases"]
    )


def known_versions() -> tuple[str, ...]:
    """Their versions, `major.minor`, oldest first."""
    return tuple(release.version for release in known_releases())


def release_of(recipe: Recipe) -> Release | None:
    """The release that the recipe names, the newest known if it names none; None if it is older than all or newer."""
    asked = recipe.target.version if recipe.target else None
    return known_releases()[-1] if asked is None else release_named(asked)


def release_named(version: str) -> Release | None:
    """The release of a version; None if it is older than all or newer.

    A release between two known ones is taken for the older of them: most that is not listed is an interim release of it.
    """
    match = re.fullmatch(r"v?(\d+)\.(\d+)(?:\.\d+)?", version)
    if match is None:
        return None
    wanted = (int(match[1]), int(match[2]))
    newest = _number(known_releases()[-1])
    older = [release for release in known_releases() if _number(release) <= wanted]
    return older[-1] if older and wanted <= newest and _number(older[-1])[0] == wanted[0] else None


def own_engine(recipe: Recipe) -> str:
    """The version of the engine in the platform's image; empty where it is not known, or has another engine."""
    release = release_of(recipe)
    return release.engine if release and recipe.engine.name == names().engine_name else ""


def beneath(version: str) -> tuple[str, str] | None:
    """KServe and the release of it whose rules hold in a release of OpenShift AI; None for one that is not known."""
    release = release_named(version)
    return ("kserve", release.kserve) if release else None


def _number(release: Release) -> tuple[int, int]:
    major, _, minor = release.version.partition(".")
    return int(major), int(minor)
