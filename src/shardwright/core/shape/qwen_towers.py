"""Qwen's vision transformers: patches of several frames, rotary positions, and a merger that joins neighbouring patches.

Source: the configuration classes of transformers 5.19 and vLLM 0.32 (qwen2_vl, qwen2_5_vl, qwen3_vl).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.shape import blocks
from shardwright.core.shape.base import Split, Weight
from shardwright.core.shape.fields import MAX_LAYERS

if TYPE_CHECKING:
    from shardwright.core.shape.fields import Fields

__all__ = ["qwen2", "qwen3", "qwen25"]

_POSITIONS = 8192
"""Rows of the rotary table, whatever the images."""


def qwen2(vision: Fields, prefix: str) -> tuple[Weight, ...]:
    """LayerNorms and a plain perceptron; `hidden_size` is that of the language model."""
    width = vision.integer("embed_dim", default=1280)
    inner = width * vision.integer("mlp_ratio", default=4, maximum=64)
    wide = width * _merged(vision)
    return (
        *_patches(vision, prefix, width, patch=14, bias=False),
        *(
            weight
            for layer in _layers(vision, prefix, default=32)
            for weight in (
                *_attention(layer, width, norm_bias=True),
                *blocks.plain_mlp(f"{layer}mlp", ("fc1", "fc2"), width, inner, bias=True),
            )
        ),
        *blocks.norm(f"{prefix}merger.ln_q", width, bias=True),
        *_merger(f"{prefix}merger.", ("mlp.0", "mlp.2"), wide, vision.integer("hidden_size", default=3584)),
        _table(vision, prefix, width),
    )


def qwen25(vision: Fields, prefix: str) -> tuple[Weight, ...]:
    """RMS norms and a gated perceptron."""
    width = vision.integer("hidden_size", default=3584)
    inner = vision.integer("intermediate_size", default=3420)
    wide = width * _merged(vision)
    return (
        *_patches(vision, prefix, width, patch=14, bias=False),
        *(
            weight
            for layer in _layers(vision, prefix, default=32)
            for weight in (
                *_attention(layer, width, norm_bias=False),
                *blocks.gated_mlp(f"{layer}mlp", width, inner, bias=True),
            )
        ),
        *blocks.norm(f"{prefix}merger.ln_q", width),
        *_merger(f"{prefix}merger.", ("mlp.0", "mlp.2"), wide, vision.integer("out_hidden_size", default=3584)),
        _table(vision, prefix, width),
    )


def qwen3(vision: Fields, prefix: str) -> tuple[Weight, ...]:
    """Positions that are learnt as well, and further mergers whose output goes into the first language layers."""
    width = vision.integer("hidden_size", default=1152)
    inner = vision.integer("intermediate_size", default=4304)
    output = vision.integer("out_hidden_size", default=3584)
    wide, names = width * _merged(vision), ("linear_fc1", "linear_fc2")
    deep = len(vision.integers("deepstack_visual_indexes") or (8, 16, 24))
    return (
        *_patches(vision, prefix, width, patch=16, bias=True),
        Weight(f"{prefix}pos_embed.weight", vision.integer("num_position_embeddings", default=2304), width, Split.NONE),
        *(
            weight
            for layer in _layers(vision, prefix, default=27)
            for weight in (
                *_attention(layer, width, norm_bias=True),
                *blocks.plain_mlp(f"{layer}mlp", names, width, inner, bias=True),
            )
        ),
        *blocks.norm(f"{prefix}merger.norm", width, bias=True),
        *_merger(f"{prefix}merger.", names, wide, output),
        *(
            weight
            for index in range(deep)
            for weight in _deep_merger(f"{prefix}deepstack_merger_list.{index}.", wide, output)
        ),
        _table(vision, prefix, width),
    )


def _deep_merger(prefix: str, wide: int, output: int) -> tuple[Weight, ...]:
    return (
        *blocks.norm(f"{prefix}norm", wide, bias=True),
        *_merger(prefix, ("linear_fc1", "linear_fc2"), wide, output),
    )


def _patches(vision: Fields, prefix: str, width: int, *, patch: int, bias: bool) -> tuple[Weight, ...]:
    frames = vision.integer("temporal_patch_size", default=2)
    inputs = (
        vision.integer("in_channels", "in_chans", default=3) * frames * vision.integer("patch_size", default=patch) ** 2
    )
    return blocks.linear(f"{prefix}patch_embed.proj", width, inputs, split=Split.NONE, bias=bias)


def _layers(vision: Fields, prefix: str, *, default: int) -> list[str]:
    count = vision.integer("depth", default=default, maximum=MAX_LAYERS)
    return [f"{prefix}blocks.{index}." for index in range(count)]


def _attention(prefix: str, width: int, *, norm_bias: bool) -> tuple[Weight, ...]:
    return (
        *blocks.norm(f"{prefix}norm1", width, bias=norm_bias),
        *blocks.norm(f"{prefix}norm2", width, bias=norm_bias),
        *blocks.linear(f"{prefix}attn.qkv", 3 * width, width, split=Split.TENSOR, bias=True),
        *blocks.linear(f"{prefix}attn.proj", width, width, split=Split.TENSOR, bias=True, bias_split=Split.NONE),
    )


def _merged(vision: Fields) -> int:
    """Patches that the merger joins."""
    return vision.integer("spatial_merge_size", default=2, maximum=64) ** 2


def _merger(prefix: str, names: tuple[str, str], wide: int, output: int) -> tuple[Weight, ...]:
    inner, outer = (f"{prefix}{name}" for name in names)
    return (
        *blocks.linear(inner, wide, wide, split=Split.TENSOR, bias=True),
        *blocks.linear(outer, output, wide, split=Split.TENSOR, bias=True, bias_split=Split.NONE),
    )


def _table(vision: Fields, prefix: str, width: int) -> Weight:
    """Half of a head is rotated."""
    heads = vision.integer("num_heads", default=16)
    if width % heads:
        raise vision.fault("num_heads", f"{heads} does not divide the width, {width}")
    return Weight(f"{prefix}rotary_pos_emb", _POSITIONS, width // heads // 2, Split.NONE, auxiliary=True)
