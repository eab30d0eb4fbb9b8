"""A recipe as a document again: in the recipe's own spelling, without what is left at its default.

Two recipes that mean the same have the same canonical form, whatever file, order or spelling they came from; the digest
names a revision. Reading the form back gives an equal recipe.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, cast

from shardwright import units
from shardwright.core.recipe import kinds
from shardwright.core.recipe.kinds import Keyed, Kind, Listed, OneOf, Section, Size
from shardwright.core.recipe.model import API_VERSION, Recipe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.recipe.model import Json

__all__ = ["ordered", "recipe_digest", "spelled", "to_document"]


def to_document(recipe: Recipe) -> dict[str, Json]:
    """The recipe as a tree of JSON values, `apiVersion` first."""
    return {"apiVersion": API_VERSION, "kind": "Recipe", **_section(recipe)}


def ordered(document: Mapping[str, Json], cls: type[Any] = Recipe) -> dict[str, Json]:
    """A document, or a section of that class, with its fields in the order of the recipe; unknown ones stand last."""
    fields = kinds.fields_of(cls)
    return {
        name: _ordered(fields[name].kind, document[name]) if name in fields else document[name]
        for name in (*(name for name in fields if name in document), *(name for name in document if name not in fields))
    }


def _ordered(kind: Kind, value: Json) -> Json:
    inside = kind.kinds if isinstance(kind, OneOf) else (kind,)
    section = next((each for each in inside if isinstance(each, Section)), None)
    return ordered(cast("dict[str, Json]", value), section.cls) if section and isinstance(value, dict) else value


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
