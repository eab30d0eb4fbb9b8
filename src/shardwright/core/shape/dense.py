"""Dense decoders built like Llama: grouped-query attention, RMS norms, gated perceptron, rotary positions.

What differs between them: biases of the attention, norms of its heads, a sliding window, and what a missing field means.
Source: the configuration classes and models of transformers 5.19 and vLLM 0.32 (llama, mistral, qwen2, qwen3, granite,
ernie45, transformers backend).
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

__all__ = ["ERNIE", "GRANITE", "INTERNLM3", "LLAMA", "MINISTRAL3", "MISTRAL", "QWEN2", "QWEN3", "SEED_OSS", "SMOLLM3"]

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


def _read_ministral3(fields: Fields) -> ModelShape:
    """The class stretches positions by default, as the published models do."""
    stretched = {"rope_type": "yarn", "factor": 16.0, "original_max_position_embeddings": 16384}
    if fields.values.get("rope_scaling") is None:
        fields = fields.with_defaults(rope_parameters=stretched)
    return _read_mistral(fields.with_defaults(head_dim=128, num_key_value_heads=8))


def _read_seed_oss(fields: Fields) -> ModelShape:
    sizes = blocks.read_sizes(fields.with_defaults(head_dim=128))
    bias = fields.flag("attention_bias", default=True)
    output_bias = fields.flag("attention_out_bias", default=False)
    layer = _layer(sizes, bias=bias, output_bias=output_bias, mlp_bias=fields.flag("mlp_bias", default=False))
    return blocks.model(fields, sizes, (layer,) * sizes.layers, family=_NAME)


def _read_ernie(fields: Fields) -> ModelShape:
    """One bias for all projections, tied embeddings unless said otherwise."""
    bias = fields.flag("use_bias", default=False)
    given = fields.with_defaults(
        tie_word_embeddings=True, head_dim=128, num_key_value_heads=2, attention_bias=bias, mlp_bias=bias
    )
    return _read_llama(given)


def _read_smollm3(fields: Fields) -> ModelShape:
    """Every fourth layer has no rotary positions, which changes no tensor."""
    if fields.flag("use_sliding_window", default=False):
        raise fields.fault("use_sliding_window", "True is not known for this architecture; only False is")
    return _read_llama(fields.with_defaults(tie_word_embeddings=True, num_key_value_heads=4))


def _read_internlm3(fields: Fields) -> ModelShape:
    """`qkv_bias` for the attention's input, `bias` for its output; the engine knows none of the perceptron."""
    sizes = blocks.read_sizes(fields, kv_heads_default=True)
    bias = fields.flag("bias", default=False)
    layer = _layer(sizes, bias=fields.flag("qkv_bias", default=bias), output_bias=bias)
    return blocks.model(fields, sizes, (layer,) * sizes.layers, family=_NAME)


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


def _twin_smollm3(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    """Embeddings are tied unless it is said otherwise; the padding token must be one of the twin's."""
    return {**_twin(shape, sizes), "tie_word_embeddings": shape.tied_embeddings, "pad_token_id": 0}


def _twin_seed_oss(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    """As any, with the class's own bias."""
    return {**_twin_smollm3(shape, sizes), **blocks.kept(shape, ("attention_out_bias",))}


def _twin_ministral3(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    """Positions are not stretched: the twin has few."""
    return {
        **_twin(shape, sizes),
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        "pad_token_id": 0,
    }


def _twin_internlm3(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    """A Llama, which is what the engine builds: the class of its configuration comes with the model only."""
    bias = any(weight.name == "self_attn.o_proj.bias" for weight in shape.layers[0].weights)
    llama = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "attention_bias": bias}
    return {**_twin(shape, sizes), **llama}


def _twin_ernie(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    """As any, with the class's name for biases."""
    return {**_twin_smollm3(shape, sizes), **blocks.kept(shape, ("use_bias",))}


LLAMA = Family(_read_llama, _twin)
GRANITE = LLAMA
MISTRAL = Family(_read_mistral, _twin)
QWEN2 = Family(partial(_read_qwen, bias=True, head_norms=False), _twin)
QWEN3 = Family(partial(_read_qwen, bias=False, head_norms=True), _twin)
ERNIE = Family(_read_ernie, _twin_ernie)
INTERNLM3 = Family(_read_internlm3, _twin_internlm3)
MINISTRAL3 = Family(_read_ministral3, _twin_ministral3)
SEED_OSS = Family(_read_seed_oss, _twin_seed_oss)
SMOLLM3 = Family(_read_smollm3, _twin_smollm3)
