"""What pods know of each other and of their model on every platform; addresses and indices are the platform's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.deployment import Wiring
from shardwright.kubernetes.render import pods, sources

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe

__all__ = ["LWS_VARIABLES", "SERVE_PORT", "lws_wiring", "pod_wiring"]

SERVE_PORT = "8080"
_GROUP_PORT = "29501"
_RAY_PORT = "6379"
LWS_VARIABLES = ("LWS_LEADER_ADDRESS", "LWS_GROUP_SIZE", "LWS_WORKER_INDEX")
"""What the controller of LeaderWorkerSet puts before all other variables of every container."""


def pod_wiring(recipe: Recipe, *, leader_address: str, member_index: str, serve_port: str = SERVE_PORT) -> Wiring:
    """The model by repository or by its path in the mounted claim; a pod that is alone leads itself."""
    has_cache = recipe.storage.claim is not None and sources.source_of(recipe).kind == "hub"
    return Wiring(
        leader_address=leader_address,
        member_index=member_index,
        own_address=pods.OWN_ADDRESS,
        model=sources.model_argument(recipe),
        draft=sources.draft_argument(recipe),
        serve_port=serve_port,
        group_port=_GROUP_PORT,
        ray_port=_RAY_PORT,
        interface=recipe.network.interface or "",
        cache_dir=recipe.storage.cache_dir if has_cache else "",
    )


def lws_wiring(recipe: Recipe, serve_port: str = SERVE_PORT) -> Wiring:
    """Of the pods of a LeaderWorkerSet, whichever platform makes it."""
    address, _, index = LWS_VARIABLES
    return pod_wiring(recipe, leader_address=f"$({address})", member_index=f"$({index})", serve_port=serve_port)
