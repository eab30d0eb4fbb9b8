"""DeepSeek V2 and V3: latent attention, the first layers dense, then experts with shared ones beside them.

V3.2 has an indexer a layer, which chooses the tokens to attend to and keeps a cache of its own.

Compressions of hidden states are repeated on every rank, what expands them is divided by heads.
Source: the configuration classes of transformers 5.19 and vLLM 0.32 model_executor/models/deepseek_v2.py.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.core.shape import blocks, drafts, mixture, rotary
from shardwright.core.shape.base import Cache, Latent, Layer, Mixture, ModelShape, Rotary, Split, Weight
from shardwright.core.shape.family import Family
from shardwright.core.shape.fields import MAX_LAYERS, MAX_POSITIONS

if TYPE_CHECKING:
    from shardwright.core.shape.family import TwinSizes
    from shardwright.core.shape.fields import Fields

__all__ = ["DEEPSEEK"]

_DEFAULT_QUERY_RANK = 1536
_TWIN_KV_RANK = 512
_TWIN_ROTATED = 64
"""vLLM's CPU kernel for latent attention is compiled for 512 + 64 only (0.32, v1/attention/backends/mla/cpu_mla.py)."""


def _read(fields: Fields) -> ModelShape:
    latent = _latent(fields)
    sizes = _sizes(fields, latent)
    mixed = _mixture(fields)
    shared = _shared_weights(fields, sizes, latent)
    cache = Cache("latent", 1, latent.kv_rank + latent.rotated_size, 0, index_size=_index_size(fields))
    tables = _tables(fields, sizes, latent)
    dense = Layer((*shared, *blocks.gated_mlp("mlp", sizes.hidden, sizes.intermediate)), cache, rotary=tables)
    sparse = Layer((*shared, *_experts(fields, mixed, sizes.hidden)), cache, rotary=tables) if mixed else dense
    layers = tuple(sparse if chosen else dense for chosen in _sparse_layers(fields, sizes.layers))
    shape = blocks.model(fields, sizes, layers, family="deepseek", mixture=mixed, latent=latent)
    guesses = drafts.read(fields, sparse, hidden=sizes.hidden, vocabulary=sizes.vocabulary)
    return dataclasses.replace(shape, draft_layers=guesses, bound=blocks.UNCHECKED if _index_size(fields) else "")


def _tables(fields: Fields, sizes: blocks.Sizes, latent: Latent) -> tuple[Rotary, ...]:
    """The indexer rotates in another order of the same size, and so has a table of its own."""
    table = rotary.table(fields, latent.rotated_size, positions=sizes.positions)
    return (table, dataclasses.replace(table, label="indexer")) if _index_size(fields) else (table,)


def _index_size(fields: Fields) -> int:
    """Width of the indexer's head; 0 where there is no indexer."""
    return fields.integer("index_head_dim", default=0, minimum=0) if "index_topk" in fields.values else 0


def _latent(fields: Fields) -> Latent:
    return Latent(
        query_rank=_query_rank(fields),
        kv_rank=fields.integer("kv_lora_rank"),
        unrotated_size=fields.integer("qk_nope_head_dim"),
        rotated_size=fields.integer("qk_rope_head_dim"),
        value_size=fields.integer("v_head_dim"),
    )


def _query_rank(fields: Fields) -> int:
    """Null means that queries are not compressed; absent means what the configuration class has."""
    if "q_lora_rank" not in fields.values:
        return _DEFAULT_QUERY_RANK
    return fields.optional_integer("q_lora_rank") or 0


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
        *_indexer(fields, sizes.hidden, latent.query_rank),
        *blocks.norm("post_attention_layernorm", sizes.hidden),
    )


def _indexer(fields: Fields, hidden: int, query_rank: int) -> tuple[Weight, ...]:
    """Every rank holds all of it. What is fused for one multiplication is held unquantized, its norm in float32."""
    size = _index_size(fields)
    if not size:
        return ()
    heads = fields.integer("index_n_heads")
    norm = blocks.norm("self_attn.indexer.k_norm", size, bias=True)
    return (
        Weight("self_attn.indexer.wq_b.weight", heads * size, query_rank or hidden, Split.NONE),
        Weight("self_attn.indexer.wk.weight", size, hidden, Split.NONE, "indexer", fixed=True),
        Weight("self_attn.indexer.weights_proj.weight", heads, hidden, Split.NONE, "indexer", fixed=True),
        *(dataclasses.replace(weight, element_bytes=4.0) for weight in norm),
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
        routed = (blocks.correction("mlp.gate.e_score_correction_bias", mixed.experts), *routed)
    if not mixed.shared_intermediate_size:
        return routed
    return (*routed, *blocks.gated_mlp("mlp.shared_experts", hidden, mixed.shared_intermediate_size))


def _twin(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    """Every layer of the twin is a mixture; experts are chosen in one group, for there are too few for several."""
    count, per_token = mixture.twin_width(shape, sizes)
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
        **_twin_indexer(shape, sizes),
    }


def _twin_indexer(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    if not shape.layers[0].cache.index_size:
        return {}
    return {"index_head_dim": 128, "index_n_heads": sizes.heads, "index_topk": sizes.max_positions}


DEEPSEEK = Family(_read, _twin)
