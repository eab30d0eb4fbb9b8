"""Words of a command line become an engine's flags by name: the way back from `engine_flags.as_argv`.

Neutral: which flags are switches the engine says. Values are typed as a recipe would write them, so that the same words come
out again: `0.9` is a number, `0.90` stays a text.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from shardwright.core.recipe.model import Json

__all__ = ["Flags", "parse_words", "typed"]


class Flags(NamedTuple):
    """What a command line says."""

    values: dict[str, Json]
    """By name, with hyphens and without leading dashes; the last use of a flag counts."""
    others: tuple[str, ...]
    """Words that belong to no flag."""


def parse_words(words: Sequence[str], switches: Collection[str], short: Mapping[str, str]) -> Flags:
    """Flags in words; `switches` take no value, `short` are names of one dash with the long name of each."""
    values: dict[str, Json] = {}
    others: list[str] = []
    place = 0
    while place < len(words):
        word = words[place]
        place += 1
        if not _is_flag(word):
            others.append(word)
            continue
        name, equals, text = _named(word, short)
        if equals:
            _put(values, name, typed(text))
        elif name in switches or name.removeprefix("no-") in switches:
            is_negated = name not in switches
            _put(values, name.removeprefix("no-") if is_negated else name, not is_negated)
        else:
            following = _following(words, place)
            place += len(following)
            _put(values, name, _value(following))
    return Flags(values, tuple(others))


def typed(text: str) -> Json:
    """A word as a recipe holds it: an object or list where it is JSON, a number where it is written as one, else the text."""
    if text[:1] in {"{", "["}:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return number if str(number) == text and len(text) < 20 else text
    return text


def _is_flag(word: str) -> bool:
    """A number may begin with a dash too."""
    return word.startswith("-") and len(word) > 1 and not word[1].isdigit() and word[1] != "."


def _named(word: str, short: Mapping[str, str]) -> tuple[str, str, str]:
    name, equals, text = word.partition("=")
    plain = name.lstrip("-").replace("_", "-")
    if not name.startswith("--"):
        plain = short.get(name.lstrip("-"), plain)
    return plain, equals, text


def _following(words: Sequence[str], place: int) -> list[str]:
    found: list[str] = []
    for word in words[place:]:
        if _is_flag(word):
            break
        found.append(word)
    return found


def _value(following: list[str]) -> Json:
    if not following:
        return True
    return typed(following[0]) if len(following) == 1 else [typed(word) for word in following]


def _put(values: dict[str, Json], name: str, value: Json) -> None:
    """A flag with dots sets a part of an object: `compilation-config.mode`."""
    head, *rest = name.split(".")
    if not rest:
        values[name] = value
        return
    held = values.get(head)
    inner: dict[str, Any] = cast("dict[str, Any]", held) if isinstance(held, dict) else {}
    values[head] = inner
    for part in rest[:-1]:
        inner = inner.setdefault(part.replace("-", "_"), {})
    inner[rest[-1].replace("-", "_")] = value
