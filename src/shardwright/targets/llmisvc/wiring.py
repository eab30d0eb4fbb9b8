"""How an LLMInferenceService names addresses, indices and paths.

Groups of several pods are a LeaderWorkerSet, whose controller puts LWS_LEADER_ADDRESS, LWS_GROUP_SIZE and
LWS_WORKER_INDEX before all other variables of every container. The Service of the platform asks port 8000.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.kubernetes.render import wiring
from shardwright.targets.llmisvc import files, releases

if TYPE_CHECKING:
    from shardwright.core.deployment import Wiring
    from shardwright.core.recipe import Recipe

__all__ = ["INJECTED", "wiring_of"]

INJECTED = wiring.LWS_VARIABLES


def wiring_of(recipe: Recipe) -> Wiring:
    """Addresses and indices by variable; the model by repository, or by the path at which it is mounted."""
    made = wiring.lws_wiring(recipe, releases.names().serve_port)
    return dataclasses.replace(made, model=files.model_argument(recipe))
