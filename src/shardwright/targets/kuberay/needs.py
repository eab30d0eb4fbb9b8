"""What a new recipe for this platform has to say: how ranks are spread, and an image that has Ray and the engine.

Source of the image: `facts.toml`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.targets.kuberay import releases, serve_llm

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe

__all__ = ["needs_of"]


def needs_of(recipe: Recipe) -> dict[str, str]:
    """Fields by their paths; none for an engine that Ray does not run.

    The image is the one that is known, with its engine's version, unless the recipe names either.
    """
    engine = recipe.engine
    if engine.name != serve_llm.ENGINE:
        return {}
    found = {} if engine.executor else {"engine.executor": "ray"}
    if engine.image is None and engine.version is None:
        known = releases.ray_image()
        found |= {"engine.image": known["image"], "engine.version": known["engine_version"]}
    return found
