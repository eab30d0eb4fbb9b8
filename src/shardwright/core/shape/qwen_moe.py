"""Qwen2 and Qwen3 mixtures of experts: some layers may stay dense; Qwen2's tokens all pass one shared expert as well.

Source: the configuration classes of transformers 5.19 and vLLM 0.32 model_executor/models/qwen2_moe.py, qwen3_moe.py.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from shardwright.core.shape import blocks, mixture
from shardwright.core.shape.base import Layer, Mixture, ModelShape, Weight
from shardwright.core.shape.family import Family

if TYPE_CHECKING:
    from shardwright.core.shape.family import TwinSizes
    from shardwright.core.shape.fields import Fields

__all__ = ["QWEN2_MOE", "QWEN3_MOE", "expert_weights", "read_mixture", "sparse_layers"]


def _read(fields: Fields, *, second: bool) -> ModelShape:
    sizes = blocks.read_sizes(fields)
    mixed = read_mixture(fields, shared=second)
    bias = fields.flag("qkv_bias" if second else "attention_bias", default=second)
    attention = blocks.attention(sizes, bias=bias, output_bias=bias and not second, head_norms=not second)
    cache = blocks.full_cache(sizes)
    before = (*blocks.norm("input_layernorm", sizes.hidden), *attention)
    after = blocks.norm("post_attention_layernorm", sizes.hidden)
    dense = Layer((*before, *after, *blocks.gated_mlp("mlp", sizes.hidden, sizes.intermediate)), cache)
    sparse = Layer((*before, *after, *expert_weights(mixed, sizes.hidden)), cache)
    layers = tuple(sparse if chosen else dense for chosen in sparse_layers(fields, sizes.layers))
    return blocks.model(fields, sizes, layers, family="qwen-moe", mixture=mixed)


def read_mixture(fields: Fields, *, shared: bool = True) -> Mixture:
    """Routed experts, and the width of the shared one, which must be given where `shared`."""
    count, per_token = mixture.read_width(fields, "num_experts", "num_local_experts")
    shared_size = fields.integer("shared_expert_intermediate_size", default=None if shared else 0, minimum=0)
    return Mixture(count, per_token, fields.integer("moe_intermediate_size"), shared_size)


def sparse_layers(fields: Fields, layers: int) -> list[bool]:
    """Which layers have experts."""
    dense = set(fields.integers("mlp_only_layers"))
    step = fields.integer("decoder_sparse_step", default=1)
    return [layer not in dense and (layer + 1) % step == 0 for layer in range(layers)]


def expert_weights(mixed: Mixture, hidden: int) -> tuple[Weight, ...]:
    """The router, the routed experts, and the shared one with its gate."""
    routed = (
        blocks.router("mlp.gate", hidden, mixed.experts),
        *blocks.experts("mlp.experts", ("gate_proj", "up_proj", "down_proj"), mixed, hidden),
    )
    if not mixed.shared_intermediate_size:
        return routed
    shared = blocks.gated_mlp("mlp.shared_expert", hidden, mixed.shared_intermediate_size)
    return (*routed, *shared, blocks.router("mlp.shared_expert_gate", hidden, 1))


def _twin(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    """Every layer of the twin is a mixture."""
    count, per_token = mixture.twin_width(shape, sizes)
    has_shared = shape.mixture is not None and shape.mixture.shared_intermediate_size > 0
    return {
        **blocks.standard_twin(shape, sizes, ("norm_topk_prob", "qkv_bias")),
        "head_dim": sizes.head_size,
        "num_experts": count,
        "num_experts_per_tok": per_token,
        "moe_intermediate_size": sizes.intermediate_size,
        "shared_expert_intermediate_size": sizes.intermediate_size if has_shared else 0,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
    }


QWEN2_MOE = Family(partial(_read, second=True), _twin)
QWEN3_MOE = Family(partial(_read, second=False), _twin)
