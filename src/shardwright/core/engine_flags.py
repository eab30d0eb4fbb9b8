"""An engine's own flags as a recipe gives them: one spelling, checked against what a version takes, written as arguments.

Neutral: which flags there are, which fields they repeat and what became of old ones, the engine says in a `FlagBook`.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shardwright import errors
from shardwright.units import parse_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from shardwright.core.recipe import Recipe

__all__ = ["FlagBook", "as_argv", "check", "faults", "normalized"]

_KINDS = {
    "count": "a whole number above 0, as 256",
    "chunk": "a whole number above 0, or -1 for none",
    "share": "a number above 0 and at most 1, as 0.9",
    "ratio": "a number above 0, as 0.9",
    "size": "a size, as 8Gi",
    "switch": "true or false",
    "object": "an object, as {name: value}",
}
_TYPES = {"switch": bool, "object": dict}


@dataclass(frozen=True, slots=True)
class FlagBook:
    """What one version of an engine takes. Names have no leading dashes."""

    engine: str
    """As people write it."""
    version: str
    allowed: frozenset[str]
    fields: Mapping[str, str]
    """Flags that repeat a field of the recipe, with that field."""
    own: frozenset[str]
    """Flags that only the plan sets."""
    gone: Mapping[str, str]
    """Flags of other versions, with what to use instead."""
    values: Mapping[str, str]
    """Kinds of value of flags that plans count with: count, chunk, share, ratio, size, switch, object."""
    aliases: Mapping[str, str]
    is_unknown_release: bool = False
    """Newer than all that is known: flags may have been added."""


def normalized(arguments: Mapping[str, Any], aliases: Mapping[str, str]) -> dict[str, Any]:
    """Names with hyphens and without leading dashes, one name a flag; later entries win."""
    found: dict[str, Any] = {}
    for name, value in arguments.items():
        plain = name.strip().lstrip("-").replace("_", "-")
        found[aliases.get(plain, plain)] = value
    return found


def as_argv(arguments: Iterable[tuple[str, Any]], negatable: frozenset[str]) -> Iterator[str]:
    """Flags as argparse reads them: switches without a value, `--no-` forms where there are some, objects as JSON."""
    for name, value in arguments:
        if value is True:
            yield f"--{name}"
        elif value is False:
            yield from (f"--no-{name}",) if name in negatable else ()
        elif isinstance(value, list):
            yield from (f"--{name}", *(_item(item) for item in value))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - JSON of the recipe
        elif value is not None:
            yield from (f"--{name}", _item(value))


def _item(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True) if isinstance(value, dict | list) else str(value)


def check(recipe: Recipe, book: FlagBook) -> None:
    """RecipeError with all faults of `engine.args`."""
    found = tuple(faults(recipe, book))
    if found:
        raise errors.RecipeError(found)


def faults(recipe: Recipe, book: FlagBook) -> Iterator[errors.Fault]:
    """What is wrong with the flags of a recipe, each with the field or flag to use instead."""
    for written, value in recipe.engine.args.items():
        name = next(iter(normalized({written: None}, book.aliases)))
        wrong = _wrong(name, book) or _wrong_value(value, book.values.get(name))
        if wrong is not None:
            message, hint = wrong
            yield errors.Fault(message, f"engine.args.{written}", recipe.metadata.name, 0, hint)


def _wrong(name: str, book: FlagBook) -> tuple[str, str] | None:
    if name in book.fields:
        return f"--{name} repeats a field of the recipe", f"use {book.fields[name]}"
    if name in book.own:
        return f"--{name} is set by the plan", "leave it out"
    if name in book.allowed or name.removeprefix("no-") in book.allowed or book.is_unknown_release:
        return None
    missing = f"--{name} does not exist in {book.engine} {book.version}"
    if name in book.gone:
        return missing, f"use {book.gone[name]}"
    near = difflib.get_close_matches(name, sorted(book.allowed), n=1)
    return missing, f"did you mean {near[0]}?" if near else "leave it out"


def _wrong_value(value: object, kind: str | None) -> tuple[str, str] | None:
    """Only of flags that plans count with; the others are the engine's to judge."""
    if kind is None or value is None or _is_of_kind(kind, value):
        return None
    return f"{value!r} is not allowed", f"write {_KINDS[kind]}"


def _is_of_kind(kind: str, value: object) -> bool:
    if kind in _TYPES:
        return isinstance(value, _TYPES[kind])
    if kind in ("share", "ratio"):
        return 0 < _number(value) <= (1 if kind == "share" else float("inf"))
    if kind in ("count", "chunk"):
        return _is_count(value) or (kind == "chunk" and str(value) == "-1")
    return _is_size(value)


def _is_count(value: object) -> bool:
    return str(value).isdecimal() and int(str(value)) > 0


def _number(value: object) -> float:
    """0 for what is no number."""
    try:
        return 0.0 if isinstance(value, bool) else float(str(value))
    except ValueError:
        return 0.0


def _is_size(value: object) -> bool:
    try:
        return not isinstance(value, bool) and parse_bytes(str(value)) > 0
    except ValueError:
        return False
