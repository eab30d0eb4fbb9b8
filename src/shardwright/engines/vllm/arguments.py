"""vLLM's own flags as a recipe gives them. Source: the argument parsers of vLLM 0.11.1, 0.24.0 and 0.32.0, as in facts.toml."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from shardwright.core import engine_flags
from shardwright.core.engine_flags import FlagBook, FlagForms
from shardwright.core.plan.version import parse_version
from shardwright.engines.vllm import facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from shardwright.core.recipe import Recipe

__all__ = ["as_argv", "book_of", "check_arguments", "normalized"]


def normalized(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """One spelling a flag, one name for flags with several."""
    return engine_flags.normalized(arguments, facts.table("aliases"))


def as_argv(arguments: Iterable[tuple[str, Any]]) -> Iterator[str]:
    """Flags as vLLM's parser reads them."""
    return engine_flags.as_argv(arguments, _forms())


def check_arguments(recipe: Recipe, version: str) -> None:
    """RecipeError with all faults of `engine.args`: repeated fields, flags of ours, flags that the version does not have."""
    engine_flags.check(recipe, book_of(version))


@functools.cache
def _forms() -> FlagForms:
    return FlagForms(_names("options", "booleans"), _names("lists", "json"), _names("lists", "repeated"))


@functools.cache
def book_of(version: str) -> FlagBook:
    """The flags of a version."""
    return FlagBook(
        engine="vLLM",
        version=version,
        allowed=_allowed(version),
        fields=facts.table("fields"),
        own=_names("own", "flags"),
        gone=facts.table("gone"),
        values=facts.table("values"),
        aliases=facts.table("aliases"),
        is_unknown_release=parse_version(version) > parse_version(facts.versions()[-1]),
    )


@functools.cache
def _names(table: str, key: str) -> frozenset[str]:
    return frozenset(facts.table(table)[key].split())


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
