"""Granite 4 and Bamba: Mamba-2 layers with an attention layer now and then, a perceptron behind each.

Granite's perceptrons are a shared one, with experts beside it where there are any; Bamba's are gated ones.
Source: the configuration classes of transformers 5.19, vLLM 0.32 model_executor/models/granitemoehybrid.py, and vLLM 0.10
model_executor/models/bamba.py (later releases have no Bamba).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.core.shape import blocks, granite_moe, recurrent, rotary
from shardwright.core.shape.base import Layer, Mixture, ModelShape, Weight
from shardwright.core.shape.family import Family

if TYPE_CHECKING:
    from shardwright.core.shape.family import TwinSizes
    from shardwright.core.shape.fields import Fields

__all__ = ["BAMBA", "GRANITE_HYBRID"]

_NAME = "granite-hybrid"


def _read_granite(fields: Fields) -> ModelShape:
    sizes = blocks.read_sizes(fields)
    mixed = granite_moe.read_mixture(fields, sizes.intermediate) if _has_experts(fields) else None
    attends = _attention_layers(fields, sizes.layers)
    after = (*blocks.norm("post_attention_layernorm", sizes.hidden), *_granite_perceptron(fields, sizes, mixed))
    has_rotary = fields.text("position_embedding_type", default="nope") == "rope"
    tables = (rotary.table(fields, sizes.head, positions=sizes.positions),) if has_rotary else ()
    bias = fields.flag("attention_bias", default=False)
    before = blocks.norm("input_layernorm", sizes.hidden)
    attention = (*before, *blocks.attention(sizes, bias=bias, output_bias=bias), *after)
    mamba = recurrent.read_mamba2(fields, sizes.hidden)
    full = Layer(attention, blocks.full_cache(sizes), rotary=tables)
    linear = Layer((*before, *mamba.weights("mamba", sizes.hidden), *after), recurrent.NO_CACHE, mamba.state, ())
    layers = tuple(full if attends[index] else linear for index in range(sizes.layers))
    shape = blocks.model(fields, sizes, layers, family=_NAME, mixture=mixed)
    return shape if has_rotary else dataclasses.replace(shape, rotary_size=0)


def _has_experts(fields: Fields) -> bool:
    return fields.integer("num_local_experts", default=0, minimum=0) > 0


def _attention_layers(fields: Fields, layers: int) -> list[bool]:
    """By `layer_types` or `layers_block_type`, one entry a layer."""
    for key in ("layer_types", "layers_block_type"):
        kinds = fields.texts(key)
        if kinds and len(kinds) < layers:
            raise fields.fault(key, f"has {len(kinds)} entries for {layers} layers")
        if kinds:
            return ["attention" in kind and "linear" not in kind for kind in kinds[:layers]]
    chosen = set(fields.integers("attn_layer_indices"))
    return [index in chosen for index in range(layers)]


def _granite_perceptron(fields: Fields, sizes: blocks.Sizes, mixed: Mixture | None) -> tuple[Weight, ...]:
    if mixed is not None:
        return granite_moe.perceptrons(mixed, sizes.hidden)
    return granite_moe.shared(fields.integer("shared_intermediate_size"), sizes.hidden)


def _read_bamba(fields: Fields) -> ModelShape:
    sizes = blocks.read_sizes(fields)
    attends = _attention_layers(fields, sizes.layers)
    before = blocks.norm("input_layernorm", sizes.hidden)
    after = (
        *blocks.norm("pre_ff_layernorm", sizes.hidden),
        *blocks.gated_mlp("feed_forward", sizes.hidden, sizes.intermediate),
    )
    partial = min(1.0, fields.integer("attn_rotary_emb", default=sizes.head) / sizes.head)
    table = rotary.table(fields, sizes.head, positions=sizes.positions, partial=partial)
    mamba = recurrent.read_mamba2(fields, sizes.hidden)
    full = Layer((*before, *blocks.attention(sizes), *after), blocks.full_cache(sizes), rotary=(table,))
    linear = Layer((*before, *mamba.weights("mamba", sizes.hidden), *after), recurrent.NO_CACHE, mamba.state, ())
    layers = tuple(full if attends[index] else linear for index in range(sizes.layers))
    shape = blocks.model(fields, sizes, layers, family=_NAME)
    head = (*blocks.norm("model.final_layernorm", sizes.hidden), *shape.head[1:])
    return dataclasses.replace(shape, head=head, rotary_size=table.size, bound=blocks.UNCHECKED)


def _twin_granite(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    """Every second layer is recurrent, so that each stage has both kinds."""
    perceptron: dict[str, object] = {"num_local_experts": 0, "shared_intermediate_size": sizes.intermediate_size}
    kinds = [("attention" if index % 2 else "mamba") for index in range(sizes.layers)]
    return {
        **blocks.standard_twin(shape, sizes, (*granite_moe.MULTIPLIERS, "position_embedding_type")),
        **(granite_moe.twin_mixture(shape, sizes) if shape.mixture else perceptron),
        **recurrent.twin_mamba2(sizes.hidden_size, sizes.heads),
        "layer_types": kinds,
        "layers_block_type": kinds,
    }


def _twin_bamba(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    return {
        **blocks.standard_twin(shape, sizes),
        **recurrent.twin_mamba2(sizes.hidden_size, sizes.heads),
        "attn_rotary_emb": sizes.head_size // 2,
        "attn_layer_indices": list(range(1, sizes.layers, 2)),
    }


GRANITE_HYBRID = Family(_read_granite, _twin_granite)
BAMBA = Family(_read_bamba, _twin_bamba)
