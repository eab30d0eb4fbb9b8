"""OlmoE: every perceptron a mixture of experts, queries and keys normalized over all heads at once.

Source: the configuration class of transformers 5.19 and vLLM 0.32 model_executor/models/olmoe.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.shape import blocks, mixture
from shardwright.core.shape.base import Layer, Mixture, ModelShape
from shardwright.core.shape.family import Family

if TYPE_CHECKING:
    from shardwright.core.shape.family import TwinSizes
    from shardwright.core.shape.fields import Fields

__all__ = ["OLMOE"]


def _read(fields: Fields) -> ModelShape:
    sizes = blocks.read_sizes(fields)
    count, per_token = mixture.read_width(fields, "num_experts")
    mixed = Mixture(count, per_token, sizes.intermediate)
    weights = (
        *blocks.norm("input_layernorm", sizes.hidden),
        *blocks.attention(sizes),
        # Every rank holds both norms whole, though it has only its own heads.
        *blocks.norm("self_attn.q_norm", sizes.heads * sizes.head),
        *blocks.norm("self_attn.k_norm", sizes.kv_heads * sizes.head),
        *blocks.norm("post_attention_layernorm", sizes.hidden),
        blocks.router("mlp.gate", sizes.hidden, count),
        *blocks.experts("mlp.experts", ("gate_proj", "up_proj", "down_proj"), mixed, sizes.hidden),
    )
    layers = (Layer(weights, blocks.full_cache(sizes)),) * sizes.layers
    return blocks.model(fields, sizes, layers, family="olmoe", mixture=mixed)


def _twin(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    count, per_token = mixture.twin_width(shape, sizes)
    return {
        **blocks.standard_twin(shape, sizes, ("norm_topk_prob", "clip_qkv")),
        "num_experts": count,
        "num_experts_per_tok": per_token,
    }


OLMOE = Family(_read, _twin)
