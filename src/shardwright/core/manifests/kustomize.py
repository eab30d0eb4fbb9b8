"""Which files a kustomization names as patches: parts of objects, which are judged in what `kustomize build` prints."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from shardwright.core.marked.tree import ListNode, MapNode, ScalarNode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.marked.tree import Node

__all__ = ["KINDS", "is_named_so", "patches_of"]

KINDS = frozenset({"Kustomization", "Component"})
_FILES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_LISTS = ("patches", "patchesStrategicMerge", "patchesJson6902")


def is_named_so(file: str) -> bool:
    """Whether a file is a kustomization by its name, which needs no apiVersion and kind."""
    return file.rpartition("/")[2] in _FILES


def patches_of(root: MapNode) -> Iterator[str]:
    """The files that a kustomization names as patches, as paths of the same form as its own."""
    folder = posixpath.dirname(root.mark.file)
    for name in _LISTS:
        entry = root.entries.get(name)
        for each in entry.value.items if entry and isinstance(entry.value, ListNode) else ():
            path = _path_of(each)
            if path and "\n" not in path:
                yield posixpath.normpath(posixpath.join(folder, path))


def _path_of(node: Node) -> str:
    if isinstance(node, ScalarNode):
        return node.text
    entry = node.entries.get("path") if isinstance(node, MapNode) else None
    return entry.value.text if entry and isinstance(entry.value, ScalarNode) else ""
