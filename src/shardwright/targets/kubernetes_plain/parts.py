"""Where the pods of a Deployment or StatefulSet are: every pod is a replica. Source: Kubernetes 1.36, apps/v1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.lifecycle.bodies import map_at, number_at, text_at
from shardwright.core.lifecycle.parts import Parts, Root, Update
from shardwright.core.lifecycle.updates import deployment_update

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["parts_of"]

_READY = {"Deployment": "Available", "StatefulSet": ""}
_ORDINAL = "apps.kubernetes.io/pod-index"


def parts_of(root: Mapping[str, object]) -> Parts:
    """The parts of a Deployment or StatefulSet; its selector is by labels alone in all that this program renders."""
    kind = text_at(root, "kind")
    labels = map_at(root, "spec", "selector", "matchLabels")
    replicas = number_at(root, 1, "spec", "replicas")
    name = text_at(root, "metadata", "name")
    return Parts(
        root=Root(text_at(root, "apiVersion"), kind, name, _READY.get(kind, ""), keeps_generation=True),
        pod_selector=",".join(f"{key}={value}" for key, value in labels.items()),
        leader_labels={},
        replicas=replicas,
        group_label=_ORDINAL if kind == "StatefulSet" else "",
        update=_of_a_set(root) if kind == "StatefulSet" else deployment_update(root, replicas, "spec", "strategy"),
    )


def _of_a_set(root: Mapping[str, object]) -> Update:
    """A StatefulSet replaces one pod after the other, or leaves that to others."""
    is_left = text_at(root, "spec", "updateStrategy", "type") == "OnDelete"
    return Update(
        stuck="spec.updateStrategy.type is OnDelete: pods stay until somebody deletes them" if is_left else ""
    )
