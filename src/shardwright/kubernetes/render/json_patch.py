"""Changes of JSON trees: merge patches (RFC 7386) and patches of single operations (RFC 6902). Nothing is changed in place."""

from __future__ import annotations

import copy
from typing import Any, cast

__all__ = ["PatchError", "merged", "operated"]

_REMOVED = object()


class PatchError(ValueError):
    """An operation that cannot be done on this tree; the message says which and why."""


def merged(tree: object, patch: object) -> object:
    """The tree with a merge patch over it: mappings are merged, null removes, all else replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    made = dict(cast("dict[str, object]", tree)) if isinstance(tree, dict) else dict[str, object]()
    for name, value in cast("dict[str, object]", patch).items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = merged(made.get(name), value)
    return made


def operated(tree: object, operations: list[object]) -> object:
    """The tree after all operations in order; PatchError at the first that cannot be done."""
    made = copy.deepcopy(tree)
    for number, entry in enumerate(operations):
        if not isinstance(entry, dict):
            raise PatchError(f"operation {number} is no mapping of op, path and value")
        made = _operated(made, cast("dict[str, Any]", entry), number)
    return made


def _operated(tree: object, entry: dict[str, Any], number: int) -> object:
    name, path = entry.get("op"), _pointer(entry.get("path"), number)
    if name in {"add", "replace", "test"} and "value" not in entry:
        raise PatchError(f"operation {number}: {name} needs a value")
    if name in {"move", "copy"}:
        source = _pointer(entry.get("from"), number)
        value = copy.deepcopy(_at(tree, source))
        return _put(_put(tree, source, _REMOVED) if name == "move" else tree, path, value)
    if name == "add":
        return _put(tree, path, copy.deepcopy(entry["value"]))
    if name not in {"remove", "replace", "test"}:
        raise PatchError(f"operation {number}: {name!r} is none of add, remove, replace, move, copy, test")
    found = _at(tree, path)
    if name == "test":
        if found != entry["value"]:
            raise PatchError(f"test of {_text(path)} fails: it is {found!r}")
        return tree
    if name == "remove":
        return _put(tree, path, _REMOVED)
    return _put(tree, path, copy.deepcopy(entry["value"]), replaces=True)


def _pointer(text: object, number: int) -> tuple[str, ...]:
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise PatchError(f"operation {number}: {text!r} is no path as /spec/replicas")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])


def _text(path: tuple[str, ...]) -> str:
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path) or "the whole object"


def _at(tree: object, path: tuple[str, ...]) -> object:
    for depth, part in enumerate(path):
        if isinstance(tree, dict) and part in tree:
            tree = cast("dict[str, object]", tree)[part]
        elif isinstance(tree, list) and _is_number(part) and int(part) < len(cast("list[object]", tree)):
            tree = cast("list[object]", tree)[int(part)]
        else:
            raise PatchError(f"there is no {_text(path[: depth + 1])}")
    return tree


def _put(tree: object, path: tuple[str, ...], value: object, *, replaces: bool = False) -> object:
    """Set, insert or remove a value in a tree that is ours to change."""
    if not path:
        return value
    holder, last = _at(tree, path[:-1]), path[-1]
    if isinstance(holder, dict):
        mapping = cast("dict[str, object]", holder)
        if value is _REMOVED:
            del mapping[last]
        else:
            mapping[last] = value
    elif isinstance(holder, list):
        _put_in_list(cast("list[object]", holder), path, value, replaces=replaces)
    else:
        raise PatchError(f"{_text(path[:-1])} is no mapping and no list")
    return tree


def _put_in_list(items: list[object], path: tuple[str, ...], value: object, *, replaces: bool) -> None:
    last = path[-1]
    index = len(items) if last == "-" else int(last) if _is_number(last) else -1
    if not 0 <= index <= len(items):
        raise PatchError(f"there is no place {_text(path)} in a list of {len(items)}")
    if value is _REMOVED:
        del items[index]
    elif replaces:
        items[index] = value
    else:
        items.insert(index, value)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10
