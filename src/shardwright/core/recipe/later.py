"""Which settings of a recipe are read and checked but not used yet; a plan says so."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.core.recipe import kinds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.recipe.model import Recipe

__all__ = ["later_fields"]


def later_fields(recipe: Recipe) -> tuple[str, ...]:
    """Paths of fields that are set and not used yet, in the order of the recipe."""
    return tuple(_paths(recipe, ""))


def _paths(section: object, prefix: str) -> Iterator[str]:
    for field in kinds.fields_of(type(section)).values():
        value = getattr(section, field.attribute)
        if value == field.default:
            continue
        if field.later:
            yield f"{prefix}{field.name}"
        elif dataclasses.is_dataclass(value):
            yield from _paths(value, f"{prefix}{field.name}.")
