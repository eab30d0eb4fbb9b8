"""One Kubernetes object as it was written: its kind and name, and values by path with the line where each stands."""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

from shardwright.core.marked import tree
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from shardwright.core.marked.paths import Path
    from shardwright.core.marked.tree import MapNode, Mark, Node

__all__ = ["Context", "Object", "Value", "with_others"]

Value: TypeAlias = "str | int | float | bool | list[Value] | dict[str, Value] | None"
"""A value as JSON has it."""
Read = TypeVar("Read")


@frozen
class Object:
    """One object of a manifest."""

    api_version: str
    kind: str
    name: str
    namespace: str
    root: MapNode
    """As written, with marks."""
    value: Mapping[str, Value]
    """The same as plain values, with the defaults that the API server writes before anything is checked."""
    unsettled: frozenset[Path] = frozenset()
    """Scalars whose value is not known yet: placeholders, parameters without a value. What they hold now is not judged."""
    kept: dict[object, object] = field(init=False, default_factory=dict["object", "object"], repr=False, compare=False)
    """What `once` was asked for; an object with another value begins anew."""

    def once(self, read: Callable[[Object], Read]) -> Read:
        """What a function reads from this object: read when it is first asked for, as many rules ask for the same."""
        if read not in self.kept:
            self.kept[read] = read(self)
        return cast("Read", self.kept[read])

    def get(self, *path: str | int) -> Value:
        """The value at a path; None where there is none. A path leads through maps by name and lists by index."""
        value: Value = self.value  # pyright: ignore[reportAssignmentType] - only read
        for part in path:
            if isinstance(value, dict):
                value = value.get(part)  # pyright: ignore[reportArgumentType, reportCallIssue, reportUnknownVariableType] - an index finds nothing there
            elif isinstance(value, list) and isinstance(part, int) and 0 <= part < len(value):
                value = value[part]
            else:
                return None
        return value

    def map_at(self, *path: str | int) -> dict[str, Value]:
        """The map at a path; empty where there is none or something else."""
        value = self.get(*path)
        return value if isinstance(value, dict) else {}

    def list_at(self, *path: str | int) -> list[Value]:
        """The list at a path; empty where there is none or something else."""
        value = self.get(*path)
        return value if isinstance(value, list) else []

    def text_at(self, *path: str | int) -> str:
        """The text at a path; empty where there is none or something else."""
        value = self.get(*path)
        return value if isinstance(value, str) else ""

    def number_at(self, *path: str | int) -> int | None:
        """The whole number at a path; None where there is none or something else."""
        value = self.get(*path)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def mark(self, path: Path) -> Mark:
        """Where the value at a path stands, or the last one on the way that is written."""
        return tree.find(self.root, path)

    def node(self, path: Path) -> Node | None:
        """The node at a path as written; None where it is not."""
        node: Node = self.root
        for part in path:
            if isinstance(node, tree.MapNode) and part in node.entries:
                node = node.entries[str(part)].value
            elif isinstance(node, tree.ListNode) and isinstance(part, int) and part < len(node.items):
                node = node.items[part]
            else:
                return None
        return node


@frozen
class Context:
    """What a manifest alone cannot say."""

    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    """Platform -> version that is assumed (`kserve` -> `0.20.0`); the newest known where it is not given."""
    gates: Mapping[str, bool] = field(default_factory=dict[str, bool])
    """Feature gates that were named."""
    old: Object | None = None
    """The object as it is now, where an update is judged."""
    others: tuple[Object, ...] = ()
    """All objects of the same input."""
    by_name: Mapping[tuple[str, ...], tuple[Object, ...]] = field(
        default_factory=dict["tuple[str, ...]", "tuple[Object, ...]"]
    )
    """The same by kind; by kind and name; by kind, name and namespace. `judge` fills it in."""
    kept: dict[object, object] = field(default_factory=dict["object", "object"], repr=False, compare=False)
    """What `once` was asked for; shared by all objects that are judged with the same others."""

    def once(self, read: Callable[[Context], Read]) -> Read:
        """What a function reads from all objects, such as an index: read when it is first asked for."""
        if read not in self.kept:
            self.kept[read] = read(self)
        return cast("Read", self.kept[read])

    def of_kind(self, kind: str) -> tuple[Object, ...]:
        """Objects of that kind in the input."""
        return self.by_name.get((kind,), ())

    def named(self, kind: str, name: str, namespace: str = "") -> Iterator[Object]:
        """Objects of that kind and name in the input; any namespace where none is given."""
        key = (kind, name, namespace) if namespace else (kind, name)
        return iter(self.by_name.get(key, ()) if name else ())


def with_others(context: Context, others: tuple[Object, ...]) -> Context:
    """A context with the objects of an input."""
    found: dict[tuple[str, ...], list[Object]] = {}
    for other in others:
        found.setdefault((other.kind,), []).append(other)
        if other.name:
            found.setdefault((other.kind, other.name), []).append(other)
            if other.namespace:
                found.setdefault((other.kind, other.name, other.namespace), []).append(other)
    return replace(context, others=others, by_name={key: tuple(each) for key, each in found.items()}, kept={})
