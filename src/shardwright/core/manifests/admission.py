"""What an API server does to an object before anything is checked: nulls and unknown fields go, defaults come.

Pure: gives a new tree and never changes the one it was given. Unknown fields are collected on the way, because after it
they are gone, as on a cluster: `kubectl apply` warns of them, `--validate=strict` refuses them.
Source: structural schemas of apiextensions.k8s.io/v1 (pruning, defaulting, null values without `nullable`).
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from shardwright.core.manifests.schema import OBJECT_META

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.manifests.objects import Value
    from shardwright.core.manifests.schema import Field, View
    from shardwright.core.marked.paths import Path

__all__ = ["Pruned", "admitted"]

_ROOT = ("apiVersion", "kind", "metadata")

Pruned = list["tuple[Path, str]"]
"""Paths of fields that were not known, each with the name of the type that has no such field."""


def admitted(value: Mapping[str, Value], type_name: str, view: View, pruned: Pruned) -> dict[str, Value]:
    """An object as the API server sees it; what it drops is added to `pruned`."""
    walk = _Walk(view, pruned)
    body = walk.object({key: each for key, each in value.items() if key not in _ROOT}, type_name, ())
    head: dict[str, Value] = {key: value[key] for key in _ROOT if key in value}
    metadata = head.get("metadata")
    if isinstance(metadata, dict):
        head["metadata"] = walk.object(metadata, OBJECT_META, ("metadata",))
    return {**head, **body}


class _Walk:
    """One walk through one object."""

    def __init__(self, view: View, pruned: Pruned) -> None:
        self._view = view
        self._pruned = pruned

    def object(self, value: dict[str, Value], type_name: str, path: Path) -> dict[str, Value]:
        """The fields of a type: those it knows, and its defaults for those that are not there."""
        type_view = self._view.type_at(type_name)
        fields, rest = type_view.fields, type_view.rest
        made: dict[str, Value] = {}
        for key, each in value.items():
            field = fields.get(key, rest)
            if field is None:
                if each is not None:
                    self._pruned.append(((*path, key), type_name))
            elif each is not None or field.nullable:
                made[key] = self._value(each, field, (*path, key))
        for key, default in type_view.defaults:
            if key not in made:
                made[key] = self._value(copy.deepcopy(default), fields[key], (*path, key))
        return made

    def _value(self, value: Value, field: Field, path: Path) -> Value:
        if field.shape == "type" and isinstance(value, dict):
            return self.object(value, field.type, path)
        # Lists of scalars have nothing to prune, and lists or maps that are none are the checker's matter.
        if field.item is None or field.item.shape == "scalar":
            return _without_nulls(value) if field.shape == "map" and isinstance(value, dict) else value
        item = field.item
        if field.shape == "list" and isinstance(value, list):
            return [self._value(each, item, (*path, index)) for index, each in enumerate(value)]
        if field.shape == "map" and isinstance(value, dict):
            return {
                key: self._value(each, item, (*path, key))
                for key, each in value.items()
                if each is not None or item.nullable
            }
        return value


def _without_nulls(value: dict[str, Value]) -> Value:
    return {key: each for key, each in value.items() if each is not None}
