"""Mixtral: Mistral's attention, every perceptron a mixture of experts.

Source: the configuration class of transformers 5.19 and vLLM 0.32 model_executor/models/mixtral.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.shape import blocks, mixture
from shardwright.core.shape.base import Layer, Mixture, ModelShape
from shardwright.core.shape.family import Family

if TYPE_CHECKING:
    from shardwright.core.shape.family import TwinSizes
    from shardwright.core.shape.fields import Fields

__all__ = ["MIXTRAL"]


def _read(fields: Fields) -> ModelShape:
    sizes = blocks.read_sizes(fields)
    count, per_token = mixture.read_width(fields, "num_local_experts", "num_experts")
    mixed = Mixture(count, per_token, sizes.intermediate)
    weights = (
        *blocks.norm("input_layernorm", sizes.hidden),
        *blocks.attention(sizes),
        *blocks.norm("post_attention_layernorm", sizes.hidden),
        blocks.router("block_sparse_moe.gate", sizes.hidden, count),
        *blocks.experts("block_sparse_moe.experts", ("w1", "w3", "w2"), mixed, sizes.hidden),
    )
    layer = Layer(weights, blocks.full_cache(sizes, fields.optional_integer("sliding_window")))
    layers = (layer,) * sizes.layers
    return blocks.model(fields, sizes, layers, family="mixtral", mixture=mixed)


def _twin(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    count, per_token = mixture.twin_width(shape, sizes)
    return {
        **blocks.standard_twin(shape, sizes),
        "head_dim": sizes.head_size,
        "num_local_experts": count,
        "num_experts_per_tok": per_token,
        "sliding_window": None,
    }


MIXTRAL = Family(_read, _twin)
