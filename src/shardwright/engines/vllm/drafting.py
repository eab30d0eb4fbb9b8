"""Speculation: which way a recipe's draft means, as the flag that says so.

A draft that names the model itself means the layers of the checkpoint that guess further tokens (`mtp`); any other is a model of
its own, split over the same tensor-parallel ranks. Source: vLLM 0.16 to 0.32, config/speculative.py, v1/spec_decode/draft_model.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shardwright.core.recipe.model import Recipe

__all__ = ["config_of"]

_HUB = "hf://"


def config_of(recipe: Recipe, tensor: int, *, place: str = "") -> dict[str, Any]:
    """The value of speculative-config for a recipe's draft, empty without one; `place`: where the engine finds the draft."""
    draft = recipe.model.draft
    if draft is None:
        return {}
    if draft.source == recipe.model.source:
        return {"method": "mtp", "num_speculative_tokens": draft.tokens}
    return {
        "method": "draft_model",
        "model": place or draft.source.removeprefix(_HUB),
        "num_speculative_tokens": draft.tokens,
        "draft_tensor_parallel_size": tensor,
    }
