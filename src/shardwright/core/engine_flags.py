"""An engine's own flags as a recipe gives them: one spelling, checked against what a version takes, written as arguments.

Neutral: which flags there are, which fields they repeat and what became of old ones, the engine says in a `FlagBook`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from shardwright import errors
from shardwright.units import parse_bytes
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from shardwright.core.recipe import Recipe

__all__ = ["FlagBook", "FlagForms", "as_argv", "check", "faults", "normalized", "wrong_with"]

_KINDS = {
    "count": "a whole number above 0, as 256",
    "chunk": "a whole number above 0, or -1 for none",
    "share": "a number above 0 and at most 1, as 0.9",
    "ratio": "a number above 0, as 0.9",
    "size": "a size, as 8Gi",
    "switch": "true or false",
    "object": "an object, as {name: value}",
}
_CHOICE = "one of: "
"""A kind that begins so lists its values after it."""
_TYPES = {"switch": bool, "object": dict}


@frozen
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


@frozen
class FlagForms:
    """How an engine's parser wants flags that are neither plain switches nor one word after the flag."""

    negatable: frozenset[str]
    """Switches with a `--no-` form."""
    json_lists: frozenset[str] = frozenset()
    """Lists that are one JSON text; all others are several words after the flag."""
    repeated: frozenset[str] = frozenset()
    """Lists that are the flag several times, one word each."""


def normalized(arguments: Mapping[str, Any], aliases: Mapping[str, str]) -> dict[str, Any]:
    """Names with hyphens and without leading dashes, one name a flag; later entries win."""
    found: dict[str, Any] = {}
    for name, value in arguments.items():
        plain = name.strip().lstrip("-").replace("_", "-")
        found[aliases.get(plain, plain)] = value
    return found


def as_argv(arguments: Iterable[tuple[str, Any]], forms: FlagForms) -> Iterator[str]:
    """Flags as argparse reads them: switches without a value, `--no-` forms where there are some, objects as JSON."""
    for name, value in arguments:
        if isinstance(value, bool):
            yield from _switch(name, forms, on=value)
        elif isinstance(value, list):
            yield from _list(name, value, forms)  # pyright: ignore[reportUnknownArgumentType] - JSON of the recipe
        elif value is not None:
            yield from _word(name, _text(value))


def _switch(name: str, forms: FlagForms, *, on: bool) -> Iterator[str]:
    if on:
        yield f"--{name}"
    elif name in forms.negatable:
        yield f"--no-{name}"


def _list(name: str, values: list[Any], forms: FlagForms) -> Iterator[str]:
    if name in forms.json_lists:
        yield from (f"--{name}", _text(values))
    elif name in forms.repeated:
        for item in values:
            yield from _word(name, _text(item))
    else:
        yield from (f"--{name}", *map(_text, values))


def _word(name: str, text: str) -> Iterator[str]:
    """A value that begins with a dash would be taken for a flag, unless it is a number."""
    if text.startswith("-") and not _is_number(text):
        yield f"--{name}={text}"
    else:
        yield from (f"--{name}", text)


def _text(value: object) -> str:
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
        wrong = wrong_with(name, value, book)
        if wrong is not None:
            message, hint = wrong
            yield errors.Fault(message, f"engine.args.{written}", recipe.metadata.name, 0, hint)


def wrong_with(name: str, value: object, book: FlagBook) -> tuple[str, str] | None:
    """What is wrong with one flag, and what to do; None where nothing is. The name has no leading dashes."""
    return _wrong(name, book) or _wrong_value(value, book.values.get(name))


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
    import difflib  # noqa: PLC0415 - only a fault needs it

    near = difflib.get_close_matches(name, sorted(book.allowed), n=1)
    return missing, f"did you mean {near[0]}?" if near else "leave it out"


def _wrong_value(value: object, kind: str | None) -> tuple[str, str] | None:
    """Only of flags that plans count with; the others are the engine's to judge."""
    if kind is None or value is None or _is_of_kind(kind, value):
        return None
    if kind.startswith(_CHOICE):
        return f"{value!r} is not known", f"{_CHOICE}{', '.join(kind.removeprefix(_CHOICE).split())}"
    return f"{value!r} is not allowed", f"write {_KINDS[kind]}"


def _is_of_kind(kind: str, value: object) -> bool:
    if kind.startswith(_CHOICE):
        return str(value) in kind.removeprefix(_CHOICE).split()
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
    return float(str(value)) if _is_number(value) else 0.0


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return not isinstance(value, bool)


def _is_size(value: object) -> bool:
    try:
        return not isinstance(value, bool) and parse_bytes(str(value)) > 0
    except ValueError:
        return False
