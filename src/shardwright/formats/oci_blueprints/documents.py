"""Which documents are blueprints, and the blueprints in one: alone, or as the parts of a deployment group.

Blueprints have no apiVersion and no kind; they are known by their keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.manifests import plain
from shardwright.core.manifests.objects import Object
from shardwright.core.marked import tree
from shardwright.core.marked.tree import ListNode, MapNode, ScalarNode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.marked.tree import Node

__all__ = ["GROUP", "KIND", "is_blueprint", "named", "objects_of"]

KIND = "OciBlueprint"
"""How findings call one; no kind of Kubernetes has the name."""
GROUP = "OciBlueprintGroup"
"""How findings call a deployment group."""

_MARKS = frozenset({"deployment_name", "deployment_group", "multinode_num_nodes_to_use_from_shared_pool"})
_PREFIXES = ("recipe_", "shared_node_pool_")


def is_blueprint(root: Node | None) -> bool:
    """Whether a document is a blueprint or a group of them, right or wrong."""
    if not isinstance(root, MapNode) or "apiVersion" in root.entries or "kind" in root.entries:
        return False
    return any(key in _MARKS or key.startswith(_PREFIXES) for key in root.entries)


def objects_of(root: Node) -> tuple[Object, ...]:
    """The blueprints of a document as objects that rules can judge, the group that holds them first."""
    if not isinstance(root, MapNode) or not is_blueprint(root):
        return ()
    group = root.entries.get("deployment_group")
    if group is None:
        return (_object(KIND, root, _text(root, "deployment_name")),)
    inner = tuple(_object(KIND, node, _text(node, "deployment_name")) for node in _members(group.value))
    name = _text(group.value, "name") if isinstance(group.value, MapNode) else ""
    return (_object(GROUP, root, name), *inner)


def named(root: Node) -> tuple[tuple[str, str, MapNode], ...]:
    """Kind, name and node of each, for readers of manifests."""
    return tuple((each.kind, each.name, each.root) for each in objects_of(root))


def _members(group: Node) -> Iterator[MapNode]:
    found = group.entries.get("deployments") if isinstance(group, MapNode) else None
    for item in found.value.items if found and isinstance(found.value, ListNode) else ():
        recipe = item.entries.get("recipe") if isinstance(item, MapNode) else None
        if recipe and isinstance(recipe.value, MapNode):
            yield recipe.value


def _object(kind: str, root: MapNode, name: str) -> Object:
    value = plain.plain_value(root, (), [])
    return Object("", kind, name, "", root, value if isinstance(value, dict) else {})


def _text(node: Node, name: str) -> str:
    entry = node.entries.get(name) if isinstance(node, MapNode) else None
    value = entry.value if entry else None
    return value.text if isinstance(value, ScalarNode) and not tree.is_null(value) else ""
