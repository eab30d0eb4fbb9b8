"""What in an object does not fit its schema: types, limits, choices, what must be there, items that stand twice.

Pure; works on admitted values (`admission`), so defaults are there and unknown fields are gone. Rules that look at
several fields at once are a platform's own. A message never shows the value of a field whose name is a secret's.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from shardwright.core.manifests.schema import OBJECT_META
from shardwright.core.marked import secret_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from shardwright.core.manifests.objects import Value
    from shardwright.core.manifests.schema import Field, View
    from shardwright.core.marked.paths import Path

__all__ = ["BARE", "QUOTED", "Flaw", "flaws", "shown"]

QUOTED, BARE = "write it in quotes", "write it without quotes"
"""What puts the type of a scalar right."""

FlawKind = Literal["type", "required", "value", "duplicate"]

_QUANTITY = re.compile(
    r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+))?"
)
_WHOLE = re.compile(r"-?[0-9]+")
_BITS = {"int32": 31, "int": 63, "int64": 63}


class Flaw(NamedTuple):
    """One thing that does not fit."""

    kind: FlawKind
    path: Path
    message: str
    value: str = ""
    """What was seen, as it may be shown."""


def flaws(value: Mapping[str, Value], type_name: str, view: View) -> Iterator[Flaw]:
    """All flaws of an object, in its order."""
    metadata = value.get("metadata")
    if isinstance(metadata, dict):
        yield from _object(metadata, OBJECT_META, view, ("metadata",))
    body = {key: each for key, each in value.items() if key not in {"apiVersion", "kind", "metadata"}}
    yield from _object(body, type_name, view, ())


def shown(value: Value, path: Path = ()) -> str:
    """A value for a message: a text in quotes, secrets hidden, lists and maps by their size."""
    if isinstance(value, str):
        names = [part for part in path if isinstance(part, str)]
        return secret_values.shown(value, names[-1] if names else "")
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "a mapping"
    return "an empty value" if value is None else json.dumps(value)


def _object(value: dict[str, Value], type_name: str, view: View, path: Path) -> Iterator[Flaw]:
    type_view = view.type_at(type_name)
    for key in type_view.required:
        if key not in value:
            yield Flaw("required", (*path, key), f"{key} is missing")
    fields, rest = type_view.fields, type_view.rest
    for key, each in value.items():
        field = fields.get(key, rest)
        if field is not None and field.shape != "any":
            yield from _value(each, field, view, (*path, key))


def _value(value: Value, field: Field, view: View, path: Path) -> Iterator[Flaw]:
    if value is None and field.nullable:
        return
    if field.shape == "scalar":
        wrong = _scalar_flaw(value, field, path)
        if wrong is not None:
            yield wrong
    elif field.shape == "list":
        yield from _list(value, field, view, path)
    elif field.shape != "any":
        yield from _map(value, field, view, path)


def _map(value: Value, field: Field, view: View, path: Path) -> Iterator[Flaw]:
    if not isinstance(value, dict):
        yield _mistyped(value, "a mapping", path)
    elif field.shape == "type":
        yield from _object(value, field.type, view, path)
    else:
        item = cast("Field", field.item)
        for key, each in value.items():
            yield from _value(each, item, view, (*path, key))


def _list(value: Value, field: Field, view: View, path: Path) -> Iterator[Flaw]:
    if not isinstance(value, list):
        yield _mistyped(value, "a list", path)
        return
    if field.min_items is not None and len(value) < field.min_items:
        yield Flaw("value", path, f"{len(value)} items; at least {field.min_items} are needed", str(len(value)))
    if field.max_items is not None and len(value) > field.max_items:
        yield Flaw("value", path, f"{len(value)} items; at most {field.max_items} are accepted", str(len(value)))
    item = cast("Field", field.item)
    for index, each in enumerate(value):
        yield from _value(each, item, view, (*path, index))
    if field.keys:
        yield from _twice(value, field.keys, path)


def _twice(items: list[Value], keys: tuple[str, ...], path: Path) -> Iterator[Flaw]:
    seen: dict[tuple[Value, ...], int] = {}
    for index, item in enumerate(items):
        key = _key_of(item, keys)
        if key is None:
            continue
        first = seen.setdefault(key, index)
        if first != index:
            what = " and ".join(keys) if keys != (".",) else "value"
            of = item if not isinstance(item, dict) else item.get(keys[0])
            text = shown(of, (*path, keys[0]))
            yield Flaw("duplicate", (*path, index), f"has the {what} {text} of item {first}; each stands once", text)


def _key_of(item: Value, keys: tuple[str, ...]) -> tuple[Value, ...] | None:
    if keys == (".",):
        return None if isinstance(item, list | dict) else (item,)
    if not isinstance(item, dict):
        return None
    parts = tuple(item.get(key) for key in keys)
    has_tree = any(isinstance(part, list | dict) for part in parts)
    return None if has_tree or all(part is None for part in parts) else parts


def _mistyped(value: Value, expected: str, path: Path) -> Flaw:
    text = shown(value, path)
    return Flaw("type", path, f"{text} is not {expected}", text)


def _is_whole(value: Value) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_quantity(value: Value) -> bool:
    return _is_whole(value) or (isinstance(value, str) and _QUANTITY.fullmatch(value) is not None)


_EXPECTED: dict[str, tuple[Callable[[Value], bool], str]] = {
    "string": (lambda value: isinstance(value, str), "a text"),
    "bool": (lambda value: isinstance(value, bool), "true or false"),
    "int": (_is_whole, "a whole number"),
    "int32": (_is_whole, "a whole number"),
    "int64": (_is_whole, "a whole number"),
    "number": (_is_number, "a number"),
    "quantity": (_is_quantity, 'a quantity, as 2 or "500m" or "16Gi"'),
    "amount": (lambda value: _is_number(value) or _is_quantity(value), 'a quantity, as 2 or "500m" or "16Gi"'),
    "int-or-string": (lambda value: _is_whole(value) or isinstance(value, str), "a whole number or a text"),
}


def _scalar_flaw(value: Value, field: Field, path: Path) -> Flaw | None:
    fits, expected = _EXPECTED[field.type]
    if not fits(value):
        flaw = _mistyped(value, expected, path)
        hint = _hint(value, field.type)
        return flaw._replace(message=f"{flaw.message}; {hint}") if hint else flaw
    message = _limit_broken(value, field)
    return Flaw("value", path, f"{shown(value, path)} {message}", shown(value, path)) if message else None


def _hint(value: Value, type_name: str) -> str:
    if type_name == "string" and (_is_number(value) or isinstance(value, bool)):
        return QUOTED
    if type_name in {"int", "int32", "int64", "number"} and isinstance(value, str) and _WHOLE.fullmatch(value):
        return BARE
    if type_name == "bool" and isinstance(value, str) and value.lower() in {"true", "false"}:
        return BARE
    if type_name == "quantity" and _is_number(value):
        return "write a fraction in quotes"
    return ""


def _limit_broken(value: Value, field: Field) -> str:
    """What a value of the right type breaks, to follow it in a message; empty if nothing."""
    if field.enum and value not in field.enum:
        return f"is not one of: {', '.join(shown(each) if each == '' else str(each) for each in field.enum)}"
    if isinstance(value, str):
        return _text_limit_broken(value, field)
    return _number_limit_broken(value, field) if isinstance(value, int | float) else ""


def _number_limit_broken(value: float, field: Field) -> str:
    bits = _BITS.get(field.type, 0)
    if bits and not -(2**bits) <= value < 2**bits:
        return f"does not fit in {bits + 1} bits"
    if field.min is not None and value < field.min:
        return f"is less than {field.min:g}"
    return f"is more than {field.max:.0f}" if field.max is not None and value > field.max else ""


def _text_limit_broken(value: str, field: Field) -> str:
    if field.min_length is not None and len(value) < field.min_length:
        return f"has {len(value)} characters; at least {field.min_length} are needed"
    if field.max_length is not None and len(value) > field.max_length:
        return f"has {len(value)} characters; at most {field.max_length} are accepted"
    # Patterns are not anchored unless they say so.
    if field.pattern is not None and not field.pattern.search(value):
        return f"does not match {field.pattern.pattern}"
    return ""
