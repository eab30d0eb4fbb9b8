"""A recipe as a document again: in the recipe's own spelling, without what is left at its default.

Two recipes that mean the same have the same canonical form, whatever file, order or spelling they came from; the digest
names a revision. Reading the form back gives an equal recipe.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, cast

from shardwright import units
from shardwright.core.recipe import kinds
from shardwright.core.recipe.kinds import Keyed, Kind, Listed, OneOf, Section, Size
from shardwright.core.recipe.model import API_VERSION

if TYPE_CHECKING:
    from shardwright.core.recipe.model import Json, Recipe

__all__ = ["recipe_digest", "spelled", "to_document"]


def to_document(recipe: Recipe) -> dict[str, Json]:
    """The recipe as a tree of JSON values, `apiVersion` first."""
    return {"apiVersion": API_VERSION, "kind": "Recipe", **_section(recipe)}


def recipe_digest(recipe: Recipe) -> str:
    """SHA-256 of the canonical form, in hexadecimal."""
    compact = json.dumps(to_document(recipe), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(compact.encode()).hexdigest()


def spelled(kind: Kind, value: object) -> Json:
    """A value of a field as documents spell it."""
    match kind:
        case Size():
            return _size(cast("int", value))
        case Section():
            return _section(value)
        case Listed():
            return [spelled(kind.item, item) for item in cast("tuple[object, ...]", value)]
        case Keyed():
            return {key: spelled(kind.item, item) for key, item in cast("dict[str, object]", value).items()}
        case OneOf():
            return value if isinstance(value, str | int) else _section(value)
        case _:
            return value


def _section(value: object) -> dict[str, Json]:
    fields = kinds.fields_of(type(value)).values()
    held = ((field, getattr(value, field.attribute)) for field in fields)
    return {field.name: spelled(field.kind, each) for field, each in held if field.required or each != field.default}


def _size(count: int) -> str:
    """Bytes without loss; a size always has a unit."""
    text = units.format_quantity(count)
    return f"{text}B" if text.isdigit() else text
