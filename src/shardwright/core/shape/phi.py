"""Phi 3 and 4, and the first Phis: fused tensors in the checkpoint here, LayerNorms and a plain perceptron there.

Source: the configuration classes of transformers 5.19 and vLLM 0.32 (phi3, transformers backend).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.core.shape import blocks
from shardwright.core.shape.base import Layer, Split, Weight
from shardwright.core.shape.family import Family

if TYPE_CHECKING:
    from shardwright.core.shape.base import ModelShape
    from shardwright.core.shape.family import TwinSizes
    from shardwright.core.shape.fields import Fields

__all__ = ["PHI", "PHI3"]


def _read_phi3(fields: Fields) -> ModelShape:
    sizes = blocks.read_sizes(fields, kv_heads_default=True)
    query, kv = sizes.heads * sizes.head, 2 * sizes.kv_heads * sizes.head
    weights = (
        *blocks.norm("input_layernorm", sizes.hidden),
        Weight("self_attn.qkv_proj.weight", query, sizes.hidden, Split.TENSOR, "qkv"),
        Weight("self_attn.qkv_proj.weight", kv, sizes.hidden, Split.KV_HEADS, "qkv"),
        *blocks.linear("self_attn.o_proj", sizes.hidden, query, split=Split.TENSOR),
        *blocks.norm("post_attention_layernorm", sizes.hidden),
        *blocks.linear("mlp.gate_up_proj", 2 * sizes.intermediate, sizes.hidden, split=Split.TENSOR),
        *blocks.linear("mlp.down_proj", sizes.hidden, sizes.intermediate, split=Split.TENSOR),
    )
    layer = Layer(weights, blocks.full_cache(sizes, fields.optional_integer("sliding_window")))
    return blocks.model(_with_original_length(fields), sizes, (layer,) * sizes.layers, family="phi")


def _with_original_length(fields: Fields) -> Fields:
    """Phi keeps the length before scaling beside the section that scales."""
    length = fields.values.get("original_max_position_embeddings")
    for key in ("rope_parameters", "rope_scaling"):
        section = fields.section(key)
        if section is not None and length is not None:
            merged = {"original_max_position_embeddings": length, **section.values}
            return dataclasses.replace(fields, values={**fields.values, key: merged})
    return fields


def _read_phi(fields: Fields) -> ModelShape:
    if fields.flag("qk_layernorm", default=False):
        raise fields.fault("qk_layernorm", "True is not known for this architecture; only False is")
    fields = fields.with_defaults(partial_rotary_factor=0.5)
    sizes = blocks.read_sizes(fields, kv_heads_default=True)
    query, kv = sizes.heads * sizes.head, sizes.kv_heads * sizes.head
    weights = (
        *blocks.norm("input_layernorm", sizes.hidden, bias=True),
        *blocks.linear("self_attn.q_proj", query, sizes.hidden, split=Split.TENSOR, bias=True, fused="qkv"),
        *blocks.linear("self_attn.k_proj", kv, sizes.hidden, split=Split.KV_HEADS, bias=True, fused="qkv"),
        *blocks.linear("self_attn.v_proj", kv, sizes.hidden, split=Split.KV_HEADS, bias=True, fused="qkv"),
        *blocks.linear("self_attn.dense", sizes.hidden, query, split=Split.TENSOR, bias=True, bias_split=Split.NONE),
        *blocks.plain_mlp("mlp", ("fc1", "fc2"), sizes.hidden, sizes.intermediate, bias=True),
    )
    layer = Layer(weights, blocks.full_cache(sizes))
    shape = blocks.model(fields, sizes, (layer,) * sizes.layers, family="phi")
    # vLLM leaves out the bias of the output matrix that the checkpoint has.
    return dataclasses.replace(
        shape, head=(*blocks.norm("model.final_layernorm", sizes.hidden, bias=True), *shape.head[1:])
    )


def _twin(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    return {
        **blocks.standard_twin(shape, sizes, ("partial_rotary_factor", "layer_norm_eps")),
        "pad_token_id": 0,
        "original_max_position_embeddings": sizes.max_positions,
    }


PHI = Family(_read_phi, _twin)
PHI3 = Family(_read_phi3, _twin)
