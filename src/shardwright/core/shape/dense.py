"""Dense decoders built like Llama: grouped-query attention, RMS norms, gated perceptron, rotary positions.

What differs between them: biases of the attention, norms of its heads, a sliding window.
Source: the configuration classes and models of transformers 5.19 and vLLM 0.32 (llama, mistral, qwen2, qwen3, granite).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from shardwright.core.shape import blocks
from shardwright.core.shape.base import Layer
from shardwright.core.shape.family import Family

if TYPE_CHECKING:
    from shardwright.core.shape.base import ModelShape
    from shardwright.core.shape.family import TwinSizes
    from shardwright.core.shape.fields import Fields

__all__ = ["GRANITE", "LLAMA", "MISTRAL", "QWEN2", "QWEN3"]

_NAME = "dense"


def _read_llama(fields: Fields) -> ModelShape:
    bias = fields.flag("attention_bias", default=False)
    sizes = blocks.read_sizes(fields, kv_heads_default=True)
    mlp_bias = fields.flag("mlp_bias", default=False)
    layer = _layer(sizes, bias=bias, output_bias=bias, mlp_bias=mlp_bias)
    return blocks.model(fields, sizes, (layer,) * sizes.layers, family=_NAME)


def _read_mistral(fields: Fields) -> ModelShape:
    sizes = blocks.read_sizes(fields)
    layer = _layer(sizes, window_tokens=fields.optional_integer("sliding_window"))
    return blocks.model(fields, sizes, (layer,) * sizes.layers, family=_NAME)


def _read_qwen(fields: Fields, *, bias: bool, head_norms: bool) -> ModelShape:
    sizes = blocks.read_sizes(fields)
    bias = bias or fields.flag("attention_bias", default=False)
    output_bias = head_norms and bias  # Qwen2's output projection never has one
    full = _layer(sizes, bias=bias, output_bias=output_bias, head_norms=head_norms)
    window_tokens = fields.optional_integer("sliding_window")
    if not fields.flag("use_sliding_window", default=False) or window_tokens is None:
        return blocks.model(fields, sizes, (full,) * sizes.layers, family=_NAME)
    window = _layer(sizes, bias=bias, output_bias=output_bias, head_norms=head_norms, window_tokens=window_tokens)
    full_layers = min(fields.integer("max_window_layers", default=sizes.layers, minimum=0), sizes.layers)
    layers = (full,) * full_layers + (window,) * (sizes.layers - full_layers)
    return blocks.model(fields, sizes, layers, family=_NAME)


def _layer(
    sizes: blocks.Sizes,
    *,
    bias: bool = False,
    output_bias: bool = False,
    mlp_bias: bool = False,
    head_norms: bool = False,
    window_tokens: int | None = None,
) -> Layer:
    weights = (
        *blocks.norm("input_layernorm", sizes.hidden),
        *blocks.attention(sizes, bias=bias, output_bias=output_bias, head_norms=head_norms),
        *blocks.norm("post_attention_layernorm", sizes.hidden),
        *blocks.gated_mlp("mlp", sizes.hidden, sizes.intermediate, bias=mlp_bias),
    )
    return Layer(weights, blocks.full_cache(sizes, window_tokens))


def _twin(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    """Windows are left out: the twin's positions are fewer than any window in use, so none would ever slide."""
    multipliers = ("embedding_multiplier", "logits_scaling", "residual_multiplier", "attention_multiplier")
    return {**blocks.standard_twin(shape, sizes, multipliers), "head_dim": sizes.head_size, "sliding_window": None}


LLAMA = Family(_read_llama, _twin)
GRANITE = LLAMA
MISTRAL = Family(_read_mistral, _twin)
QWEN2 = Family(partial(_read_qwen, bias=True, head_norms=False), _twin)
QWEN3 = Family(partial(_read_qwen, bias=False, head_norms=True), _twin)
