"""SGLang's own flags as a recipe gives them. Source: the parsers of eleven releases from 0.5.1 to 0.5.23 (options.toml)."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from shardwright.core import engine_flags
from shardwright.core.engine_flags import FlagBook, FlagForms
from shardwright.core.plan.version import parse_version
from shardwright.engines.sglang import facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from shardwright.core.recipe import Recipe

__all__ = ["as_argv", "book_of", "check_arguments", "normalized"]


def normalized(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """One spelling a flag, one name for flags with several."""
    return engine_flags.normalized(arguments, facts.table("aliases"))


def as_argv(arguments: Iterable[tuple[str, Any]]) -> Iterator[str]:
    """Flags as SGLang's parser reads them."""
    return engine_flags.as_argv(arguments, FlagForms(facts.negatable()))


def check_arguments(recipe: Recipe, version: str) -> None:
    """RecipeError with all faults of `engine.args`: repeated fields, flags of ours, flags that the version does not have."""
    engine_flags.check(recipe, book_of(version))


@functools.cache
def book_of(version: str) -> FlagBook:
    """The flags of a version."""
    return FlagBook(
        engine="SGLang",
        version=version,
        allowed=facts.options(version),
        fields=facts.table("fields"),
        own=frozenset(facts.table("own")["flags"].split()),
        gone=facts.table("gone"),
        values=facts.table("values"),
        aliases=facts.table("aliases"),
        is_unknown_release=parse_version(version) > parse_version(facts.versions()[-1]),
    )
