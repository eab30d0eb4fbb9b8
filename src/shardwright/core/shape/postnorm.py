"""Dense decoders that normalize what a sublayer gives: OLMo 2 and 3, EXAONE 4, GLM 4; and GLM, GLM 4's plain relative.

OLMo's norms of queries and keys span all heads and are whole on every rank. GLM's gate and up projection are one tensor.
Source: the configuration classes of transformers 5.19 and vLLM 0.32 (exaone4, glm4, transformers backend), 0.24 (olmo2).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from shardwright.core.shape import blocks, windows
from shardwright.core.shape.base import Layer, Split
from shardwright.core.shape.family import Family

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.shape.base import ModelShape, Rotary, Weight
    from shardwright.core.shape.family import TwinSizes
    from shardwright.core.shape.fields import Fields

__all__ = ["EXAONE4", "GLM", "GLM4", "OLMO2", "OLMO3"]

_AFTER = ("post_attention_layernorm", "post_feedforward_layernorm")


def _read_olmo(fields: Fields, *, step: int | None) -> ModelShape:
    sizes = blocks.read_sizes(fields, kv_heads_default=True)
    bias = fields.flag("attention_bias", default=False)
    weights = (
        *blocks.attention(sizes, bias=bias, output_bias=bias),
        *blocks.norm("self_attn.q_norm", sizes.heads * sizes.head),
        *blocks.norm("self_attn.k_norm", sizes.kv_heads * sizes.head),
        *_norms(sizes, _AFTER),
        *blocks.gated_mlp("mlp", sizes.hidden, sizes.intermediate),
    )
    kinds = windows.layer_types(fields, sizes.layers, step=step)
    tables = windows.rotary_tables(fields, sizes.head, sizes.positions) if step else {}
    return blocks.model(fields, sizes, _windowed(fields, sizes, weights, kinds, tables), family="olmo")


def _read_exaone4(fields: Fields) -> ModelShape:
    sizes = blocks.read_sizes(fields)
    weights = (
        *blocks.attention(sizes, head_norms=True),
        *_norms(sizes, _AFTER),
        *blocks.gated_mlp("mlp", sizes.hidden, sizes.intermediate),
    )
    return blocks.model(
        fields, sizes, _windowed(fields, sizes, weights, _exaone_kinds(fields, sizes), {}), family="exaone"
    )


def _exaone_kinds(fields: Fields, sizes: blocks.Sizes) -> tuple[windows.LayerType, ...]:
    """The step is a number, or a text like `LLLG`; the last layer is always full."""
    pattern = fields.values.get("sliding_window_pattern", 4)
    if isinstance(pattern, str):
        step: int | None = len(pattern) or None
    else:
        step = fields.integer("sliding_window_pattern", default=4, minimum=0) or None
    if "sliding_window" in fields.values and fields.values["sliding_window"] is None:
        step = None
    kinds = windows.layer_types(fields, sizes.layers, step=step)
    return kinds if fields.texts("layer_types") else (*kinds[:-1], windows.FULL)


def _windowed(
    fields: Fields,
    sizes: blocks.Sizes,
    weights: tuple[Weight, ...],
    kinds: tuple[windows.LayerType, ...],
    tables: Mapping[windows.LayerType, Rotary],
) -> tuple[Layer, ...]:
    """Layers of both kinds; each with its own rotary table, or all with the model's where there are none."""
    made: dict[windows.LayerType, Layer] = {}
    for kind in dict.fromkeys(kinds):
        window = fields.integer("sliding_window", default=4096) if kind is windows.SLIDING else None
        table = tables.get(kind)
        made[kind] = Layer(weights, blocks.full_cache(sizes, window), rotary=(table,) if table else None)
    return tuple(made[kind] for kind in kinds)


def _norms(sizes: blocks.Sizes, names: tuple[str, ...]) -> tuple[Weight, ...]:
    return tuple(weight for name in names for weight in blocks.norm(name, sizes.hidden))


def _read_glm(fields: Fields, *, after: tuple[str, ...]) -> ModelShape:
    fields = fields.with_defaults(head_dim=128, num_key_value_heads=2, partial_rotary_factor=0.5)
    sizes = blocks.read_sizes(fields)
    names = ("input_layernorm", "post_attention_layernorm", *after)
    weights = (
        *blocks.attention(sizes, bias=fields.flag("attention_bias", default=True)),
        *_norms(sizes, names),
        *blocks.linear("mlp.gate_up_proj", 2 * sizes.intermediate, sizes.hidden, split=Split.TENSOR),
        *blocks.linear("mlp.down_proj", sizes.hidden, sizes.intermediate, split=Split.TENSOR),
    )
    layer = Layer(weights, blocks.full_cache(sizes))
    return blocks.model(fields, sizes, (layer,) * sizes.layers, family="glm")


def _twin(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    """Windows are as long as the twin's positions: none would ever slide."""
    keys = ("partial_rotary_factor", "sliding_window_pattern")
    slides = any(layer.cache.window_tokens for layer in shape.layers)
    return {
        **blocks.standard_twin(shape, sizes, keys),
        "head_dim": sizes.head_size,
        "pad_token_id": 0,
        "sliding_window": sizes.max_positions if slides else None,
    }


OLMO2 = Family(partial(_read_olmo, step=None), _twin)
OLMO3 = Family(partial(_read_olmo, step=4), _twin)
EXAONE4 = Family(_read_exaone4, _twin)
GLM = Family(partial(_read_glm, after=()), _twin)
GLM4 = Family(partial(_read_glm, after=("post_self_attn_layernorm", "post_mlp_layernorm")), _twin)
