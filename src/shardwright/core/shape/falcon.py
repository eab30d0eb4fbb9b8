"""Falcon: LayerNorms with bias, a perceptron without gate, one fused tensor for queries, keys and values.

KV heads are `num_kv_heads` with the new decoder architecture, one with multi-query attention, else one a head.
Source: the configuration class of transformers 5.19 and vLLM 0.32 model_executor/models/falcon.py.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.core.shape import blocks
from shardwright.core.shape.base import Layer, ModelShape, Split, Weight
from shardwright.core.shape.family import Family
from shardwright.core.shape.fields import MAX_LAYERS, MAX_POSITIONS

if TYPE_CHECKING:
    from shardwright.core.shape.family import TwinSizes
    from shardwright.core.shape.fields import Fields

__all__ = ["FALCON"]


def _read(fields: Fields) -> ModelShape:
    sizes = _sizes(fields)
    layer = Layer(_layer_weights(fields, sizes), blocks.full_cache(sizes))
    tied = fields.flag("tie_word_embeddings", default=True)
    head = blocks.norm("transformer.ln_f", sizes.hidden, bias=True)
    if not tied:
        head = (*head, Weight("lm_head.weight", sizes.vocabulary, sizes.hidden, Split.VOCABULARY))
    embedding = Weight("transformer.word_embeddings.weight", sizes.vocabulary, sizes.hidden, Split.VOCABULARY)
    return dataclasses.replace(
        blocks.skeleton(fields, sizes, "falcon"),
        tied_embeddings=tied,
        rotary_size=0 if fields.flag("alibi", default=False) else sizes.head,
        embedding=(embedding,),
        layers=(layer,) * sizes.layers,
        head=head,
        layer_prefix="transformer.h.",
    )


def _sizes(fields: Fields) -> blocks.Sizes:
    hidden = fields.integer("hidden_size")
    heads = fields.integer("num_attention_heads", "n_head")
    if hidden % heads:
        raise fields.fault("hidden_size", f"{hidden} is not a multiple of num_attention_heads, {heads}")
    kv_heads = _kv_heads(fields, heads)
    if heads % kv_heads:
        raise fields.fault("num_kv_heads", f"{kv_heads} does not divide num_attention_heads, {heads}")
    return blocks.Sizes(
        hidden=hidden,
        layers=fields.integer("num_hidden_layers", "n_layer", maximum=MAX_LAYERS),
        heads=heads,
        kv_heads=kv_heads,
        head=hidden // heads,
        intermediate=fields.integer("ffn_hidden_size", default=4 * hidden),
        vocabulary=fields.integer("vocab_size"),
        # The first Falcons do not write it down; the class has always had 2048.
        positions=fields.integer("max_position_embeddings", default=2048, maximum=MAX_POSITIONS),
    )


def _kv_heads(fields: Fields, heads: int) -> int:
    if fields.flag("new_decoder_architecture", default=False):
        return fields.integer("num_kv_heads", "n_head_kv", default=heads)
    return 1 if fields.flag("multi_query", default=True) else heads


def _layer_weights(fields: Fields, sizes: blocks.Sizes) -> tuple[Weight, ...]:
    bias = fields.flag("bias", default=False)
    query, kv = sizes.heads * sizes.head, 2 * sizes.kv_heads * sizes.head
    return (
        *(weight for name in _norm_names(fields) for weight in blocks.norm(name, sizes.hidden, bias=True)),
        *_fused_attention(sizes.hidden, query, kv, bias=bias),
        *blocks.linear(
            "self_attention.dense", sizes.hidden, query, split=Split.TENSOR, bias=bias, bias_split=Split.NONE
        ),
        *blocks.linear("mlp.dense_h_to_4h", sizes.intermediate, sizes.hidden, split=Split.TENSOR, bias=bias),
        *blocks.linear(
            "mlp.dense_4h_to_h", sizes.hidden, sizes.intermediate, split=Split.TENSOR, bias=bias, bias_split=Split.NONE
        ),
    )


def _fused_attention(hidden: int, query: int, kv: int, *, bias: bool) -> tuple[Weight, ...]:
    name = "self_attention.query_key_value"
    matrix = (
        Weight(f"{name}.weight", query, hidden, Split.TENSOR, "qkv"),
        Weight(f"{name}.weight", kv, hidden, Split.KV_HEADS, "qkv"),
    )
    if not bias:
        return matrix
    return (
        *matrix,
        Weight(f"{name}.bias", query, 1, Split.TENSOR, "qkv.bias"),
        Weight(f"{name}.bias", kv, 1, Split.KV_HEADS, "qkv.bias"),
    )


def _norm_names(fields: Fields) -> tuple[str, ...]:
    if not fields.flag("parallel_attn", default=True):
        return ("input_layernorm", "post_attention_layernorm")
    new = fields.flag("new_decoder_architecture", default=False)
    two = fields.integer("num_ln_in_parallel_attn", default=2 if new else 1, maximum=2) == 2
    return ("ln_attn", "ln_mlp") if two else ("input_layernorm",)


def _twin(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    flags = ("new_decoder_architecture", "multi_query", "parallel_attn", "bias", "alibi", "num_ln_in_parallel_attn")
    return {
        **blocks.kept(shape, (*flags, "activation", "tie_word_embeddings", "layer_norm_epsilon")),
        "hidden_size": sizes.hidden_size,
        "ffn_hidden_size": 4 * sizes.hidden_size,  # vLLM does not read this field: it always takes four times
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.heads,
        "num_kv_heads": sizes.kv_heads,
        "vocab_size": sizes.vocabulary_size,
        "max_position_embeddings": sizes.max_positions,
    }


FALCON = Family(_read, _twin)
