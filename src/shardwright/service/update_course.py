"""Use case: how an update of a deployment goes on its platform, from its root object as it is and as it will be."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright import registry
from shardwright.core.lifecycle import planned, updates
from shardwright.core.lifecycle.updates import Side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shardwright.core.lifecycle.changes import ObjectChange
    from shardwright.core.lifecycle.revision import Revision
    from shardwright.core.lifecycle.updates import Course

__all__ = ["as_the_platform_acts", "course_of"]


def as_the_platform_acts(changes: Sequence[ObjectChange]) -> tuple[ObjectChange, ...]:
    """The same changes; where a platform would leave the pods as they are, the object has to be made anew instead."""
    return tuple(_as_it_acts(change) for change in changes)


def _as_it_acts(change: ObjectChange) -> ObjectChange:
    if change.action != "update" or change.applied is None or change.kind not in registry.PARTS:
        return change
    parts_of = registry.load_parts(change.kind)
    stuck = parts_of(change.applied).update.stuck
    has_pods = change.live is None or parts_of(change.live).replicas > 0
    if not stuck or not has_pods or not updates.replaces_pods(change):
        return change
    return dataclasses.replace(change, action="recreate", why=stuck)


def course_of(changes: Sequence[ObjectChange], wanted: Revision, before: Revision | None) -> Course | None:
    """How the pods of a deployment are replaced; None if none is."""
    body = planned.root_of(wanted.manifests)
    if before is None or not body:
        return None
    name = str(body["metadata"]["name"])
    root = next((each for each in changes if (each.kind, each.name) == (body["kind"], name)), None)
    if root is None or root.live is None:
        return None
    parts_of = registry.load_parts(root.kind)
    old = Side(parts_of(root.live), planned.gpus_of(before.plan))
    new = Side(parts_of(root.applied or body), planned.gpus_of(wanted.plan))
    return updates.course_of(changes, root, old, new)
