"""DeepSeek V2 and V3: latent attention, the first layers dense, then experts with shared ones beside them.

Compressions of hidden states are repeated on every rank, what expands them is divided by heads.
Source: the configuration classes of transformers 5.19 and vLLM 0.32 model_executor/models/deepseek_v2.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.shape import blocks, mixture
from shardwright.core.shape.base import Cache, Latent, Layer, Mixture, ModelShape, Split, Weight
from shardwright.core.shape.family import Family
from shardwright.core.shape.fields import MAX_LAYERS, MAX_POSITIONS

if TYPE_CHECKING:
    from shardwright.core.shape.family import TwinSizes
    from shardwright.core.shape.fields import Fields

__all__ = ["DEEPSEEK"]

_BOUND = "memory of models with latent attention and experts is bounded, not predicted, in this version"
_TWIN_KV_RANK = 512
_TWIN_ROTATED = 64
"""vLLM's CPU kernel for latent attention is compiled for 512 + 64 only (0.32, v1/attention/backends/mla/cpu_mla.py)."""


def _read(fields: Fields) -> ModelShape:
    latent = _latent(fields)
    sizes = _sizes(fields, latent)
    mixed = _mixture(fields)
    shared = _shared_weights(fields, sizes, latent)
    cache = Cache("latent", 1, latent.kv_rank + latent.rotated_size, 0)
    dense = Layer((*shared, *blocks.gated_mlp("mlp", sizes.hidden, sizes.intermediate)), cache)
    sparse = Layer((*shared, *_experts(fields, mixed, sizes.hidden)), cache) if mixed else dense
    layers = tuple(sparse if chosen else dense for chosen in _sparse_layers(fields, sizes.layers))
    return blocks.model(fields, sizes, layers, family="deepseek", mixture=mixed, latent=latent, bound=_BOUND)


def _latent(fields: Fields) -> Latent:
    return Latent(
        query_rank=fields.optional_integer("q_lora_rank") or 0,
        kv_rank=fields.integer("kv_lora_rank"),
        unrotated_size=fields.integer("qk_nope_head_dim"),
        rotated_size=fields.integer("qk_rope_head_dim"),
        value_size=fields.integer("v_head_dim"),
    )


def _sizes(fields: Fields, latent: Latent) -> blocks.Sizes:
    return blocks.Sizes(
        hidden=fields.integer("hidden_size"),
        layers=fields.integer("num_hidden_layers", maximum=MAX_LAYERS),
        heads=fields.integer("num_attention_heads"),
        kv_heads=1,
        head=latent.unrotated_size + latent.rotated_size,
        intermediate=fields.integer("intermediate_size"),
        vocabulary=fields.integer("vocab_size"),
        positions=fields.integer("max_position_embeddings", maximum=MAX_POSITIONS),
    )


def _mixture(fields: Fields) -> Mixture | None:
    if fields.values.get("n_routed_experts") is None:
        return None
    count, per_token = mixture.read_width(fields, "n_routed_experts")
    width = fields.integer("moe_intermediate_size")
    return Mixture(count, per_token, width, fields.integer("n_shared_experts", default=0, minimum=0) * width)


def _sparse_layers(fields: Fields, layers: int) -> list[bool]:
    first = fields.integer("first_k_dense_replace", default=0, minimum=0)
    step = fields.integer("moe_layer_freq", default=1)
    return [layer >= first and layer % step == 0 for layer in range(layers)]


def _shared_weights(fields: Fields, sizes: blocks.Sizes, latent: Latent) -> tuple[Weight, ...]:
    if fields.flag("attention_bias", default=False):
        raise fields.fault("attention_bias", "True is not known for this architecture; only False is")
    compressed = latent.kv_rank + latent.rotated_size
    expanded = sizes.heads * (latent.unrotated_size + latent.value_size)
    return (
        *blocks.norm("input_layernorm", sizes.hidden),
        *_queries(sizes, latent),
        *blocks.linear("self_attn.kv_a_proj_with_mqa", compressed, sizes.hidden, split=Split.NONE, fused="qkv_a"),
        *blocks.norm("self_attn.kv_a_layernorm", latent.kv_rank),
        *blocks.linear("self_attn.kv_b_proj", expanded, latent.kv_rank, split=Split.TENSOR),
        *blocks.linear("self_attn.o_proj", sizes.hidden, sizes.heads * latent.value_size, split=Split.TENSOR),
        *blocks.norm("post_attention_layernorm", sizes.hidden),
    )


def _queries(sizes: blocks.Sizes, latent: Latent) -> tuple[Weight, ...]:
    rows = sizes.heads * sizes.head
    if not latent.query_rank:
        return blocks.linear("self_attn.q_proj", rows, sizes.hidden, split=Split.TENSOR)
    return (
        *blocks.linear("self_attn.q_a_proj", latent.query_rank, sizes.hidden, split=Split.NONE, fused="qkv_a"),
        *blocks.norm("self_attn.q_a_layernorm", latent.query_rank),
        *blocks.linear("self_attn.q_b_proj", rows, latent.query_rank, split=Split.TENSOR),
    )


def _experts(fields: Fields, mixed: Mixture, hidden: int) -> tuple[Weight, ...]:
    routed = (
        blocks.router("mlp.gate", hidden, mixed.experts),
        *blocks.experts("mlp.experts", ("gate_proj", "up_proj", "down_proj"), mixed, hidden),
    )
    if fields.text("topk_method", default="") == "noaux_tc":
        correction = Weight("mlp.gate.e_score_correction_bias", mixed.experts, 1, Split.NONE, element_bytes=4.0)
        routed = (correction, *routed)
    if not mixed.shared_intermediate_size:
        return routed
    return (*routed, *blocks.gated_mlp("mlp.shared_experts", hidden, mixed.shared_intermediate_size))


def _twin(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    """Every layer of the twin is a mixture; experts are chosen in one group, for there are too few for several."""
    count, per_token = mixture.twin_width(shape)
    return {
        **blocks.standard_twin(
            shape, sizes, ("topk_method", "scoring_func", "norm_topk_prob", "routed_scaling_factor")
        ),
        "num_key_value_heads": sizes.heads,
        "q_lora_rank": sizes.hidden_size // 2 if shape.latent and shape.latent.query_rank else None,
        "kv_lora_rank": _TWIN_KV_RANK,
        "qk_rope_head_dim": _TWIN_ROTATED,
        "qk_nope_head_dim": sizes.head_size,
        "v_head_dim": sizes.head_size,
        "n_routed_experts": count,
        "num_experts_per_tok": per_token,
        "n_shared_experts": 1 if shape.mixture and shape.mixture.shared_intermediate_size else 0,
        "moe_intermediate_size": sizes.intermediate_size,
        "first_k_dense_replace": 0,
        "moe_layer_freq": 1,
        "n_group": 1,
        "topk_group": 1,
    }


DEEPSEEK = Family(_read, _twin)
