"""What a revision says of itself: its layout, and the object that stands for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shardwright.core.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from shardwright.core.lifecycle.revision import Revision

__all__ = ["gpus_of", "layout_of", "root_of", "summary_of"]

_ROOTS = ("LLMInferenceService", "InferenceService", "RayService", "LeaderWorkerSet", "RayCluster", "Deployment")
"""Kinds that serve, the outermost first."""


def layout_of(plan: Mapping[str, Any]) -> Layout | None:
    """The layout of a plan as a document; None where nothing was planned."""
    planned: dict[str, Any] = plan.get("layout") or {}
    if not planned:
        return None
    return Layout(
        tensor=planned["tensor"],
        pipeline=planned["pipeline"],
        data=planned["data"],
        nodes=planned["nodes"],
        gpus_per_node=planned["gpusPerNode"],
        stages=tuple(stage["layers"] for stage in plan["stages"]),
    )


def gpus_of(plan: Mapping[str, Any]) -> int:
    """GPUs of one replica of a plan as a document; 0 where it runs without, or nothing was planned."""
    layout = layout_of(plan)
    ranks: list[dict[str, Any]] = plan.get("ranks") or []
    is_without = bool(ranks) and all(rank.get("gpu") == "cpu" for rank in ranks)
    return 0 if layout is None or is_without else layout.world_size


def root_of(manifests: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The object that serves; empty if there is none among these."""
    found = {str(body.get("kind")): body for body in manifests}
    for kind in _ROOTS:
        if kind in found:
            return found[kind]
    return {}


def summary_of(revision: Revision) -> dict[str, Any]:
    """What a list of deployments shows, so that nobody has to unpack revisions for it."""
    root = root_of(revision.manifests)
    target: Mapping[str, Any] = revision.recipe.get("target") or {}
    layout = layout_of(revision.plan)
    return {
        "target": str(target.get("kind", "")),
        "layout": None if layout is None else str(layout),
        "root": {**{key: root[key] for key in ("apiVersion", "kind")}, "name": root["metadata"]["name"]}
        if root
        else {},
    }
