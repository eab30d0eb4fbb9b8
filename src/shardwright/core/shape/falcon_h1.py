"""Falcon-H1: attention and Mamba-2 side by side in every layer, one gated perceptron behind both.

Source: the configuration class of transformers 5.19 and vLLM 0.32 model_executor/models/falcon_h1.py.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.core.shape import blocks, recurrent
from shardwright.core.shape.base import Layer, ModelShape
from shardwright.core.shape.family import Family

if TYPE_CHECKING:
    from shardwright.core.shape.family import TwinSizes
    from shardwright.core.shape.fields import Fields

__all__ = ["FALCON_H1"]

_MULTIPLIERS = (
    "attention_in_multiplier",
    "attention_out_multiplier",
    "embedding_multiplier",
    "key_multiplier",
    "lm_head_multiplier",
    "mlp_multipliers",
    "ssm_in_multiplier",
    "ssm_multipliers",
    "ssm_out_multiplier",
)


def _read(fields: Fields) -> ModelShape:
    sizes = blocks.read_sizes(fields)
    has_norm = fields.flag("mamba_rms_norm", default=False)
    mamba = dataclasses.replace(recurrent.read_mamba2(fields, sizes.hidden), gated_norm=has_norm)
    mlp_bias = fields.flag("mlp_bias", default=False)
    weights = (
        *blocks.norm("input_layernorm", sizes.hidden),
        *blocks.attention(sizes),
        *mamba.weights("mamba", sizes.hidden),
        *mamba.scales("mamba.mup_vector"),
        *blocks.norm("pre_ff_layernorm", sizes.hidden),
        *blocks.gated_mlp("feed_forward", sizes.hidden, sizes.intermediate, bias=mlp_bias),
    )
    layers = (Layer(weights, blocks.full_cache(sizes), mamba.state),) * sizes.layers
    shape = blocks.model(fields, sizes, layers, family="falcon-h1")
    return dataclasses.replace(shape, head=(*blocks.norm("model.final_layernorm", sizes.hidden), *shape.head[1:]))


def _twin(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    return {
        **blocks.standard_twin(shape, sizes, (*_MULTIPLIERS, "mamba_rms_norm", "mamba_norm_before_gate")),
        **recurrent.twin_mamba2(sizes.hidden_size, sizes.heads),
        "head_dim": sizes.head_size,
    }


FALCON_H1 = Family(_read, _twin)
