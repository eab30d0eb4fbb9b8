"""Use case: what is there already, was not made for a deployment and is shared: used as it is, never relabelled.

A model of several deployments lies on one claim. Were it applied for each, they would take its labels from each other at
every apply; and a claim that somebody made by hand would be taken for ours, and deleted as such. The same holds for an
object that every deployment of a namespace renders alike, where somebody else has written it or keeps it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shardwright.core.lifecycle import keepers
from shardwright.core.lifecycle.bodies import map_at, text_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shardwright.kubernetes.client import Client, Tree

__all__ = ["left_as_they_are"]

_CLAIM = "PersistentVolumeClaim"


def left_as_they_are(
    manifests: Sequence[Mapping[str, Any]], client: Client, name: str
) -> tuple[tuple[Mapping[str, Any], ...], tuple[str, ...]]:
    """The manifests without such objects, and a line for each that was left out."""
    from shardwright.kubernetes.client.refs import ref_of  # noqa: PLC0415 - see clusters

    kept: list[Mapping[str, Any]] = []
    told: list[str] = []
    for body in manifests:
        whose = ""
        if body.get("kind") == _CLAIM or _is_for_all(body):
            found = client.find(ref_of(body, client.namespace))
            whose = _whose(found, name, is_for_all=_is_for_all(body)) if found is not None else ""
        if whose:
            told.append(
                f"{body.get('kind')} {text_at(body, 'metadata', 'name')} is there and {whose}: it is used as it is"
            )
        else:
            kept.append(body)
    return tuple(kept), tuple(told)


def _is_for_all(body: Mapping[str, Any]) -> bool:
    from shardwright.kubernetes.render import labels  # noqa: PLC0415 - see clusters

    return labels.NEEDED_BY in map_at(body, "metadata", "annotations")


def _whose(found: Tree, name: str, *, is_for_all: bool) -> str:
    """Whose an object is that is not to be written; empty for one of the deployment's own."""
    from shardwright.kubernetes.live import applying  # noqa: PLC0415 - see clusters

    keeper = keepers.keeper_of(found) if is_for_all else ""
    if keeper:
        return f"kept by {keeper}"
    if applying.is_ours(found, name):
        return ""
    owner = text_at(found, "metadata", "labels", "app.kubernetes.io/instance")
    return f"of {owner}" if owner else "somebody else's"
