"""Jamba: Mamba-1 layers with an attention layer in each period, experts in every second perceptron. No positions.

Source: the configuration class of transformers 5.19 and vLLM 0.32 model_executor/models/jamba.py.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.core.shape import blocks, mixture, recurrent
from shardwright.core.shape.base import Layer, Mixture, ModelShape, Weight
from shardwright.core.shape.family import Family

if TYPE_CHECKING:
    from collections.abc import Callable

    from shardwright.core.shape.family import TwinSizes
    from shardwright.core.shape.fields import Fields

__all__ = ["JAMBA"]


def _read(fields: Fields) -> ModelShape:
    sizes = blocks.read_sizes(fields)
    mixed = _mixture(fields, sizes.intermediate)
    mixer, state = recurrent.mamba1("mamba", fields, sizes.hidden)
    before = blocks.norm("input_layernorm", sizes.hidden)
    made: dict[tuple[bool, bool], Layer] = {}
    for sparse in (False, True):
        after = _perceptron(sizes, mixed if sparse else None)
        made[True, sparse] = Layer((*before, *blocks.attention(sizes), *after), blocks.full_cache(sizes), rotary=())
        made[False, sparse] = Layer((*before, *mixer, *after), recurrent.NO_CACHE, state, ())
    attends = _every(fields, "attn", 8, 4)
    sparse_at = _every(fields, "expert", 2, 1)
    layers = tuple(made[attends(index), mixed is not None and sparse_at(index)] for index in range(sizes.layers))
    shape = blocks.model(fields, sizes, layers, family="jamba", mixture=mixed)
    head = (*blocks.norm("model.final_layernorm", sizes.hidden), *shape.head[1:])
    return dataclasses.replace(shape, head=head, rotary_size=0)


def _mixture(fields: Fields, intermediate: int) -> Mixture | None:
    """One expert is no mixture."""
    if fields.integer("num_experts", default=16) == 1:
        return None
    count, per_token = mixture.read_width(fields, "num_experts")
    return Mixture(count, per_token, intermediate)


def _every(fields: Fields, name: str, period: int, offset: int) -> Callable[[int], bool]:
    """Whether a layer is the one of its period."""
    period = fields.integer(f"{name}_layer_period", default=period)
    offset = fields.integer(f"{name}_layer_offset", default=offset, minimum=0)
    return lambda index: index % period == offset


def _perceptron(sizes: blocks.Sizes, mixed: Mixture | None) -> tuple[Weight, ...]:
    norm = blocks.norm("pre_ff_layernorm", sizes.hidden)
    if mixed is None:
        return (*norm, *blocks.gated_mlp("feed_forward", sizes.hidden, sizes.intermediate))
    names = ("gate_proj", "up_proj", "down_proj")
    return (
        *norm,
        blocks.router("feed_forward.router", sizes.hidden, mixed.experts),
        *blocks.experts("feed_forward.experts", names, mixed, sizes.hidden),
    )


def _twin(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    """Recurrent and attention layers take turns; the latter have the experts."""
    count, per_token = mixture.twin_width(shape, sizes)
    return {
        **blocks.standard_twin(shape, sizes),
        "attn_layer_period": 2,
        "attn_layer_offset": 1,
        "expert_layer_period": 2,
        "expert_layer_offset": 1,
        "num_experts": count,
        "num_experts_per_tok": per_token,
        "mamba_d_state": 16,
        "mamba_d_conv": 4,
        "mamba_expand": 2,
        "mamba_dt_rank": 16,
    }


JAMBA = Family(_read, _twin)
