"""Cohere's Command models: one norm for attention and perceptron, which stand side by side; embeddings are tied.

Command R+ has norms of queries and keys, one row a head, divided like the heads. The second generation slides in three
of four layers.
Source: the configuration classes of transformers 5.19 and vLLM 0.32 model_executor/models/commandr.py.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from shardwright.core.shape import blocks, windows
from shardwright.core.shape.base import Layer, Split, Weight
from shardwright.core.shape.family import Family

if TYPE_CHECKING:
    from shardwright.core.shape.base import ModelShape
    from shardwright.core.shape.family import TwinSizes
    from shardwright.core.shape.fields import Fields

__all__ = ["COHERE", "COHERE2"]


def _read(fields: Fields, *, second: bool) -> ModelShape:
    fields = fields.with_defaults(tie_word_embeddings=True)
    if not fields.flag("tie_word_embeddings", default=True):
        raise fields.fault("tie_word_embeddings", "False is not known for this architecture; only True is")
    sizes = blocks.read_sizes(fields, kv_heads_default=True)
    bias = fields.flag("attention_bias", default=False)
    weights = (
        *blocks.norm("input_layernorm", sizes.hidden),
        *blocks.attention(sizes, bias=bias),
        *(_head_norms(sizes) if fields.flag("use_qk_norm", default=False) else ()),
        *blocks.gated_mlp("mlp", sizes.hidden, sizes.intermediate),
    )
    full = Layer(weights, blocks.full_cache(sizes))
    if not second:
        return blocks.model(fields, sizes, (full,) * sizes.layers, family="cohere")
    kinds = windows.layer_types(fields, sizes.layers, step=fields.integer("sliding_window_pattern", default=4))
    sliding = Layer(weights, blocks.full_cache(sizes, fields.integer("sliding_window", default=4096)))
    layers = tuple(sliding if kind is windows.SLIDING else full for kind in kinds)
    return blocks.model(fields, sizes, layers, family="cohere")


def _head_norms(sizes: blocks.Sizes) -> tuple[Weight, Weight]:
    return (
        Weight("self_attn.q_norm.weight", sizes.heads, sizes.head, Split.TENSOR, fixed=True),
        Weight("self_attn.k_norm.weight", sizes.kv_heads, sizes.head, Split.KV_HEADS, fixed=True),
    )


def _twin(shape: ModelShape, sizes: TwinSizes, *, second: bool) -> dict[str, object]:
    keys = ("logit_scale", "use_qk_norm", "layer_norm_eps", "sliding_window_pattern")
    window = {"sliding_window": sizes.max_positions} if second else {}
    return {**blocks.standard_twin(shape, sizes, keys), "tie_word_embeddings": True, "pad_token_id": 0, **window}


COHERE = Family(partial(_read, second=False), partial(_twin, second=False))
COHERE2 = Family(partial(_read, second=True), partial(_twin, second=True))
