"""Qwen3-Next: three layers of the gated delta rule for one of gated attention, every perceptron a mixture of experts.

Source: the configuration class of transformers 5.19 and vLLM 0.32 model_executor/models/qwen3_next.py,
qwen3_next_mtp.py, model_executor/layers/mamba/gdn.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.core.shape import blocks, mixture, qwen_moe, recurrent, rotary
from shardwright.core.shape.base import Layer, Mixture, ModelShape, Split, State, Weight
from shardwright.core.shape.family import Family

if TYPE_CHECKING:
    from shardwright.core.shape.family import TwinSizes
    from shardwright.core.shape.fields import Fields

__all__ = ["QWEN3_NEXT"]

_DEFAULT_INTERVAL = 4
_LINEAR = "linear_attention"
_TWIN_HEAD_SIZE = 128
"""vLLM's delta rule for a CPU refuses 32 and takes this; tried with 0.32, 2026-11."""


def _read(fields: Fields) -> ModelShape:
    sizes = blocks.read_sizes(fields)
    mixed = qwen_moe.read_mixture(fields)
    chosen = qwen_moe.sparse_layers(fields, sizes.layers)
    state, mixer = _delta_rule(fields, sizes.hidden)
    table = rotary.table(fields, sizes.head, positions=sizes.positions, partial=0.25)
    bias = fields.flag("attention_bias", default=False)
    attention = blocks.attention(sizes, bias=bias, head_norms=True, query_parts=2)
    made: dict[tuple[bool, bool], Layer] = {}
    for sparse in (False, True):
        after = _perceptron(sizes, mixed if sparse else None)
        before = blocks.norm("input_layernorm", sizes.hidden)
        made[True, sparse] = Layer((*before, *mixer, *after), recurrent.NO_CACHE, state, ())
        made[False, sparse] = Layer((*before, *attention, *after), blocks.full_cache(sizes), rotary=(table,))
    linear = _linear_layers(fields, sizes.layers)
    layers = tuple(made[linear[index], chosen[index]] for index in range(sizes.layers))
    shape = blocks.model(fields, sizes, layers, family="qwen-next", mixture=mixed)
    return dataclasses.replace(
        shape,
        rotary_size=table.size,
        draft_layers=(_draft(made[False, True], sizes.hidden),),
        draft_prefix="mtp.",
    )


def _linear_layers(fields: Fields, layers: int) -> list[bool]:
    """By `layer_types`, else all but every `full_attention_interval`th."""
    kinds = fields.texts("layer_types")
    if kinds:
        if len(kinds) < layers:
            raise fields.fault("layer_types", f"has {len(kinds)} entries for {layers} layers")
        return [kind == _LINEAR for kind in kinds[:layers]]
    interval = fields.integer("full_attention_interval", default=_DEFAULT_INTERVAL)
    return [(index + 1) % interval != 0 for index in range(layers)]


def _delta_rule(fields: Fields, hidden: int) -> tuple[State, tuple[Weight, ...]]:
    key_heads, value_heads = fields.integer("linear_num_key_heads"), fields.integer("linear_num_value_heads")
    key_size, value_size = fields.integer("linear_key_head_dim"), fields.integer("linear_value_head_dim")
    kernel = fields.integer("linear_conv_kernel_dim", minimum=2)
    keys, values = key_heads * key_size, value_heads * value_size
    channels = 2 * keys + values
    state = State(
        "gated-delta", channels, kernel, value_heads, value_size, key_size, element_bytes=recurrent.state_bytes(fields)
    )
    return state, (
        *blocks.linear("linear_attn.in_proj_qkvz", channels + values, hidden, split=Split.TENSOR),
        *blocks.linear("linear_attn.in_proj_ba", 2 * value_heads, hidden, split=Split.TENSOR),
        Weight("linear_attn.conv1d.weight", channels, kernel, Split.TENSOR, fixed=True, inner=(1, kernel)),
        Weight("linear_attn.A_log", value_heads, 1, Split.TENSOR, element_bytes=4.0),
        Weight("linear_attn.dt_bias", value_heads, 1, Split.TENSOR),
        *blocks.norm("linear_attn.norm", value_size),
        *blocks.linear("linear_attn.out_proj", hidden, values, split=Split.TENSOR),
    )


def _perceptron(sizes: blocks.Sizes, mixed: Mixture | None) -> tuple[Weight, ...]:
    norm = blocks.norm("post_attention_layernorm", sizes.hidden)
    if mixed is None:
        return (*norm, *blocks.gated_mlp("mlp", sizes.hidden, sizes.intermediate))
    return (*norm, *qwen_moe.expert_weights(mixed, sizes.hidden))


def _draft(block: Layer, hidden: int) -> Layer:
    """One layer of attention and experts behind a projection of two norms; embedding and output are the model's."""
    weights = (
        *blocks.norm("pre_fc_norm_embedding", hidden),
        *blocks.norm("pre_fc_norm_hidden", hidden),
        Weight("fc.weight", hidden, 2 * hidden, Split.TENSOR),
        *(dataclasses.replace(weight, name=f"layers.0.{weight.name}") for weight in block.weights),
        *blocks.norm("norm", hidden),
    )
    return Layer(weights, block.cache, rotary=block.rotary)


def _twin(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    """Every second layer is recurrent, so that each stage has both kinds; vLLM's kernel for a CPU takes bfloat16 only."""
    count, per_token = mixture.twin_width(shape, sizes)
    return {
        **blocks.standard_twin(shape, sizes, ("norm_topk_prob", "partial_rotary_factor")),
        "dtype": "bfloat16",
        "head_dim": sizes.head_size,
        "layer_types": [("full_attention" if index % 2 else _LINEAR) for index in range(sizes.layers)],
        "linear_num_key_heads": sizes.heads,
        "linear_num_value_heads": sizes.heads,
        "linear_key_head_dim": _TWIN_HEAD_SIZE,
        "linear_value_head_dim": _TWIN_HEAD_SIZE,
        "linear_conv_kernel_dim": 4,
        "num_experts": count,
        "num_experts_per_tok": per_token,
        "moe_intermediate_size": sizes.intermediate_size,
        "shared_expert_intermediate_size": sizes.intermediate_size,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
    }


QWEN3_NEXT = Family(_read, _twin)
