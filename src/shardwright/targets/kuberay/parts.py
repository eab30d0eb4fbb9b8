"""Where the pods of a RayCluster or RayService are. Source: KubeRay 1.5.1, ray-operator/controllers/ray/utils.

A RayService's clusters have names of the operator's; their pods carry the name of the service they were made for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from shardwright.core.lifecycle.bodies import map_at, number_at, text_at, value_at
from shardwright.core.lifecycle.parts import Parts, Root, Update

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["parts_of"]


def parts_of(root: Mapping[str, object]) -> Parts:
    """The parts of a RayCluster or RayService: the head is the leader of one replica; a cluster that is suspended has none."""
    kind, name = text_at(root, "kind"), text_at(root, "metadata", "name")
    is_service = kind == "RayService"
    spec = map_at(root, "spec", "rayClusterConfig") if is_service else map_at(root, "spec")
    is_suspended = not is_service and value_at(spec, "suspend") is True
    ready = "Ready" if is_service else "RayClusterSuspended" if is_suspended else "RayClusterProvisioned"
    selected = f"ray.io/originated-from-cr-name={name}" if is_service else f"ray.io/cluster={name}"
    return Parts(
        root=Root(text_at(root, "apiVersion"), kind, name, ready),
        pod_selector=f"{selected},ray.io/is-ray-node=yes",
        leader_labels={"ray.io/node-type": "head"},
        leader_variable="FQ_RAY_IP",
        replicas=0 if is_suspended else 1,
        size=1 + sum(_workers(spec)),
        service=f"{name}-serve-svc" if is_service else "",
        update=Update() if is_suspended else _update(root, is_service=is_service),
    )


def _update(root: Mapping[str, object], *, is_service: bool) -> Update:
    """A service gets a second cluster beside the first; a cluster is left as it is, unless it says otherwise."""
    asked = text_at(root, "spec", "upgradeStrategy", "type")
    if is_service:
        if asked == "None":
            return Update(stuck="spec.upgradeStrategy.type is None: KubeRay leaves the Ray cluster as it is")
        return Update(surge=1, unavailable=0, field=f"spec.upgradeStrategy.type: {asked or 'NewCluster'}")
    if asked == "Recreate":
        return Update(field="spec.upgradeStrategy.type: Recreate")
    return Update(stuck="KubeRay does not replace the pods of a RayCluster when it changes")


def _workers(spec: Mapping[str, object]) -> Iterator[int]:
    groups = value_at(spec, "workerGroupSpecs")
    for group in cast("list[object]", groups) if isinstance(groups, list) else ():
        if isinstance(group, dict):
            found = cast("dict[str, object]", group)
            yield number_at(found, 0, "replicas") * number_at(found, 1, "numOfHosts")
