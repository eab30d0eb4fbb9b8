"""How KServe names addresses, indices and paths.

The controller gives workers HEAD_SVC, the name behind which the head is found, and from 0.18 on WORKER_SVC; it gives the
head neither, and no member an index. What is missing is defined in the rendered containers: HEAD_SVC of the head is its
own address, MEMBER_INDEX stands for all. Source: kserve/kserve v0.15.0 to v0.20.0, components/predictor.go.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.kubernetes.render import sources, wiring

if TYPE_CHECKING:
    from shardwright.core.deployment import Wiring
    from shardwright.core.recipe import Recipe

__all__ = ["HEAD", "INDEX", "MODEL_FOLDER", "SERVE_PORT", "is_mounted_image", "wiring_of"]

HEAD = "HEAD_SVC"
INDEX = "MEMBER_INDEX"
SERVE_PORT = wiring.SERVE_PORT
MODEL_FOLDER = "/mnt/models"
"""Where the platform mounts an image that holds a model."""


def wiring_of(recipe: Recipe) -> Wiring:
    """Addresses and indices by variable, the model by repository or by its path in what is mounted."""
    made = wiring.pod_wiring(recipe, leader_address=f"$({HEAD})", member_index=f"$({INDEX})")
    model = MODEL_FOLDER if is_mounted_image(recipe) else made.model
    return dataclasses.replace(made, model=model, also_served=recipe.metadata.name)


def is_mounted_image(recipe: Recipe) -> bool:
    """Whether the platform mounts the image that holds the model; with a claim a Job copies it there instead."""
    return sources.source_of(recipe).kind == "image" and recipe.storage.claim is None
