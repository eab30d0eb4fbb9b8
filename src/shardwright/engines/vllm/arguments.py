"""The engine's own flags as a recipe gives them: one spelling, checked against the version, written as vLLM reads them.

Source: the argument parsers of vLLM 0.11.1, 0.24.0 and 0.32.0, as listed in facts.toml.
"""

from __future__ import annotations

import difflib
import functools
import json
from typing import TYPE_CHECKING, Any

from shardwright import errors
from shardwright.core.plan.version import parse_version
from shardwright.engines.vllm import facts
from shardwright.units import parse_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from shardwright.core.recipe import Recipe

__all__ = ["argument_faults", "as_argv", "check_arguments", "normalized"]

_ALIASES = {"device-memory-utilization": "gpu-memory-utilization"}
_JSON_LISTS = frozenset({"allowed-headers", "allowed-methods", "allowed-origins"})
"""Lists that are one JSON text; all others are several words after the flag, or the flag several times."""
_REPEATED = frozenset({"middleware"})


@functools.cache
def _names(table: str, key: str) -> frozenset[str]:
    return frozenset(facts.table(table)[key].split())


def normalized(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Names with hyphens and without leading dashes, one name a flag; later entries win."""
    found: dict[str, Any] = {}
    for name, value in arguments.items():
        plain = name.strip().lstrip("-").replace("_", "-")
        found[_ALIASES.get(plain, plain)] = value
    return found


def as_argv(arguments: Iterable[tuple[str, Any]]) -> Iterator[str]:
    """Flags as vLLM's parser reads them: switches without a value, `--no-` forms, objects and lists of objects as JSON."""
    for name, value in arguments:
        if isinstance(value, bool):
            yield from _switch(name, on=value)
        elif value is None:
            continue
        elif isinstance(value, dict):
            yield from (f"--{name}", json.dumps(value, separators=(",", ":"), sort_keys=True))
        elif isinstance(value, list):
            yield from _list(name, value)  # pyright: ignore[reportUnknownArgumentType] - JSON of the recipe
        else:
            yield from _word(name, str(value))


def _word(name: str, value: str) -> Iterator[str]:
    """A value that begins with a dash would be taken for a flag, unless it is a number."""
    if value.startswith("-") and not _is_number(value):
        yield f"--{name}={value}"
    else:
        yield from (f"--{name}", value)


def _list(name: str, values: list[Any]) -> Iterator[str]:
    if name in _JSON_LISTS:
        yield from (f"--{name}", json.dumps(values, separators=(",", ":")))
    elif name in _REPEATED:
        for item in values:
            yield from _word(name, str(item))
    else:
        yield from (f"--{name}", *_items(values))


def _switch(name: str, *, on: bool) -> Iterator[str]:
    if on:
        yield f"--{name}"
    elif name in _names("options", "booleans"):
        yield f"--no-{name}"


def _items(values: list[Any]) -> Iterator[str]:
    for item in values:
        is_object = isinstance(item, dict | list)
        yield json.dumps(item, separators=(",", ":"), sort_keys=True) if is_object else str(item)


def check_arguments(recipe: Recipe, version: str) -> None:
    """RecipeError with all faults of `engine.args`: repeated fields, flags of ours, flags that the version does not have."""
    found = tuple(argument_faults(recipe, version))
    if found:
        raise errors.RecipeError(found)


def argument_faults(recipe: Recipe, version: str) -> Iterator[errors.Fault]:
    """What is wrong with the flags of a recipe, each with the field or flag to use instead."""
    for written, value in recipe.engine.args.items():
        name = next(iter(normalized({written: None})))
        wrong = _wrong(name, version) or _wrong_value(name, value)
        if wrong is not None:
            message, hint = wrong
            yield errors.Fault(message, f"engine.args.{written}", recipe.metadata.name, 0, hint)


def _wrong(name: str, version: str) -> tuple[str, str] | None:
    fields, gone = facts.table("fields"), facts.table("gone")
    if name in fields:
        return f"--{name} repeats a field of the recipe", f"use {fields[name]}"
    if name in _names("own", "flags"):
        return f"--{name} is set by the plan", "leave it out"
    if name in _allowed(version) or name.removeprefix("no-") in _allowed(version) or _is_unknown_release(version):
        return None
    if name in gone:
        return f"--{name} does not exist in vLLM {version}", f"use {gone[name]}"
    near = difflib.get_close_matches(name, _allowed(version), n=1)
    return f"--{name} does not exist in vLLM {version}", f"did you mean {near[0]}?" if near else "leave it out"


def _wrong_value(name: str, value: object) -> tuple[str, str] | None:
    """Only of flags that plans count with; the others are vLLM's to judge."""
    kind = facts.table("values").get(name)
    if kind is None or value is None or _is_of_kind(kind, value):
        return None
    words: dict[str, str] = {
        "count": "a whole number above 0, as 256",
        "share": "a number above 0 and at most 1, as 0.9",
        "size": "a size, as 8Gi",
        "switch": "true or false",
        "object": "an object, as {cudagraph_mode: NONE}",
    }
    return f"{value!r} is not allowed", f"write {words[kind]}"


def _is_of_kind(kind: str, value: object) -> bool:
    match kind:
        case "switch":
            return isinstance(value, bool)
        case "object":
            return isinstance(value, dict)
        case "share":
            return _is_number(value) and 0 < float(str(value)) <= 1
        case "count":
            return str(value).isdecimal() and int(str(value)) > 0
        case _:
            return _is_size(value)


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


def _is_unknown_release(version: str) -> bool:
    """Newer than all that is known: flags may have been added."""
    return parse_version(version) > parse_version(facts.versions()[-1])


@functools.cache
def _allowed(version: str) -> frozenset[str]:
    """Flags of a version; between two known ones, those of either."""
    newest = _names("options", "values") | _names("options", "booleans") | _names("options", "switches")
    older: dict[str, dict[str, str]] = facts.table("options")["older"]
    known = {
        name: frozenset((newest - set(row["lacks"].split())) | set(row["has"].split())) for name, row in older.items()
    }
    known[facts.versions()[-1]] = newest
    release = parse_version(version)
    names = sorted(known, key=parse_version)
    at_most = [name for name in names if parse_version(name) <= release]
    at_least = [name for name in names if parse_version(name) >= release]
    chosen = ([at_most[-1]] if at_most else []) + ([at_least[0]] if at_least else [])
    return frozenset(flag for name in chosen for flag in known[name])
