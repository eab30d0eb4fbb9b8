"""How an LLMInferenceService names addresses, indices and paths.

Groups of several pods are a LeaderWorkerSet, whose controller puts LWS_LEADER_ADDRESS, LWS_GROUP_SIZE and
LWS_WORKER_INDEX before all other variables of every container. The Service of the platform asks port 8000.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.deployment import Wiring
from shardwright.kubernetes import pods, sources
from shardwright.targets.llmisvc import files, releases

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe

__all__ = ["INJECTED", "wiring_of"]

INJECTED = ("LWS_LEADER_ADDRESS", "LWS_GROUP_SIZE", "LWS_WORKER_INDEX")
_GROUP_PORT = "29501"
_RAY_PORT = "6379"


def wiring_of(recipe: Recipe) -> Wiring:
    """Addresses and indices by variable; the model by repository, or by the path at which it is mounted."""
    has_cache = recipe.storage.claim is not None and sources.source_of(recipe).kind == "hub"
    return Wiring(
        leader_address="$(LWS_LEADER_ADDRESS)",
        member_index="$(LWS_WORKER_INDEX)",
        own_address=pods.OWN_ADDRESS,
        model=files.model_argument(recipe),
        draft=sources.draft_argument(recipe),
        serve_port=releases.names().serve_port,
        group_port=_GROUP_PORT,
        ray_port=_RAY_PORT,
        interface=recipe.network.interface or "",
        cache_dir=recipe.storage.cache_dir if has_cache else "",
    )
