"""Layers that guess further tokens, built alike in several families: two norms, one projection of both, one block.

Source: vLLM 0.32 model_executor/models/deepseek_mtp.py, glm4_moe_mtp.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.shape import blocks
from shardwright.core.shape.base import Layer, Split, Weight

if TYPE_CHECKING:
    from shardwright.core.shape.fields import Fields

__all__ = ["read"]

_MAX_DRAFTS = 64


def read(fields: Fields, block: Layer, *, hidden: int, vocabulary: int) -> tuple[Layer, ...]:
    """As many as `num_nextn_predict_layers`; each has its own copies of embedding and output matrix in the checkpoint."""
    count = fields.integer("num_nextn_predict_layers", default=0, minimum=0, maximum=_MAX_DRAFTS)
    weights = (
        Weight("embed_tokens.weight", vocabulary, hidden, Split.VOCABULARY),
        *blocks.norm("enorm", hidden),
        *blocks.norm("hnorm", hidden),
        Weight("eh_proj.weight", hidden, 2 * hidden, Split.NONE, fixed=True),
        *block.weights,
        *blocks.norm("shared_head.norm", hidden),
        Weight("shared_head.head.weight", vocabulary, hidden, Split.VOCABULARY),
    )
    return (Layer(weights, block.cache, rotary=block.rotary),) * count
