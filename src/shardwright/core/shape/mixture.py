"""What all mixture-of-experts families share: reading the mixture's size, and shrinking it for a twin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.shape.fields import MAX_EXPERTS

if TYPE_CHECKING:
    from shardwright.core.shape.base import ModelShape
    from shardwright.core.shape.family import TwinSizes
    from shardwright.core.shape.fields import Fields

__all__ = ["read_width", "twin_width"]

_TWIN_EXPERTS = 4
_TWIN_EXPERTS_PER_TOKEN = 2


def read_width(fields: Fields, key: str, *others: str) -> tuple[int, int]:
    """Experts, under the first of these names that is set, and how many of them each token passes."""
    count = fields.integer(key, *others, maximum=MAX_EXPERTS)
    return count, fields.integer("num_experts_per_tok", maximum=count)


def twin_width(shape: ModelShape, sizes: TwinSizes) -> tuple[int, int]:
    """Experts of a twin, and how many of them each token passes: few, but one a rank at least, chosen as in the model."""
    if shape.mixture is None:
        return 1, 1
    ranks = sizes.expert_ranks
    count = min(shape.mixture.experts, -(-_TWIN_EXPERTS // ranks) * ranks)
    return count, min(shape.mixture.experts_per_token, _TWIN_EXPERTS_PER_TOKEN, count)
