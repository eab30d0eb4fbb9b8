"""Use case: claims that are there already and were not made for a deployment: used as they are, never relabelled.

A model of several deployments lies on one claim. Were it applied for each, they would take its labels from each other at
every apply; and a claim that somebody made by hand would be taken for ours, and deleted as such.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shardwright.core.lifecycle.bodies import text_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shardwright.kubernetes.client import Client

__all__ = ["left_as_they_are"]

_CLAIM = "PersistentVolumeClaim"


def left_as_they_are(
    manifests: Sequence[Mapping[str, Any]], client: Client, name: str
) -> tuple[tuple[Mapping[str, Any], ...], tuple[str, ...]]:
    """The manifests without such claims, and a line for each that was left out."""
    from shardwright.kubernetes.client.refs import ref_of  # noqa: PLC0415 - see clusters
    from shardwright.kubernetes.live import applying  # noqa: PLC0415 - see clusters

    kept: list[Mapping[str, Any]] = []
    told: list[str] = []
    for body in manifests:
        found = client.find(ref_of(body, client.namespace)) if body.get("kind") == _CLAIM else None
        if found is None or applying.is_ours(found, name):
            kept.append(body)
        else:
            owner = text_at(found, "metadata", "labels", "app.kubernetes.io/instance")
            whose = f"of {owner}" if owner else "somebody else's"
            told.append(f"{_CLAIM} {found['metadata']['name']} is there and {whose}: it is used as it is")
    return tuple(kept), tuple(told)
