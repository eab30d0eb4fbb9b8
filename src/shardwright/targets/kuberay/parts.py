"""Where the pods of a RayCluster or RayService are. Source: KubeRay 1.5.1, ray-operator/controllers/ray/utils.

A RayService's clusters have names of the operator's; their pods carry the name of the service they were made for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from shardwright.core.lifecycle.bodies import map_at, number_at, text_at, value_at
from shardwright.core.lifecycle.parts import Parts, Root

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["parts_of"]


def parts_of(root: Mapping[str, object]) -> Parts:
    """The parts of a RayCluster or RayService: the head is the leader of one replica."""
    kind, name = text_at(root, "kind"), text_at(root, "metadata", "name")
    is_service = kind == "RayService"
    spec = map_at(root, "spec", "rayClusterConfig") if is_service else map_at(root, "spec")
    selected = f"ray.io/originated-from-cr-name={name}" if is_service else f"ray.io/cluster={name}"
    return Parts(
        root=Root(text_at(root, "apiVersion"), kind, name, "Ready" if is_service else "RayClusterProvisioned"),
        pod_selector=f"{selected},ray.io/is-ray-node=yes",
        leader_labels={"ray.io/node-type": "head"},
        size=1 + sum(_workers(spec)),
        service=f"{name}-serve-svc" if is_service else "",
    )


def _workers(spec: Mapping[str, object]) -> Iterator[int]:
    groups = value_at(spec, "workerGroupSpecs")
    for group in cast("list[object]", groups) if isinstance(groups, list) else ():
        if isinstance(group, dict):
            found = cast("dict[str, object]", group)
            yield number_at(found, 0, "replicas") * number_at(found, 1, "numOfHosts")
