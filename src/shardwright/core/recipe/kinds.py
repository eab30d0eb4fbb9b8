"""What a field of a recipe can hold, and the fields of each class of `model`: read once from its type hints.

The reader, the JSON schema and the canonical form all walk these kinds, so a new field is one line in `model`.
Names in documents are the camelCase of the names in Python, with the exceptions below.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from typing import Any, Literal, NamedTuple, TypeAlias

from shardwright.core.recipe import model

__all__ = [
    "Choice",
    "Field",
    "Flag",
    "Keyed",
    "Kind",
    "Listed",
    "Number",
    "OneOf",
    "Section",
    "Size",
    "Text",
    "Tree",
    "Whole",
    "fields_of",
]

_SPELLED = {"storage_class": "class"}


# Named tuples here and in `tree` and `forms`: seven times quicker to define than dataclasses, and every command pays for it.


class Text(NamedTuple):
    """A text; `form` names what it looks like."""

    form: str = ""


class Whole(NamedTuple):
    """A whole number."""

    minimum: int | None = None


class Number(NamedTuple):
    """A number."""

    minimum: int | None = None


class Flag:
    """true or false."""


class Size:
    """Bytes, written with a unit."""


class Choice(NamedTuple):
    """One of some texts."""

    values: tuple[str, ...]


class Listed(NamedTuple):
    """A list."""

    item: Kind


class Keyed(NamedTuple):
    """A mapping with free keys; `form` names what keys and texts look like."""

    item: Kind
    form: str = ""


class Section(NamedTuple):
    """A class of `model`."""

    cls: type[Any]


class Tree:
    """Any JSON value, passed on."""


class OneOf(NamedTuple):
    """One of several kinds."""

    kinds: tuple[Kind, ...]


Kind: TypeAlias = "Text | Whole | Number | Flag | Size | Choice | Listed | Keyed | Section | Tree | OneOf"


class Field(NamedTuple):
    """One field of a class of `model`."""

    name: str
    """As documents spell it."""
    attribute: str
    """As Python spells it."""
    kind: Kind
    doc: str
    required: bool
    default: object
    """None where the field is required."""
    later: bool
    """Read and checked, but not used yet."""


@functools.cache
def fields_of(cls: type[Any]) -> dict[str, Field]:
    """The fields of a class of `model`, by the names documents use, in their order."""
    hints = typing.get_type_hints(cls)
    made = (_field(field, hints[field.name]) for field in dataclasses.fields(cls))
    return {field.name: field for field in made}


def _field(field: dataclasses.Field[Any], hint: object) -> Field:
    required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    default = None if field.default is dataclasses.MISSING else field.default
    if field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    return Field(
        name=_spelled(field.name),
        attribute=field.name,
        kind=_kind(hint, minimum=field.metadata["minimum"], form=field.metadata["form"]),
        doc=field.metadata["doc"],
        required=required,
        default=default,
        later=field.metadata["later"],
    )


def _spelled(attribute: str) -> str:
    first, *others = attribute.split("_")
    return _SPELLED.get(attribute) or first + "".join(part.title() for part in others)


def _kind(hint: object, *, minimum: int | None, form: str) -> Kind:
    simple: dict[object, Kind] = {
        str: Text(form),
        int: Whole(minimum),
        float: Number(minimum),
        bool: Flag(),
        model.Bytes: Size(),
        model.Quantity: Text(form),
        Any: Tree(),
    }
    if hint in simple:
        return simple[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return Choice(arguments)
    if origin is tuple:
        return Listed(_kind(arguments[0], minimum=minimum, form=form))
    if origin is dict:
        return Keyed(_kind(arguments[1], minimum=minimum, form=""), form)
    if origin in {typing.Union, types.UnionType}:
        kinds = tuple(_kind(each, minimum=minimum, form=form) for each in arguments if each is not types.NoneType)
        return kinds[0] if len(kinds) == 1 else OneOf(kinds)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return Section(hint)
    raise TypeError(f"{hint!r} is no type a recipe's field can have")
