"""How two trees of one object differ, place by place: what a JSON patch of the second would have to do to give the first.

Lists of named things (containers, variables, volumes, ports, mounts) are compared by name, not by place; what is left over on
both sides and is the same thing under another name is one pair. All other lists are compared as wholes if they are of texts,
else item by item. Knows no kind and no default: both trees are given as they are to be compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from shardwright.core.marked import secret_values
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["ABSENT", "Absent", "Difference", "differences"]


class Absent:
    """That nothing stands there."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = Absent()

_KEYS = {"volumeMounts": "mountPath"}
_PORT_KEYS = ("containerPort", "port")


@frozen
class Difference:
    """One place where two trees differ."""

    path: str
    """For people: `spec.template.spec.containers[name=vllm].env[name=HOME]`."""
    pointer: tuple[str, ...]
    """Where the value stands in the second tree, or would have to stand; `-` behind the last item of a list."""
    original: object
    """In the first tree, or ABSENT."""
    rendered: object
    """In the second tree, or ABSENT."""


def differences(original: object, rendered: object) -> tuple[Difference, ...]:
    """All places where the two differ, in the order of the first."""
    return tuple(_compare(original, rendered, "", ()))


def _compare(original: object, rendered: object, path: str, pointer: tuple[str, ...]) -> Iterator[Difference]:
    if isinstance(original, dict) and isinstance(rendered, dict) and _is_one_form(original, rendered):  # pyright: ignore[reportUnknownArgumentType] - JSON
        yield from _maps(cast("dict[str, object]", original), cast("dict[str, object]", rendered), path, pointer)
    elif isinstance(original, list) and isinstance(rendered, list) and not _are_texts(original, rendered):  # pyright: ignore[reportUnknownArgumentType] - JSON
        yield from _lists(cast("list[object]", original), cast("list[object]", rendered), path, pointer)
    elif original != rendered or isinstance(original, bool) != isinstance(rendered, bool):
        yield Difference(path, pointer, original, rendered)  # pyright: ignore[reportUnknownArgumentType] - JSON


def _is_one_form(original: dict[str, object], rendered: dict[str, object]) -> bool:
    """Whether parts can be compared: a variable with a text and one with a source are two things."""
    return ("value" in original and "valueFrom" in rendered) == ("valueFrom" in original and "value" in rendered)


def _maps(
    original: dict[str, object], rendered: dict[str, object], path: str, pointer: tuple[str, ...]
) -> Iterator[Difference]:
    for name in dict.fromkeys((*original, *rendered)):
        shown = secret_values.shown_key(name)
        text = f'{path}["{shown}"]' if "." in name or "/" in name else f"{path}.{shown}" if path else shown
        inside = (*pointer, name)
        if name in original and name in rendered:
            yield from _compare(original[name], rendered[name], text, inside)
        else:
            yield Difference(text, inside, original.get(name, ABSENT), rendered.get(name, ABSENT))


def _are_texts(original: Sequence[object], rendered: Sequence[object]) -> bool:
    """Texts and numbers in an order that matters: a command, a list of names."""
    return not any(isinstance(each, dict | list) for each in (*original, *rendered))


def _lists(original: list[object], rendered: list[object], path: str, pointer: tuple[str, ...]) -> Iterator[Difference]:
    key = _key_of(path.rpartition(".")[2], (*original, *rendered))
    ours = [_name(each, key, place) for place, each in enumerate(original)]
    theirs = [_name(each, key, place) for place, each in enumerate(rendered)]
    pairs = {name: theirs.index(name) for name in ours if name in theirs}
    pairs |= _leftovers(original, rendered, ours, theirs) if key else {}
    for place, name in enumerate(ours):
        text = _at(path, key, name)
        if name in pairs:
            at = pairs[name]
            yield from _compare(original[place], rendered[at], text, (*pointer, str(at)))
        else:
            yield Difference(text, (*pointer, "-"), original[place], ABSENT)
    taken = set(pairs.values())
    for place, name in enumerate(theirs):
        if place not in taken:
            text = _at(path, key, name)
            yield Difference(text, (*pointer, str(place)), ABSENT, rendered[place])


def _key_of(field: str, items: Iterable[object]) -> str:
    """The field by which items are known; empty where they are known by their place."""
    maps = [cast("dict[str, Any]", each) for each in items if isinstance(each, dict)]
    candidates = (_KEYS[field],) if field in _KEYS else (*_PORT_KEYS, "name") if field == "ports" else ("name",)
    for key in candidates:
        if maps and all(isinstance(each.get(key), str | int) for each in maps):
            return key
    return ""


def _at(path: str, key: str, name: str) -> str:
    """The path of an item; a name that is a secret is hidden."""
    return f"{path}[{key}={secret_values.shown_key(name)}]" if key else f"{path}[{name}]"


def _name(item: object, key: str, place: int) -> str:
    return str(cast("dict[str, Any]", item)[key]) if key and isinstance(item, dict) else str(place)


def _leftovers(
    original: Sequence[object], rendered: Sequence[object], ours: list[str], theirs: list[str]
) -> dict[str, int]:
    """Items of other names that are the same thing: one source of a volume, the one container or port that is left."""
    left = [(name, original[place]) for place, name in enumerate(ours) if name not in theirs]
    free = [place for place, name in enumerate(theirs) if name not in ours]
    found: dict[str, int] = {}
    for name, item in left:
        same = next((place for place in free if _is_alike(item, rendered[place])), None)
        if same is not None:
            found[name] = same
            free.remove(same)
    return found


def _is_alike(one: object, other: object) -> bool:
    """Whether two items do the same under two names: both are containers, both the same volume; variables never."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return False
    ours, theirs = cast("dict[str, Any]", one), cast("dict[str, Any]", other)
    if "image" in ours and "image" in theirs:
        return True
    rest, others = ({key: each for key, each in item.items() if key != "name"} for item in (ours, theirs))
    if "emptyDir" in rest and "emptyDir" in others:
        return _medium(rest) == _medium(others)
    return bool(rest) and rest == others and "value" not in rest and "valueFrom" not in rest


def _medium(volume: dict[str, Any]) -> object:
    empty = volume.get("emptyDir")
    return cast("dict[str, Any]", empty).get("medium") if isinstance(empty, dict) else None
