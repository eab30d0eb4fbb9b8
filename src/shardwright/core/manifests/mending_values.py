"""Plain values after changes: what a mended text must read as."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shardwright.core.manifests.objects import Value
    from shardwright.core.marked.paths import Path
    from shardwright.core.rules.rule import Change

__all__ = ["EMPTIED", "changed"]

EMPTIED = frozenset(
    {"annotations", "labels", "env", "volumes", "volumeMounts", "args", "command", "tolerations", "nodeSelector"}
)
"""Fields that go with the last thing in them: empty or not there, they mean the same."""
_GONE = "\0gone"
"""Stands in a list where an item is removed, so that the indices of the others stay; no text can hold it."""


def changed(value: Mapping[str, Value], changes: Sequence[Change]) -> Mapping[str, Value]:
    """The values with all changes; indices are those of the values before any change."""
    if not changes:
        return value
    made: dict[str, Value] = copy.deepcopy(dict(value))
    for change in changes:
        if change.is_removal:
            _remove(made, change.path)
        else:
            _set(made, change.path, change.value)
    for change in changes:
        if change.is_removal:
            _prune(made, change.path[:-1])
    cleared = _cleared(made)
    return cleared if isinstance(cleared, dict) else made


def _at(value: Value, path: Path) -> Value:
    for part in path:
        if isinstance(value, dict):
            value = value.get(str(part))
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def _remove(root: Value, path: Path) -> None:
    inner, last = _at(root, path[:-1]), path[-1]
    if isinstance(inner, dict):
        inner.pop(str(last), None)
    elif isinstance(inner, list) and isinstance(last, int) and last < len(inner):
        inner[last] = _GONE


def _set(root: Value, path: Path, wanted: Value) -> None:
    inner: Value = root
    for part, following in zip(path, [*path[1:], None], strict=True):
        last = following is None
        fresh: Value = copy.deepcopy(wanted) if last else [] if isinstance(following, int) else {}
        if isinstance(inner, dict):
            key = str(part)
            if last or inner.get(key) is None:
                inner[key] = fresh
            inner = inner[key]
        elif isinstance(inner, list) and isinstance(part, int):
            if part >= len(inner):
                inner.append(fresh)
            elif last or inner[part] is None:
                inner[part] = fresh
            inner = inner[min(part, len(inner) - 1)]


def _prune(root: Value, path: Path) -> None:
    inner = _cleared(_at(root, path))
    if path and path[-1] in EMPTIED and inner in ([], {}):
        _remove(root, path)
        _prune(root, path[:-1])


def _cleared(value: Value) -> Value:
    """Values without removed items."""
    if isinstance(value, dict):
        return {key: _cleared(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_cleared(each) for each in value if each != _GONE]
    return value
