"""What someone may have meant by a field that is not there: a slip of the pen, another spelling, another section."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from shardwright.core.recipe import flags, kinds, scalars
from shardwright.core.recipe.model import Recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.recipe.kinds import Field, Kind

__all__ = ["hint_for"]


def hint_for(name: str, known: dict[str, Field]) -> str:
    """The nearest field here, the place where such a field belongs, or the fields there are."""
    plain = _plain(name)
    same = [spelled for spelled, field in known.items() if plain in {_plain(spelled), _plain(field.attribute)}]
    if same:
        return f'did you mean "{same[0]}"?'
    homes = _homes().get(plain, ())
    if homes:
        return f"it belongs to {' or '.join(homes[:3])}"
    if field := flags.field_of(name):
        return f"write {field}"
    return scalars.nearest(name, known) or _near_elsewhere(name) or f"fields here: {', '.join(known)}"


def _near_elsewhere(name: str) -> str:
    hint = scalars.nearest(name, _spellings())
    if not hint:
        return ""
    spelled = hint.split('"')[1]
    return f"did you mean {' or '.join(_homes()[_plain(spelled)][:3])}?"


@functools.cache
def _homes() -> dict[str, tuple[str, ...]]:
    """Paths of all fields by their plain name, the shortest first."""
    found: dict[str, list[str]] = {}
    for path in _paths(Recipe, ""):
        found.setdefault(_plain(path.rpartition(".")[2]), []).append(path)
    return {name: tuple(sorted(paths, key=lambda path: path.count("."))) for name, paths in found.items()}


@functools.cache
def _spellings() -> tuple[str, ...]:
    return tuple(dict.fromkeys(path.rpartition(".")[2] for path in _paths(Recipe, "")))


def _paths(cls: type, prefix: str) -> Iterator[str]:
    for name, field in kinds.fields_of(cls).items():
        yield f"{prefix}{name}"
        for inner in _sections(field.kind):
            yield from _paths(inner, f"{prefix}{name}.")


def _sections(kind: Kind) -> Iterator[type]:
    if isinstance(kind, kinds.Section):
        yield kind.cls
    elif isinstance(kind, kinds.OneOf):
        for each in kind.kinds:
            yield from _sections(each)


def _plain(name: str) -> str:
    return name.replace("-", "").replace("_", "").lower()
