"""How LeaderWorkerSet names addresses, indices and paths.

The controller puts LWS_LEADER_ADDRESS, LWS_GROUP_SIZE and LWS_WORKER_INDEX before all other variables of every
container; Kubernetes fills `$(NAME)` in where a container starts. The address of the pod itself is ours to define.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.kubernetes.render import wiring

if TYPE_CHECKING:
    from shardwright.core.deployment import Wiring
    from shardwright.core.recipe import Recipe

__all__ = ["INJECTED", "SERVE_PORT", "wiring_of"]

INJECTED = wiring.LWS_VARIABLES
SERVE_PORT = wiring.SERVE_PORT


def wiring_of(recipe: Recipe) -> Wiring:
    """Addresses and indices by variable, the model by repository or by its path in the mounted claim."""
    return wiring.lws_wiring(recipe)
