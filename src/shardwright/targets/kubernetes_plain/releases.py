"""What differs between releases of Kubernetes: the only reader of `facts.toml` beside it."""

from __future__ import annotations

import functools
import re
import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe

__all__ = ["has", "known_versions", "release_of", "since"]

_VERSION = re.compile(r"v?(\d+\.\d+)(\.\d+)?([-+].*)?")


@functools.cache
def _facts() -> dict[str, Any]:
    return tomllib.loads(
        resources.files("shardwright.targets.kubernetes_plain").joinpath("facts.toml").read_text("utf-8")
    )


def known_versions() -> tuple[str, ...]:
    """Known releases, `major.minor`, oldest first."""
    return tuple(_facts()["releases"])


def release_of(recipe: Recipe) -> str | None:
    """The release that the recipe names, the newest known if it names none; None if it is not known.

    `1.31`, `v1.31.4` and `1.31.4-gke.1` are one release: patch releases and builds have the same fields.
    """
    asked = recipe.target.version if recipe.target else None
    if asked is None:
        return known_versions()[-1]
    match = _VERSION.fullmatch(asked)
    return match[1] if match and match[1] in known_versions() else None


def since(name: str) -> str:
    """First release that has a field or kind."""
    return _facts()["since"][name]


def has(release: str, name: str) -> bool:
    """Whether a known release has a field or kind; one that came before the oldest is in all."""
    known = known_versions()
    first = since(name)
    return first not in known or known.index(release) >= known.index(first)
