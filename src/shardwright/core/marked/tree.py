"""Documents as trees whose every value knows its file, line and column.

A scalar is its raw text; what it means is decided by the field it stands in (`version: 0.10` is a text). Trees never
change: an option that sets a field makes a new one. Knows neither YAML's syntax (`document`) nor fields (`read`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, cast

from shardwright import errors
from shardwright.core.marked import paths, secret_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.marked.paths import Path
    from shardwright.core.recipe.model import Json

__all__ = [
    "Document",
    "Entry",
    "ListNode",
    "MapNode",
    "Mark",
    "Node",
    "ScalarNode",
    "describe",
    "document_of",
    "fault_at",
    "find",
    "is_null",
]


class Mark(NamedTuple):
    """Where something stands."""

    file: str
    line: int
    """Counted from 1; 0 in an option."""
    column: int = 0
    """Counted from 1; 0 in an option."""


class ScalarNode(NamedTuple):
    """One value as it was written."""

    mark: Mark
    text: str
    plain: bool
    """Written without quotes."""


class ListNode(NamedTuple):
    """A list."""

    mark: Mark
    items: tuple[Node, ...]


class Entry(NamedTuple):
    """A value of a mapping; the mark is that of its key."""

    mark: Mark
    value: Node


class MapNode(NamedTuple):
    """A mapping."""

    mark: Mark
    entries: dict[str, Entry]


Node: TypeAlias = "ScalarNode | ListNode | MapNode"


class Document(NamedTuple):
    """One document of a text, with what is wrong with it already."""

    mark: Mark
    root: Node | None
    """None where it could not be read; `faults` says why."""
    faults: tuple[errors.Fault, ...] = ()


def document_of(values: Mapping[str, Json], file: str) -> Document:
    """The document of a tree of JSON values that was never a text; its marks have line 0."""
    mark = Mark(file, 0)
    return Document(mark, _node_of(values, mark))


def fault_at(mark: Mark, path: Path, message: str, hint: str = "") -> errors.Fault:
    """A fault at a place."""
    return errors.Fault(message, paths.path_text(path), mark.file, mark.line, hint)


def is_null(node: Node) -> bool:
    """Whether a value is YAML's null: as good as left out."""
    return isinstance(node, ScalarNode) and node.plain and node.text in {"", "~", "null", "Null", "NULL"}


def describe(node: Node, path: Path = ()) -> str:
    """A value for a message; that of a field with a secret's name is not shown."""
    if is_null(node):
        return "an empty value"
    if isinstance(node, ScalarNode):
        names = [part for part in path if isinstance(part, str)]
        text = secret_values.shown(node.text, names[-1] if names else "")
        is_number = node.plain and re.fullmatch(r'"[-+.0-9]+"', text)
        return text.strip('"') if is_number else text
    return f"a list of {len(node.items)}" if isinstance(node, ListNode) else "a mapping"


def find(node: Node, path: Path) -> Mark:
    """The place of the key or item at a path, or of the last one on the way that is there."""
    mark = node.mark
    for part in path:
        if isinstance(node, MapNode) and part in node.entries:
            entry = node.entries[str(part)]
            mark, node = entry.mark, entry.value
        elif isinstance(node, ListNode) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
            mark = node.mark
        else:
            break
    return mark


def _node_of(value: Json, mark: Mark) -> Node:
    match value:
        case str():
            return ScalarNode(mark, value, plain=False)
        case dict():
            entries = cast("dict[str, Json]", value)
            return MapNode(mark, {key: Entry(mark, _node_of(each, mark)) for key, each in entries.items()})
        case list() | tuple():
            return ListNode(mark, tuple(_node_of(each, mark) for each in cast("list[Json]", value)))
        case None:
            return ScalarNode(mark, "", plain=True)
        case _:
            return ScalarNode(mark, str(value).lower(), plain=True)
