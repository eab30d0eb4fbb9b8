"""How LeaderWorkerSet names addresses, indices and paths.

The controller puts LWS_LEADER_ADDRESS, LWS_GROUP_SIZE and LWS_WORKER_INDEX before all other variables of every
container; Kubernetes fills `$(NAME)` in where a container starts. The address of the pod itself is ours to define.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.deployment import Wiring
from shardwright.kubernetes import pods, sources

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe

__all__ = ["INJECTED", "SERVE_PORT", "wiring_of"]

INJECTED = ("LWS_LEADER_ADDRESS", "LWS_GROUP_SIZE", "LWS_WORKER_INDEX")
SERVE_PORT = "8080"
_GROUP_PORT = "29501"
_RAY_PORT = "6379"


def wiring_of(recipe: Recipe) -> Wiring:
    """Addresses and indices by variable, the model by repository or by its path in the mounted claim."""
    has_cache = recipe.storage.claim is not None and sources.source_of(recipe).kind == "hub"
    return Wiring(
        leader_address="$(LWS_LEADER_ADDRESS)",
        member_index="$(LWS_WORKER_INDEX)",
        own_address=pods.OWN_ADDRESS,
        model=sources.model_argument(recipe),
        draft=sources.draft_argument(recipe),
        serve_port=SERVE_PORT,
        group_port=_GROUP_PORT,
        ray_port=_RAY_PORT,
        interface=recipe.network.interface or "",
        cache_dir=recipe.storage.cache_dir if has_cache else "",
    )
