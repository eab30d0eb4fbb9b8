"""The namespace of recipes that are for a cluster: their own, else that of -n, else that of the context, as kubectl has it.

It is put into the document before that is read, so that `metadata.namespace` has one meaning for all who come after. A recipe
for this machine has no context.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.core.marked import tree
from shardwright.core.marked.tree import Document, Entry, MapNode, Mark, ScalarNode
from shardwright.service import clusters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shardwright.core.marked.tree import Node
    from shardwright.kubernetes.place import Place

__all__ = ["placed"]

_OPTION, _CONTEXT = Mark("-n", 0), Mark("the context of the kubeconfig", 0)
_LOCAL = "local"


def placed(documents: Sequence[Document], place: Place) -> list[Document]:
    """The documents with their namespace in them; a fault for each that names another one than -n.

    AccessError where the context decides, its cluster was named by an option, and it cannot be told.
    """
    if place.namespace:
        return [_inside(each, place.namespace, _OPTION) for each in documents]
    if all(_is_settled(each) for each in documents):
        return list(documents)
    namespace = _of_context(place)
    return [each if _is_settled(each) else _inside(each, namespace, _CONTEXT) for each in documents]


def _of_context(place: Place) -> str:
    """Without any kubeconfig `default`, as kubectl has it: what asks no cluster goes on, and what asks one tells why not."""
    try:
        return clusters.resolved(place).namespace
    except errors.AccessError:
        if place.is_named:
            raise
        return "default"


def _is_settled(document: Document) -> bool:
    """Whether the context has no say: it names a namespace, or is for this machine."""
    target = _value(document.root, "target", "kind")
    is_local = isinstance(target, ScalarNode) and target.text == _LOCAL
    return is_local or _value(document.root, "metadata", "namespace") is not None


def _inside(document: Document, namespace: str, mark: Mark) -> Document:
    """The document in that namespace; one that names another has a fault. What is no recipe is left to its reader."""
    root, metadata = document.root, _value(document.root, "metadata")
    if not isinstance(root, MapNode) or not isinstance(metadata, MapNode):
        return document
    own = _value(metadata, "namespace")
    if own is None:
        value = Entry(mark, ScalarNode(mark, namespace, plain=False))
        entries = metadata.entries | {"namespace": value}
        whole = root.entries | {"metadata": root.entries["metadata"]._replace(value=MapNode(metadata.mark, entries))}
        return document._replace(root=MapNode(root.mark, whole))
    if isinstance(own, ScalarNode) and own.text != namespace:
        path = ("metadata", "namespace")
        fault = tree.fault_at(
            tree.find(root, path),
            path,
            f'"{own.text}" is not the namespace of the command line, -n {namespace}',
            f"write -n {own.text}, or --set metadata.namespace={namespace}",
        )
        return document._replace(faults=(*document.faults, fault))
    return document


def _value(node: Node | None, *path: str) -> Node | None:
    """The value at a path of keys; None where there is none, or it is null."""
    for key in path:
        entry = node.entries.get(key) if isinstance(node, MapNode) else None
        node = entry.value if entry is not None else None
    return None if node is None or tree.is_null(node) else node
