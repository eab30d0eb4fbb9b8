"""Labels of single nodes: each is asked for by its name in a list, for which the right to list nodes is enough."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from shardwright.kubernetes.client import Ref
from shardwright.kubernetes.live import facts_views as views
from shardwright.kubernetes.live.facts_asking import all_views

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shardwright.kubernetes.client import Client

__all__ = ["labels_of"]

_WIDTH = 8


def labels_of(client: Client, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Labels by node, of those that are there; Forbidden if nodes may not be listed."""
    client.kinds  # noqa: B018 - asked once, before the threads

    def of(name: str) -> dict[str, dict[str, str]]:
        found = all_views(client, Ref("v1", "Node"), views.NodeView, fields=f"metadata.name={name}")
        return {each.metadata.name: each.metadata.labels for each in found}

    with ThreadPoolExecutor(_WIDTH) as pool:
        return {name: labels for part in pool.map(of, names) for name, labels in part.items()}
