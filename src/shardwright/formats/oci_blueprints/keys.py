"""Modes, keys and shapes of blueprints, from `facts.toml`: its only reader, which also says what its types mean."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from shardwright.facts import files
from shardwright.values import frozen

__all__ = ["Key", "Mode", "keys_of", "known_releases", "mode_of", "modes", "modes_of_key", "table"]


@frozen
class Key:
    """What one key holds."""

    type: str
    """`text`, `whole`, `flag`, `port`, `count`, `any`, `@TABLE`, `[TYPE]` or `{TYPE}`."""
    is_required: bool

    @property
    def item(self) -> str:
        """Type of what a list or map holds."""
        return self.type[1:-1]


@frozen
class Mode:
    """What a blueprint can be for."""

    name: str
    title: str
    required: tuple[str, ...] = ()
    required_over_nodes: tuple[str, ...] = ()
    longest_name: int = 0
    since: str = ""
    until: str = ""
    instead: str = ""
    """What does the same in releases without it."""


@functools.cache
def table(name: str) -> dict[str, Any]:
    """A table of the facts as it stands there."""
    return files.read_toml(Path(__file__).with_name("facts.toml"))[name]


@functools.cache
def known_releases() -> tuple[str, ...]:
    """Releases, oldest first."""
    found: Any = table("releases")
    return tuple(found)


@functools.cache
def keys_of(name: str = "") -> dict[str, Key]:
    """The keys of a blueprint, or of one of the tables in it."""
    raw: dict[str, str] = table("tables")[name] if name else table("keys")
    return {key: Key(text.removesuffix("*"), text.endswith("*")) for key, text in raw.items()}


@functools.cache
def modes() -> dict[str, Mode]:
    """All modes by name."""
    return {name: _mode(name, raw) for name, raw in table("modes").items()}


def _mode(name: str, raw: dict[str, Any]) -> Mode:
    return Mode(
        name,
        title=raw["title"],
        required=tuple(raw.get("required", ())),
        required_over_nodes=tuple(raw.get("required_over_nodes", ())),
        longest_name=raw["longest_name"],
        since=raw.get("since", ""),
        until=raw.get("until", ""),
        instead=raw.get("instead", ""),
    )


def mode_of(name: str) -> Mode | None:
    """The mode of that name; None if there is none."""
    return modes().get(name)


def modes_of_key(key: str) -> tuple[str, ...]:
    """Modes in which a key has an effect; empty: all."""
    return tuple(table("modes_of_keys").get(key, ()))
