"""Which objects of an input are judged together, and which are namesakes of each other.

All objects see each other, so that a runtime in one folder is found from another. Folders that hold an object of the same
kind, namespace and name are states of one deployment, as a base and its overlays or test and production: such a folder
sees itself and the folders without namesakes, never another state. Folders without namesakes see each name once, as it
comes first. In one folder nothing is hidden: files there are applied together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.manifests.objects import with_others

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from shardwright.core.manifests.objects import Context, Object

__all__ = ["identity", "in_scopes"]

_MOST_PAIRS = 2_000_000
"""Objects that folders with namesakes may look at in all, beyond their own; with more of them each sees itself alone."""


def identity(each: Object) -> tuple[str, str, str, str]:
    """What no two objects of a cluster have in common."""
    return each.api_version.rpartition("/")[0], each.kind, each.namespace, each.name


def in_scopes(objects: Sequence[Object], context: Context) -> Iterator[tuple[Object, Context]]:
    """Each object with the context that it is judged in, folder by folder."""
    folders: dict[str, list[Object]] = {}
    for each in objects:
        folders.setdefault(_folder(each), []).append(each)
    states = _folders_with_namesakes(folders)
    shared = [each for name, inside in folders.items() if name not in states for each in inside]
    seen_by_shared = with_others(context, _each_name_once(objects, lambda each: _folder(each) not in states))
    is_affordable = len(shared) * len(states) <= _MOST_PAIRS
    for name, inside in folders.items():
        if name in states:
            seen = with_others(context, (*inside, *shared) if is_affordable else tuple(inside))
        else:
            seen = seen_by_shared
        for each in inside:
            yield each, seen


def _folder(each: Object) -> str:
    return each.root.mark.file.rpartition("/")[0]


def _folders_with_namesakes(folders: dict[str, list[Object]]) -> set[str]:
    holder: dict[tuple[str, str, str, str], str] = {}
    found: set[str] = set()
    for name, inside in folders.items():
        for each in inside:
            first = holder.setdefault(identity(each), name)
            if first != name and each.name:
                found |= {first, name}
    return found


def _each_name_once(objects: Sequence[Object], is_shared: Callable[[Object], bool]) -> tuple[Object, ...]:
    """All objects, of those with namesakes the first."""
    seen: set[tuple[str, str, str, str]] = set()
    kept: list[Object] = []
    for each in objects:
        key = identity(each)
        if is_shared(each) or not each.name or key not in seen:
            kept.append(each)
        seen.add(key)
    return tuple(kept)
