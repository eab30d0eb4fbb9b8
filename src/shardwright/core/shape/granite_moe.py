"""Granite mixtures of experts: three matrices hold all experts of a layer; some have a shared perceptron beside them.

Source: the configuration classes of transformers 5.19 and vLLM 0.32 model_executor/models/granitemoe.py,
granitemoeshared.py, granitemoehybrid.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.shape import blocks, mixture
from shardwright.core.shape.base import Layer, Mixture, ModelShape, Split, Weight
from shardwright.core.shape.family import Family

if TYPE_CHECKING:
    from shardwright.core.shape.family import TwinSizes
    from shardwright.core.shape.fields import Fields

__all__ = ["GRANITE_MOE", "MULTIPLIERS", "perceptrons", "read_mixture", "twin_mixture"]

MULTIPLIERS = (
    "embedding_multiplier",
    "logits_scaling",
    "residual_multiplier",
    "attention_multiplier",
    "normalization_function",
)


def _read(fields: Fields) -> ModelShape:
    sizes = blocks.read_sizes(fields)
    mixed = read_mixture(fields, sizes.intermediate)
    bias = fields.flag("attention_bias", default=False)
    weights = (
        *blocks.norm("input_layernorm", sizes.hidden),
        *blocks.attention(sizes, bias=bias, output_bias=bias),
        *blocks.norm("post_attention_layernorm", sizes.hidden),
        *perceptrons(mixed, sizes.hidden),
    )
    layers = (Layer(weights, blocks.full_cache(sizes)),) * sizes.layers
    return blocks.model(fields, sizes, layers, family="granite-moe", mixture=mixed)


def read_mixture(fields: Fields, intermediate: int) -> Mixture:
    """Routed experts as wide as `intermediate`, and the shared perceptron where there is one."""
    count, per_token = mixture.read_width(fields, "num_local_experts")
    return Mixture(count, per_token, intermediate, fields.integer("shared_intermediate_size", default=0, minimum=0))


def perceptrons(mixed: Mixture, hidden: int) -> tuple[Weight, ...]:
    """The router, all experts in two tensors, and the shared perceptron."""
    wide = mixed.experts * mixed.intermediate_size
    routed = (
        blocks.router("block_sparse_moe.router.layer", hidden, mixed.experts),
        Weight("block_sparse_moe.input_linear.weight", 2 * wide, hidden, Split.EXPERTS),
        Weight("block_sparse_moe.output_linear.weight", mixed.experts * hidden, mixed.intermediate_size, Split.EXPERTS),
    )
    return (*routed, *shared(mixed.shared_intermediate_size, hidden)) if mixed.shared_intermediate_size else routed


def shared(width: int, hidden: int) -> tuple[Weight, ...]:
    """A gated perceptron whose gate and up projections are one tensor."""
    return (
        Weight("shared_mlp.input_linear.weight", 2 * width, hidden, Split.TENSOR),
        Weight("shared_mlp.output_linear.weight", hidden, width, Split.TENSOR),
    )


def twin_mixture(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    """The mixture of a twin."""
    count, per_token = mixture.twin_width(shape, sizes)
    has_shared = shape.mixture is not None and shape.mixture.shared_intermediate_size > 0
    return {
        "num_local_experts": count,
        "num_experts_per_tok": per_token,
        **({"shared_intermediate_size": sizes.intermediate_size} if has_shared else {}),
    }


def _twin(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    return {**blocks.standard_twin(shape, sizes, MULTIPLIERS), **twin_mixture(shape, sizes)}


GRANITE_MOE = Family(_read, _twin)
