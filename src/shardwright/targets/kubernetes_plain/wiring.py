"""Names and addresses of a group of one: nobody else is asked, so every address is the pod's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.deployment import Wiring
from shardwright.kubernetes import pods, sources

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe

__all__ = ["SERVE_PORT", "wiring_of"]

SERVE_PORT = "8080"
_GROUP_PORT = "29501"
_RAY_PORT = "6379"


def wiring_of(recipe: Recipe) -> Wiring:
    """The pod leads itself; the model by repository or by its path in the mounted claim."""
    has_cache = recipe.storage.claim is not None and sources.source_of(recipe).kind == "hub"
    return Wiring(
        leader_address=pods.OWN_ADDRESS,
        member_index="0",
        own_address=pods.OWN_ADDRESS,
        model=sources.model_argument(recipe),
        draft=sources.draft_argument(recipe),
        serve_port=SERVE_PORT,
        group_port=_GROUP_PORT,
        ray_port=_RAY_PORT,
        interface=recipe.network.interface or "",
        cache_dir=recipe.storage.cache_dir if has_cache else "",
    )
