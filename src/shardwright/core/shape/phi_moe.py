"""Phi mixtures of experts: LayerNorms, biases in the attention and beside the output matrix.

Source: the configuration class of transformers 5.19 and vLLM 0.32 model_executor/models/phimoe.py.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.core.shape import blocks, mixture
from shardwright.core.shape.base import Layer, Mixture, ModelShape, Split, Weight
from shardwright.core.shape.family import Family

if TYPE_CHECKING:
    from shardwright.core.shape.family import TwinSizes
    from shardwright.core.shape.fields import Fields

__all__ = ["PHI_MOE"]


def _read(fields: Fields) -> ModelShape:
    sizes = blocks.read_sizes(fields)
    count, per_token = mixture.read_width(fields, "num_local_experts")
    mixed = Mixture(count, per_token, sizes.intermediate)
    bias = fields.flag("attention_bias", default=False)
    weights = (
        *blocks.norm("input_layernorm", sizes.hidden, bias=True),
        *blocks.attention(sizes, bias=bias, output_bias=bias),
        *blocks.norm("post_attention_layernorm", sizes.hidden, bias=True),
        blocks.router("block_sparse_moe.gate", sizes.hidden, count),
        *blocks.experts("block_sparse_moe.experts", ("w1", "w3", "w2"), mixed, sizes.hidden),
    )
    layer = Layer(weights, blocks.full_cache(sizes, fields.optional_integer("sliding_window")))
    shape = blocks.model(fields, sizes, (layer,) * sizes.layers, family="phi-moe", mixture=mixed)
    return dataclasses.replace(shape, head=_head(fields, sizes))


def _head(fields: Fields, sizes: blocks.Sizes) -> tuple[Weight, ...]:
    """Never tied; its bias is divided like its rows."""
    norm = blocks.norm("model.norm", sizes.hidden, bias=True)
    matrix = Weight("lm_head.weight", sizes.vocabulary, sizes.hidden, Split.VOCABULARY)
    bias = Weight("lm_head.bias", sizes.vocabulary, 1, Split.VOCABULARY)
    return (*norm, matrix, bias) if fields.flag("lm_head_bias", default=False) else (*norm, matrix)


def _twin(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    count, per_token = mixture.twin_width(shape, sizes)
    return {
        **blocks.standard_twin(shape, sizes, ("lm_head_bias", "router_jitter_noise")),
        "num_local_experts": count,
        "num_experts_per_tok": per_token,
        "sliding_window": None,
    }


PHI_MOE = Family(_read, _twin)
