"""Where the pods of a LeaderWorkerSet are. Source: LWS 0.10, labels, annotations and environment variables.

Of conditions that exclude each other it sets the one to False when the other becomes True, and leaves its words as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.lifecycle.bodies import number_at, text_at
from shardwright.core.lifecycle.parts import Parts, Root
from shardwright.core.lifecycle.updates import rolling_update

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["parts_of"]

_PREFIX = "leaderworkerset.sigs.k8s.io"
_ROLLING = ("spec", "rolloutStrategy", "rollingUpdateConfiguration")


def parts_of(root: Mapping[str, object]) -> Parts:
    """The parts of a LeaderWorkerSet; its defaults are one replica of one pod."""
    name = text_at(root, "metadata", "name")
    replicas = number_at(root, 1, "spec", "replicas")
    return Parts(
        root=Root(text_at(root, "apiVersion"), "LeaderWorkerSet", name, "Available", keeps_words=True),
        pod_selector=f"{_PREFIX}/name={name}",
        leader_labels={f"{_PREFIX}/worker-index": "0"},
        replicas=replicas,
        size=number_at(root, 1, "spec", "leaderWorkerTemplate", "size"),
        group_label=f"{_PREFIX}/group-index",
        index_label=f"{_PREFIX}/worker-index",
        names_tell=True,
        leader_variable="LWS_LEADER_ADDRESS",
        update=rolling_update(root, replicas, *_ROLLING, surge="0", unavailable="1"),
    )
