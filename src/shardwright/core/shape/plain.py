"""Decoders with LayerNorms that have a bias and, mostly, a perceptron without gate: StarCoder 2, GPT-NeoX, Nemotron, StableLM.

Source: the configuration classes of transformers 5.19 and vLLM 0.32 (nemotron, stablelm, transformers backend).
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

__all__ = ["GPT_NEOX", "NEMOTRON", "STABLELM", "STARCODER2"]

_NORMS = ("input_layernorm", "post_attention_layernorm")


def _read_starcoder2(fields: Fields) -> ModelShape:
    fields = fields.with_defaults(tie_word_embeddings=True, num_key_value_heads=2)
    sizes = blocks.read_sizes(fields)
    bias = fields.flag("use_bias", default=True)
    weights = (
        *_layer_norms(sizes),
        *blocks.attention(sizes, bias=bias, output_bias=bias),
        *blocks.plain_mlp("mlp", ("c_fc", "c_proj"), sizes.hidden, sizes.intermediate, bias=bias),
    )
    layer = Layer(weights, blocks.full_cache(sizes, fields.optional_integer("sliding_window")))
    return _with_norm_bias(blocks.model(fields, sizes, (layer,) * sizes.layers, family="starcoder2"))


def _read_nemotron(fields: Fields) -> ModelShape:
    fields = fields.with_defaults(partial_rotary_factor=0.5)
    sizes = blocks.read_sizes(fields, kv_heads_default=True)
    bias = fields.flag("attention_bias", default=False)
    mlp_bias = fields.flag("mlp_bias", default=False)
    weights = (
        *_layer_norms(sizes),
        *blocks.attention(sizes, bias=bias, output_bias=bias),
        *blocks.plain_mlp("mlp", ("up_proj", "down_proj"), sizes.hidden, sizes.intermediate, bias=mlp_bias),
    )
    layer = Layer(weights, blocks.full_cache(sizes))
    return _with_norm_bias(blocks.model(fields, sizes, (layer,) * sizes.layers, family="nemotron"))


def _read_stablelm(fields: Fields) -> ModelShape:
    for key in ("qk_layernorm", "use_parallel_residual"):
        if fields.flag(key, default=False):
            raise fields.fault(key, "True is not known for this architecture; only False is")
    fields = fields.with_defaults(partial_rotary_factor=0.25)
    sizes = blocks.read_sizes(fields)
    weights = (
        *_layer_norms(sizes),
        *blocks.attention(sizes, bias=fields.flag("use_qkv_bias", default=False)),
        *blocks.gated_mlp("mlp", sizes.hidden, sizes.intermediate),
    )
    layer = Layer(weights, blocks.full_cache(sizes))
    return _with_norm_bias(blocks.model(fields, sizes, (layer,) * sizes.layers, family="stablelm"))


def _read_gpt_neox(fields: Fields) -> ModelShape:
    fields = fields.with_defaults(partial_rotary_factor=fields.number("rotary_pct", default=0.25, maximum=1.0))
    sizes = dataclasses.replace(blocks.read_sizes(fields, kv_heads_default=True))
    bias = fields.flag("attention_bias", default=True)
    wide = 3 * sizes.hidden
    weights = (
        *_layer_norms(sizes),
        *blocks.linear("attention.query_key_value", wide, sizes.hidden, split=Split.TENSOR, bias=bias),
        *blocks.linear(
            "attention.dense", sizes.hidden, sizes.hidden, split=Split.TENSOR, bias=bias, bias_split=Split.NONE
        ),
        *blocks.plain_mlp("mlp", ("dense_h_to_4h", "dense_4h_to_h"), sizes.hidden, sizes.intermediate, bias=True),
    )
    layer = Layer(weights, blocks.full_cache(sizes))
    shape = blocks.model(fields, sizes, (layer,) * sizes.layers, family="gpt-neox")
    output = Weight("embed_out.weight", sizes.vocabulary, sizes.hidden, Split.VOCABULARY)
    return dataclasses.replace(
        shape,
        embedding=(Weight("gpt_neox.embed_in.weight", sizes.vocabulary, sizes.hidden, Split.VOCABULARY),),
        head=(
            *blocks.norm("gpt_neox.final_layer_norm", sizes.hidden, bias=True),
            *(() if shape.tied_embeddings else (output,)),
        ),
        layer_prefix="gpt_neox.layers.",
    )


def _layer_norms(sizes: blocks.Sizes) -> tuple[Weight, ...]:
    return tuple(weight for name in _NORMS for weight in blocks.norm(name, sizes.hidden, bias=True))


def _with_norm_bias(shape: ModelShape) -> ModelShape:
    """The model with a bias beside the scale of its last norm."""
    return dataclasses.replace(shape, head=(*blocks.norm("model.norm", shape.hidden_size, bias=True), *shape.head[1:]))


def _twin(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    keys = (
        "partial_rotary_factor",
        "rotary_pct",
        "use_bias",
        "use_qkv_bias",
        "norm_epsilon",
        "norm_eps",
        "layer_norm_eps",
    )
    return {
        **blocks.standard_twin(shape, sizes, keys),
        "tie_word_embeddings": shape.tied_embeddings,
        "sliding_window": None,
    }


def _gpt_neox_twin(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    """The class has no KV heads of its own: there is one for every head."""
    return {**_twin(shape, sizes), "num_key_value_heads": sizes.heads}


GPT_NEOX = Family(_read_gpt_neox, _gpt_neox_twin)
NEMOTRON = Family(_read_nemotron, _twin)
STABLELM = Family(_read_stablelm, _twin)
STARCODER2 = Family(_read_starcoder2, _twin)
