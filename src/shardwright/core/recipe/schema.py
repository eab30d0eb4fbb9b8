"""The JSON schema of recipes (2020-12), made from the classes of `model`: for editors, CI and the reference page.

It accepts what the reader accepts, with null for a field left out and numbers where a text is meant; rules between fields
are the reader's alone. Names of engines and platforms come from the caller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shardwright.core.recipe import canonical, kinds
from shardwright.core.recipe.forms import FORMS, KEYED_FORMS
from shardwright.core.recipe.kinds import (
    Choice,
    Field,
    Flag,
    Keyed,
    Kind,
    Listed,
    Number,
    OneOf,
    Section,
    Size,
    Text,
    Tree,
    Whole,
)
from shardwright.core.recipe.model import API_VERSION, Json, Recipe

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["SCHEMA_ID", "recipe_schema"]

SCHEMA_ID = "https://shardwright.dev/schemas/v1/recipe.json"

_SIZE = r"^[0-9]+(\.[0-9]+)?\s*((Ki|Mi|Gi|Ti|[kKMGT])B?|B)$"
_Schema = dict[str, Json]


def recipe_schema(*, engines: Collection[str], targets: Collection[str]) -> dict[str, Json]:
    """The schema; `engines` and `targets` are the names that may stand in `engine.name` and `target.kind`."""
    maker = _Maker({"engine-name": sorted(engines), "target-kind": sorted(targets)})
    root = maker.section(Recipe)
    header: _Schema = {
        "apiVersion": {"const": API_VERSION, "description": "Version of this format."},
        "kind": {"const": "Recipe", "description": "What this document is."},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "Shardwright recipe",
        **root,
        "properties": {**header, **root["properties"]},
        "required": [*header, *root["required"]],
        "$defs": dict(sorted(maker.definitions.items())),
    }


class _Maker:
    """Makes schemas of kinds; collects the definitions of the sections it meets."""

    def __init__(self, names: Mapping[str, list[str]]) -> None:
        self._names = names
        self.definitions: dict[str, _Schema] = {}

    def section(self, cls: type[Any]) -> _Schema:
        """The schema of a class of `model`."""
        fields = kinds.fields_of(cls).values()
        made: _Schema = {
            "description": (cls.__doc__ or "").partition("\n")[0],
            "type": "object",
            "properties": {field.name: self._property(field) for field in fields},
            "additionalProperties": False,
        }
        required = [field.name for field in fields if field.required]
        return {**made, "required": required} if required else made

    def _property(self, field: Field) -> _Schema:
        made = self._any(field.kind)
        described: _Schema = {"description": field.doc + (" Not used yet." if field.later else "")}
        # A section's default is that of its fields.
        default = None if field.default is None else canonical.spelled(field.kind, field.default)
        if default not in (None, [], {}):
            described["default"] = default
        return {**described, **(made if field.required else _or_null(made))}

    def _any(self, kind: Kind) -> _Schema:
        match kind:
            case Section():
                name = kind.cls.__name__
                if name not in self.definitions:
                    self.definitions[name] = self.section(kind.cls)
                return {"$ref": f"#/$defs/{name}"}
            case Listed():
                return {"type": "array", "items": self._any(kind.item)}
            case Keyed():
                return self._keyed(kind)
            case OneOf():
                return {"anyOf": [self._any(each) for each in kind.kinds]}
            case Text() if kind.form in self._names:
                return {"enum": self._names[kind.form]}
            case _:
                return _single(kind)

    def _keyed(self, kind: Keyed) -> _Schema:
        form = KEYED_FORMS.get(kind.form)
        text = _text(form.texts if form else "", allow_empty=True)
        item = self._any(kind.item)
        if isinstance(kind.item, Text):
            item = text
        elif isinstance(kind.item, Tree):
            item = {"not": {"type": "null"}}
        elif isinstance(kind.item, OneOf):
            item = {"anyOf": [text, *item["anyOf"][1:]]}
        made: _Schema = {"type": "object", "additionalProperties": item}
        if form:
            made["propertyNames"] = {name: value for name, value in _text(form.keys).items() if name != "type"}
        return made


def _single(kind: Kind) -> _Schema:
    match kind:
        case Text():
            return _text(kind.form)
        case Whole() | Number():
            bound: _Schema = {} if kind.minimum is None else {"minimum": kind.minimum}
            return {"type": "integer" if isinstance(kind, Whole) else "number", **bound}
        case Flag():
            return {"type": "boolean"}
        case Size():
            return {"type": "string", "pattern": _SIZE}
        case Choice():
            return {"enum": list(kind.values)}
        case _:
            return {}


def _or_null(made: _Schema) -> _Schema:
    """The schema of a field that may also be null, which means left out."""
    if "anyOf" in made:
        return {**made, "anyOf": [*made["anyOf"], {"type": "null"}]}
    if "$ref" in made:
        return {"anyOf": [made, {"type": "null"}]}
    if "enum" in made:
        return {**made, "enum": [*made["enum"], None]}
    types = made.get("type", [])
    listed = [types] if isinstance(types, str) else types
    return {**made, "type": [*listed, "null"]} if listed else made


def _text(form: str, *, allow_empty: bool = False) -> _Schema:
    """A text; unquoted numbers and true/false are taken as written, so they pass too."""
    made: _Schema = {"type": ["string", "number", "boolean"]}
    if form:
        rule = FORMS[form]
        longest: _Schema = {} if rule.max_length is None else {"maxLength": rule.max_length}
        return {**made, "pattern": f"^({rule.pattern})$", **longest}
    return made if allow_empty else {**made, "minLength": 1}
