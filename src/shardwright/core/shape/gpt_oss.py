"""GPT-OSS: biases everywhere, a sink a head, every second layer with a sliding window, all experts in two tensors.

Source: the configuration class of transformers 5.19 and vLLM 0.32 model_executor/models/gpt_oss.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.shape import blocks, mixture, rotary
from shardwright.core.shape.base import Layer, Mixture, ModelShape, Split, Weight
from shardwright.core.shape.family import Family

if TYPE_CHECKING:
    from shardwright.core.shape.family import TwinSizes
    from shardwright.core.shape.fields import Fields

__all__ = ["GPT_OSS"]


def _read(fields: Fields) -> ModelShape:
    sizes = blocks.read_sizes(fields)
    count, per_token = mixture.read_width(fields, "num_local_experts", "num_experts")
    mixed = Mixture(count, per_token, sizes.intermediate)
    weights = (
        *blocks.norm("input_layernorm", sizes.hidden),
        *blocks.attention(sizes, bias=True, output_bias=True),
        Weight("self_attn.sinks", sizes.heads, 1, Split.TENSOR),
        *blocks.norm("post_attention_layernorm", sizes.hidden),
        blocks.router("mlp.router", sizes.hidden, count),
        Weight("mlp.router.bias", count, 1, Split.NONE),
        *_experts(mixed, sizes.hidden),
    )
    tables = (rotary.table(fields, sizes.head, positions=sizes.positions, element_bytes=4.0),)
    window = Layer(weights, blocks.full_cache(sizes, fields.integer("sliding_window")), rotary=tables)
    full = Layer(weights, blocks.full_cache(sizes), rotary=tables)
    layers = tuple(full if layer % 2 else window for layer in range(sizes.layers))
    return blocks.model(fields, sizes, layers, family="gpt-oss", mixture=mixed)


def _experts(mixed: Mixture, hidden: int) -> tuple[Weight, ...]:
    """What comes out of the down projection adds up over ranks: each holds its bias whole."""
    count, width = mixed.experts, mixed.intermediate_size
    return (
        Weight("mlp.experts.gate_up_proj", count * hidden, 2 * width, Split.EXPERTS),
        Weight("mlp.experts.gate_up_proj_bias", count, 2 * width, Split.EXPERTS, fixed=True),
        Weight("mlp.experts.down_proj", count * width, hidden, Split.EXPERTS),
        Weight("mlp.experts.down_proj_bias", count, hidden, Split.EXPERTS_WHOLE, fixed=True),
    )


def _twin(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    """Its yarn stretches half of its positions to all of them."""
    count, per_token = mixture.twin_width(shape, sizes)
    yarn = {"rope_type": "yarn", "factor": 2.0, "beta_fast": 32.0, "beta_slow": 1.0, "truncate": False}
    return {
        **blocks.standard_twin(shape, sizes, ("sliding_window", "swiglu_limit")),
        "head_dim": sizes.head_size,
        "num_local_experts": count,
        "num_experts_per_tok": per_token,
        "rope_theta": 150000,
        "rope_scaling": {**yarn, "original_max_position_embeddings": sizes.max_positions // 2},
    }


GPT_OSS = Family(_read, _twin)
