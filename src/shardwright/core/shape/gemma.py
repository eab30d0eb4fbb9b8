"""Gemma 1, 2 and 3: tied embeddings, a head size of its own, in the later ones four norms a layer and sliding windows.

Gemma 2 slides in every other layer, Gemma 3 in five of six; Gemma 3 also has norms for queries and keys, and one rotary
table for full layers and one for sliding ones.
Source: the configuration classes of transformers 5.19 and vLLM 0.32 (gemma, gemma2, gemma3).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from shardwright.core.shape import blocks, rotary, windows
from shardwright.core.shape.base import Layer
from shardwright.core.shape.family import Family

if TYPE_CHECKING:
    from shardwright.core.shape.base import ModelShape, Rotary
    from shardwright.core.shape.family import TwinSizes
    from shardwright.core.shape.fields import Fields

__all__ = ["GEMMA", "GEMMA2", "GEMMA3"]

_NAME = "gemma"
_STEPS = {1: None, 2: 2, 3: 6}
_HEAD_SIZE = 256
_DEFAULTS: dict[int, dict[str, object]] = {
    1: {"tie_word_embeddings": True, "head_dim": _HEAD_SIZE, "num_key_value_heads": 16},
    2: {"tie_word_embeddings": True, "head_dim": _HEAD_SIZE, "num_key_value_heads": 4},
    3: {
        "tie_word_embeddings": True,
        "head_dim": _HEAD_SIZE,
        "num_key_value_heads": 4,
        "num_attention_heads": 8,
        "vocab_size": 262_208,
        "max_position_embeddings": 131_072,
    },
}
"""What the configuration classes take for absent fields: the third generation's files leave many out."""


def _read(fields: Fields, *, generation: int) -> ModelShape:
    fields = fields.with_defaults(**_DEFAULTS[generation])
    sizes = blocks.read_sizes(fields)
    kinds = _kinds(fields, sizes, generation)
    tables = _tables(fields, sizes, generation)
    made = {kind: _layer(fields, sizes, kind, generation, tables[kind]) for kind in dict.fromkeys(kinds)}
    return blocks.model(fields, sizes, tuple(made[kind] for kind in kinds), family=_NAME)


def _kinds(fields: Fields, sizes: blocks.Sizes, generation: int) -> tuple[windows.LayerType, ...]:
    step = _STEPS[generation]
    if step is None:
        return (windows.FULL,) * sizes.layers
    if generation == 3:
        step = fields.integer("sliding_window_pattern", "_sliding_window_pattern", default=step)
    return windows.layer_types(fields, sizes.layers, step=step)


def _tables(fields: Fields, sizes: blocks.Sizes, generation: int) -> dict[windows.LayerType, Rotary]:
    """Scaled positions belong to the full layers alone."""
    if generation < 3:
        table = rotary.table(fields, sizes.head, positions=sizes.positions)
        return {windows.FULL: table, windows.SLIDING: table}
    return windows.rotary_tables(fields, sizes.head, sizes.positions)


def _layer(fields: Fields, sizes: blocks.Sizes, kind: windows.LayerType, generation: int, table: Rotary) -> Layer:
    bias = fields.flag("attention_bias", default=False)
    window = fields.integer("sliding_window", default=4096) if kind is windows.SLIDING else None
    inner = ("pre_feedforward_layernorm", "post_feedforward_layernorm") if generation > 1 else ()
    weights = (
        *blocks.norm("input_layernorm", sizes.hidden),
        *blocks.attention(sizes, bias=bias, output_bias=bias, head_norms=generation == 3),
        *blocks.norm("post_attention_layernorm", sizes.hidden),
        *(weight for name in inner for weight in blocks.norm(name, sizes.hidden)),
        *blocks.gated_mlp("mlp", sizes.hidden, sizes.intermediate),
    )
    return Layer(weights, blocks.full_cache(sizes, window), rotary=(table,))


def _twin(shape: ModelShape, sizes: TwinSizes, *, generation: int) -> dict[str, object]:
    """Windows are longer than the twin's positions; which layers have one follows from the family's step again."""
    keys = ("hidden_activation", "query_pre_attn_scalar", "attn_logit_softcapping", "final_logit_softcapping")
    window = {"sliding_window": sizes.max_positions} if generation > 1 else {}
    return {
        **blocks.standard_twin(shape, sizes, keys),
        "tie_word_embeddings": shape.tied_embeddings,
        "head_dim": sizes.head_size,
        "pad_token_id": 0,
        **window,
    }


def _family(generation: int) -> Family:
    return Family(partial(_read, generation=generation), partial(_twin, generation=generation))


GEMMA = _family(1)
GEMMA2 = _family(2)
GEMMA3 = _family(3)
