"""Objects for tests of lint rules: a sound one, with values set or removed by path."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from shardwright.core.manifests.objects import Object
from shardwright.core.marked import tree

if TYPE_CHECKING:
    from collections.abc import Mapping


def changed(body: Mapping[str, Any], changes: Mapping[str, object]) -> dict[str, Any]:
    """A copy with values set by path, `spec.containers.0.image`; `~` stands for a dot in a key, None removes."""
    made = copy.deepcopy(dict(body))
    for path, value in changes.items():
        *way, last = [int(part) if part.isdigit() else part.replace("~", ".") for part in path.split(".")]
        at: Any = made
        for part in way:
            at = at[part] if isinstance(part, int) else at.setdefault(part, {})
        if value is None:
            at.pop(last)
        else:
            at[last] = value
    return made


def as_object(body: dict[str, Any]) -> Object:
    """The object of plain values; its marks have line 0."""
    root = tree.document_of(body, "made.yaml").root
    assert isinstance(root, tree.MapNode)
    metadata = body["metadata"]
    return Object(body["apiVersion"], body["kind"], metadata["name"], metadata.get("namespace", ""), root, body)
