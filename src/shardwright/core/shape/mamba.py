"""Mamba-2 alone: every layer is recurrent, there is no attention and no KV cache.

Source: the configuration class of transformers 5.19 and vLLM 0.32 model_executor/models/mamba2.py.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.core.shape import blocks, recurrent
from shardwright.core.shape.base import Layer, ModelShape, Split, Weight
from shardwright.core.shape.family import Family
from shardwright.core.shape.fields import MAX_LAYERS, MAX_POSITIONS

if TYPE_CHECKING:
    from shardwright.core.shape.family import TwinSizes
    from shardwright.core.shape.fields import Fields

__all__ = ["MAMBA2"]

_DEFAULT_POSITIONS = 2048
"""What vLLM takes where a configuration names no limit (0.32, config/model.py)."""


def _read(fields: Fields) -> ModelShape:
    mamba = _mamba(fields)
    sizes = _sizes(fields, mamba)
    weights = (*blocks.norm("norm", sizes.hidden), *mamba.weights("mixer", sizes.hidden))
    tied = fields.flag("tie_word_embeddings", default=False)
    head = blocks.norm("backbone.norm_f", sizes.hidden)
    output = Weight("lm_head.weight", sizes.vocabulary, sizes.hidden, Split.VOCABULARY)
    return dataclasses.replace(
        blocks.skeleton(fields, sizes, "mamba"),
        tied_embeddings=tied,
        rotary_size=0,
        embedding=(Weight("backbone.embeddings.weight", sizes.vocabulary, sizes.hidden, Split.VOCABULARY),),
        layers=(Layer(weights, recurrent.NO_CACHE, mamba.state, ()),) * sizes.layers,
        head=head if tied else (*head, output),
        layer_prefix="backbone.layers.",
    )


def _mamba(fields: Fields) -> recurrent.Mamba2:
    return recurrent.Mamba2(
        heads=fields.integer("num_heads"),
        head_size=fields.integer("head_dim"),
        groups=fields.integer("n_groups", default=1),
        state_size=fields.integer("state_size"),
        kernel=fields.integer("conv_kernel", default=4, minimum=2),
        convolution_bias=fields.flag("use_conv_bias", default=True),
        projection_bias=fields.flag("use_bias", default=False),
        gated_norm=fields.flag("rms_norm", default=True),
        state_bytes=recurrent.state_bytes(fields),
    )


def _sizes(fields: Fields, mamba: recurrent.Mamba2) -> blocks.Sizes:
    return blocks.Sizes(
        hidden=fields.integer("hidden_size"),
        layers=fields.integer("num_hidden_layers", maximum=MAX_LAYERS),
        heads=mamba.heads,
        kv_heads=mamba.heads,
        head=mamba.head_size,
        intermediate=mamba.inner,
        vocabulary=fields.integer("vocab_size"),
        positions=fields.integer("max_position_embeddings", default=_DEFAULT_POSITIONS, maximum=MAX_POSITIONS),
    )


def _twin(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    return {
        **blocks.kept(shape, ("hidden_act", "use_bias", "use_conv_bias", "rms_norm", "tie_word_embeddings")),
        "hidden_size": sizes.hidden_size,
        "num_hidden_layers": sizes.layers,
        "num_heads": sizes.heads,
        "head_dim": 2 * sizes.head_size,
        "expand": 2,
        "n_groups": 1,
        "state_size": 16,
        "conv_kernel": 4,
        "vocab_size": sizes.vocabulary_size,
        "max_position_embeddings": sizes.max_positions,
    }


MAMBA2 = Family(_read, _twin)
