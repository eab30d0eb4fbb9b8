"""How KubeRay names addresses, ports and paths.

The head has a Service of its own; workers have no index that stays, so only Ray, which needs none, can span them.
Source: KubeRay v1.1.1 to v1.7.0, ray-operator/controllers/ray/utils/util.go (GenerateHeadServiceName).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.kubernetes.render import wiring

if TYPE_CHECKING:
    from shardwright.core.deployment import Wiring
    from shardwright.core.recipe import Recipe

__all__ = ["SERVE_PORT", "wiring_of"]

SERVE_PORT = "8000"
"""Not 8080: Ray's metrics are there."""


def wiring_of(recipe: Recipe) -> Wiring:
    """The head by its Service; an empty `ray_port`, because the operator starts Ray."""
    head = f"{recipe.metadata.name}-head-svc"
    made = wiring.pod_wiring(recipe, leader_address=head, member_index="0", serve_port=SERVE_PORT)
    return dataclasses.replace(made, ray_port="")
