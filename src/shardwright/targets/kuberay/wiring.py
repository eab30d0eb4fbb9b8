"""How KubeRay names addresses, ports and paths.

The head has a Service of its own; workers have no index that stays, so only Ray, which needs none, can span them.
Source: KubeRay v1.1.1 to v1.7.0, ray-operator/controllers/ray/utils/util.go (GenerateHeadServiceName).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.deployment import Wiring
from shardwright.kubernetes import pods, sources

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe

__all__ = ["SERVE_PORT", "wiring_of"]

SERVE_PORT = "8000"
"""Not 8080: Ray's metrics are there."""
_GROUP_PORT = "29501"


def wiring_of(recipe: Recipe) -> Wiring:
    """The head by its Service; an empty `ray_port`, because the operator starts Ray."""
    has_cache = recipe.storage.claim is not None and sources.source_of(recipe).kind == "hub"
    return Wiring(
        leader_address=f"{recipe.metadata.name}-head-svc",
        member_index="0",
        own_address=pods.OWN_ADDRESS,
        model=sources.model_argument(recipe),
        draft=sources.draft_argument(recipe),
        serve_port=SERVE_PORT,
        group_port=_GROUP_PORT,
        interface=recipe.network.interface or "",
        cache_dir=recipe.storage.cache_dir if has_cache else "",
    )
