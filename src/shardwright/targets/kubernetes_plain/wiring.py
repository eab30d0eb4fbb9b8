"""Names and addresses of a group of one: nobody else is asked, so every address is the pod's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.kubernetes.render import pods, wiring

if TYPE_CHECKING:
    from shardwright.core.deployment import Wiring
    from shardwright.core.recipe import Recipe

__all__ = ["SERVE_PORT", "wiring_of"]

SERVE_PORT = wiring.SERVE_PORT


def wiring_of(recipe: Recipe) -> Wiring:
    """The pod leads itself; the model by repository or by its path in the mounted claim."""
    return wiring.pod_wiring(recipe, leader_address=pods.OWN_ADDRESS, member_index="0")
