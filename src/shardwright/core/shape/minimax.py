"""MiniMax M2: sigmoid routing in float32, queries and keys normalized over all heads, part of a head rotated.

Source: the configuration of the published model and vLLM 0.32 model_executor/models/minimax_m2.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.shape import blocks, mixture, rotary
from shardwright.core.shape.base import Layer, Mixture, ModelShape, Split, Weight
from shardwright.core.shape.family import Family

if TYPE_CHECKING:
    from shardwright.core.shape.family import TwinSizes
    from shardwright.core.shape.fields import Fields

__all__ = ["MINIMAX_M2"]


def _read(fields: Fields) -> ModelShape:
    sizes = blocks.read_sizes(fields)
    count, per_token = mixture.read_width(fields, "num_local_experts")
    mixed = Mixture(count, per_token, sizes.intermediate)
    weights = (
        *blocks.norm("input_layernorm", sizes.hidden),
        *blocks.attention(sizes),
        *(_head_norms(sizes) if fields.flag("use_qk_norm", default=True) else ()),
        *blocks.norm("post_attention_layernorm", sizes.hidden),
        blocks.router("block_sparse_moe.gate", sizes.hidden, count, element_bytes=4.0),
        *_correction(fields, count),
        *blocks.experts("block_sparse_moe.experts", ("w1", "w3", "w2"), mixed, sizes.hidden),
    )
    table = rotary.table(fields, fields.integer("rotary_dim", default=sizes.head), positions=sizes.positions)
    layers = (Layer(weights, blocks.full_cache(sizes), rotary=(table,)),) * sizes.layers
    return blocks.model(fields, sizes, layers, family="minimax", mixture=mixed)


def _head_norms(sizes: blocks.Sizes) -> tuple[Weight, ...]:
    """Divided like the heads that they scale."""
    return (
        Weight("self_attn.q_norm.weight", sizes.heads * sizes.head, 1, Split.TENSOR),
        Weight("self_attn.k_norm.weight", sizes.kv_heads * sizes.head, 1, Split.KV_HEADS),
    )


def _correction(fields: Fields, count: int) -> tuple[Weight, ...]:
    if not fields.flag("use_routing_bias", default=True):
        return ()
    return (blocks.correction("block_sparse_moe.e_score_correction_bias", count),)


def _twin(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    """Experts are chosen by softmax: vLLM's router for a CPU knows no other way without groups."""
    count, per_token = mixture.twin_width(shape, sizes)
    return {
        **blocks.standard_twin(shape, sizes, ("use_qk_norm", "qk_norm_type", "rope_theta")),
        "scoring_func": "softmax",
        "use_routing_bias": False,
        "head_dim": sizes.head_size,
        "rotary_dim": sizes.head_size // 2,
        "num_local_experts": count,
        "num_experts_per_tok": per_token,
        "attn_type_list": [1] * sizes.layers,
    }


MINIMAX_M2 = Family(_read, _twin)
