"""A recipe put together from values that stand in a blueprint: each keeps the place where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from shardwright.core.marked.tree import Entry, ListNode, MapNode, Mark, Node, ScalarNode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shardwright.core.manifests.objects import Object
    from shardwright.core.marked.paths import Path

__all__ = ["Placed", "Tree", "placed", "tree_of"]

Tree: TypeAlias = "Mapping[str, Tree] | Sequence[Tree] | Placed | str | int | float | bool | None"


class Placed(NamedTuple):
    """A part of a recipe, and where its reason stands."""

    mark: Mark
    part: Tree


def placed(blueprint: Object, path: Path, part: Tree) -> Placed:
    """A part that follows from the value at a path."""
    return Placed(blueprint.mark(path), part)


def tree_of(part: Tree, mark: Mark) -> Node:
    """The marked tree; what has no place of its own stands where the part around it stands. Empty parts are left out."""
    if isinstance(part, Placed):
        return tree_of(part.part, part.mark)
    if isinstance(part, str):
        return ScalarNode(mark, part, plain=False)
    if part is None or isinstance(part, bool | int | float):
        return ScalarNode(mark, "" if part is None else str(part).lower(), plain=True)
    if isinstance(part, list | tuple):
        return ListNode(mark, tuple(tree_of(each, mark) for each in part))  # pyright: ignore[reportUnknownVariableType] - the alias is recursive
    entries: dict[str, Entry] = {}
    for key, each in part.items():  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType, reportUnknownMemberType] - what is left is a mapping
        if not _is_empty(each):  # pyright: ignore[reportUnknownArgumentType] - as above
            at = each.mark if isinstance(each, Placed) else mark
            entries[str(key)] = Entry(at, tree_of(each, at))  # pyright: ignore[reportUnknownArgumentType] - as above
    return MapNode(mark, entries)


def _is_empty(part: Tree) -> bool:
    inner = part.part if isinstance(part, Placed) else part
    return inner is None or (not isinstance(inner, str | bool | int | float) and not inner)
