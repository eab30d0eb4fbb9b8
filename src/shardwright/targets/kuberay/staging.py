"""Manifests of KubeRay are not rehearsed in a cluster without GPUs: no engine that is known runs there with Ray."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.staging import Hindrance, Staging

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.deployment import Deployment
    from shardwright.core.staging import Tree

__all__ = ["STAGING"]


def _hindrance(deployment: Deployment) -> Hindrance | None:
    engine = deployment.plan.engine.name
    return Hindrance(
        f"KubeRay starts every member with Ray, and {engine} has no executor ray on a CPU",
        hint="rehearse on this machine, without --on: there members start without Ray",
    )


def _eased(_: Deployment, body: Mapping[str, object]) -> Tree:
    return dict(body)


STAGING = Staging(hindrance=_hindrance, eased=_eased, left_out={})
