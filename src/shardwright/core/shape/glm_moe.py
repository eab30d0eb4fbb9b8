"""GLM-4.5 mixtures of experts: grouped-query attention, half of a head rotated, DeepSeek's routing in float32.

Source: the configuration class of transformers 5.19 and vLLM 0.32 model_executor/models/glm4_moe.py.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.core.shape import blocks, drafts, mixture, rotary
from shardwright.core.shape.base import Layer, Mixture, ModelShape, Weight
from shardwright.core.shape.family import Family

if TYPE_CHECKING:
    from shardwright.core.shape.family import TwinSizes
    from shardwright.core.shape.fields import Fields

__all__ = ["GLM4_MOE"]


def _read(fields: Fields) -> ModelShape:
    sizes = blocks.read_sizes(fields)
    count, per_token = mixture.read_width(fields, "n_routed_experts")
    width = fields.integer("moe_intermediate_size")
    shared = fields.integer("n_shared_experts", default=0, minimum=0, maximum=count)
    mixed = Mixture(count, per_token, width, shared * width)
    before = (
        *blocks.norm("input_layernorm", sizes.hidden),
        *blocks.attention(
            sizes,
            bias=fields.flag("attention_bias", default=False),
            head_norms=fields.flag("use_qk_norm", default=False),
        ),
        *blocks.norm("post_attention_layernorm", sizes.hidden),
    )
    cache = blocks.full_cache(sizes)
    tables = (rotary.table(fields, sizes.head, positions=sizes.positions, partial=0.5),)
    dense = Layer((*before, *blocks.gated_mlp("mlp", sizes.hidden, sizes.intermediate)), cache, rotary=tables)
    sparse = Layer((*before, *_experts(mixed, sizes.hidden)), cache, rotary=tables)
    first = fields.integer("first_k_dense_replace", default=1, minimum=0)
    layers = tuple(dense if layer < first else sparse for layer in range(sizes.layers))
    shape = blocks.model(fields, sizes, layers, family="glm-moe", mixture=mixed)
    guesses = drafts.read(fields, sparse, hidden=sizes.hidden, vocabulary=sizes.vocabulary)
    return dataclasses.replace(shape, draft_layers=guesses)


def _experts(mixed: Mixture, hidden: int) -> tuple[Weight, ...]:
    routed = (
        blocks.router("mlp.gate", hidden, mixed.experts, element_bytes=4.0),
        blocks.correction("mlp.gate.e_score_correction_bias", mixed.experts),
        *blocks.experts("mlp.experts", ("gate_proj", "up_proj", "down_proj"), mixed, hidden),
    )
    if not mixed.shared_intermediate_size:
        return routed
    return (*routed, *blocks.gated_mlp("mlp.shared_experts", hidden, mixed.shared_intermediate_size))


def _twin(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    """Every layer of the twin is a mixture; experts are chosen in one group."""
    count, per_token = mixture.twin_width(shape, sizes)
    return {
        **blocks.standard_twin(
            shape, sizes, ("use_qk_norm", "partial_rotary_factor", "norm_topk_prob", "routed_scaling_factor")
        ),
        "head_dim": sizes.head_size,
        "n_routed_experts": count,
        "num_experts_per_tok": per_token,
        "n_shared_experts": 1 if shape.mixture and shape.mixture.shared_intermediate_size else 0,
        "moe_intermediate_size": sizes.intermediate_size,
        "first_k_dense_replace": 0,
        "n_group": 1,
        "topk_group": 1,
    }


GLM4_MOE = Family(_read, _twin)
