"""Vision transformers that stand before language models: SigLIP, CLIP and Pixtral.

What has values but is in no checkpoint (positions as numbers, frequencies) is `auxiliary`. Projections are divided over
ranks, what takes in patches and adds positions is not.
Source: the configuration classes of transformers 5.19 and vLLM 0.32 (siglip, clip, pixtral, llava).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.shape import blocks
from shardwright.core.shape.base import Split, Weight
from shardwright.core.shape.fields import MAX_LAYERS

if TYPE_CHECKING:
    from shardwright.core.shape.fields import Fields

__all__ = ["clip", "pixtral", "siglip"]

_POSITION_BYTES = 8.0
_FREQUENCY_BYTES = 4.0
_OF_PATCHES = 1024
"""Patches of one side that are believed; more would be no image."""


def siglip(vision: Fields, *, prefix: str, layers: int | None = None, last_norm: bool = True) -> tuple[Weight, ...]:
    """SigLIP's tower, or only its first `layers`."""
    hidden, count = vision.integer("hidden_size"), _side(vision, 16) ** 2
    return (
        *_embeddings(vision, prefix, hidden, count, patch=16, bias=True),
        *_encoder(vision, prefix, layers),
        *(blocks.norm(f"{prefix}post_layernorm", hidden, bias=True) if last_norm else ()),
    )


def clip(vision: Fields, *, prefix: str, layers: int | None = None, last_norm: bool = True) -> tuple[Weight, ...]:
    """CLIP's tower, which has a norm before its layers and one position more, that of the class."""
    hidden, count = vision.integer("hidden_size", default=768), _side(vision, 32) ** 2 + 1
    return (
        Weight(f"{prefix}embeddings.class_embedding", hidden, 1, Split.NONE),
        *_embeddings(vision, prefix, hidden, count, patch=32, bias=False),
        *blocks.norm(f"{prefix}pre_layrnorm", hidden, bias=True),
        *_encoder(vision, prefix, layers),
        *(blocks.norm(f"{prefix}post_layernorm", hidden, bias=True) if last_norm else ()),
    )


def pixtral(vision: Fields, *, prefix: str, layers: int | None = None) -> tuple[Weight, ...]:
    """Pixtral's tower: RMS norms, a gated perceptron, rotary positions."""
    hidden, heads = vision.integer("hidden_size", default=1024), vision.integer("num_attention_heads", default=16)
    width = vision.integer("intermediate_size", default=4096)
    head = vision.integer("head_dim", default=max(hidden // heads, 1))
    count = vision.integer("num_hidden_layers", default=24, maximum=MAX_LAYERS) if layers is None else layers
    inputs = vision.integer("num_channels", default=3) * vision.integer("patch_size", default=16) ** 2
    return (
        Weight(f"{prefix}patch_conv.weight", hidden, inputs, Split.NONE),
        *blocks.norm(f"{prefix}ln_pre", hidden),
        *(
            weight
            for index in range(count)
            for weight in _pixtral_layer(f"{prefix}transformer.layers.{index}.", hidden, width)
        ),
        Weight(
            f"{prefix}patch_positional_embedding", head, 1, Split.NONE, element_bytes=_FREQUENCY_BYTES, auxiliary=True
        ),
    )


def _pixtral_layer(prefix: str, hidden: int, width: int) -> tuple[Weight, ...]:
    return (
        *blocks.norm(f"{prefix}attention_norm", hidden),
        *_projections(f"{prefix}attention.", ("q_proj", "k_proj", "v_proj", "o_proj"), hidden, bias=False),
        *blocks.gated_mlp(f"{prefix}feed_forward", hidden, width),
        *blocks.norm(f"{prefix}ffn_norm", hidden),
    )


def _side(vision: Fields, patch: int) -> int:
    """Patches along one side of an image; `patch` is what their size is where it is not said."""
    count = vision.integer("image_size", default=224) // vision.integer("patch_size", default=patch)
    if not 1 <= count <= _OF_PATCHES:
        raise vision.fault("image_size", f"it is {count} times patch_size; 1 to {_OF_PATCHES} times is")
    return count


def _patches(vision: Fields, name: str, hidden: int, *, patch: int, bias: bool) -> tuple[Weight, ...]:
    """What takes in the pixels of a patch, whole on every rank."""
    inputs = vision.integer("num_channels", default=3) * vision.integer("patch_size", default=patch) ** 2
    return blocks.linear(name, hidden, inputs, split=Split.NONE, bias=bias)


def _projections(prefix: str, names: tuple[str, str, str, str], hidden: int, *, bias: bool) -> tuple[Weight, ...]:
    """Queries, keys, values and output of an attention with as many KV heads as heads."""
    *inner, output = names
    return (
        *(
            weight
            for name in inner
            for weight in blocks.linear(f"{prefix}{name}", hidden, hidden, split=Split.TENSOR, bias=bias)
        ),
        *blocks.linear(f"{prefix}{output}", hidden, hidden, split=Split.TENSOR, bias=bias, bias_split=Split.NONE),
    )


def _embeddings(vision: Fields, prefix: str, hidden: int, count: int, *, patch: int, bias: bool) -> tuple[Weight, ...]:
    return (
        *_patches(vision, f"{prefix}embeddings.patch_embedding", hidden, patch=patch, bias=bias),
        Weight(f"{prefix}embeddings.position_embedding.weight", count, hidden, Split.NONE),
        Weight(f"{prefix}embeddings.position_ids", count, 1, Split.NONE, element_bytes=_POSITION_BYTES, auxiliary=True),
    )


def _encoder(vision: Fields, prefix: str, layers: int | None) -> tuple[Weight, ...]:
    hidden, width = vision.integer("hidden_size", default=768), vision.integer("intermediate_size", default=3072)
    count = vision.integer("num_hidden_layers", default=12, maximum=MAX_LAYERS) if layers is None else layers
    return tuple(
        weight for index in range(count) for weight in _layer(f"{prefix}encoder.layers.{index}.", hidden, width)
    )


def _layer(prefix: str, hidden: int, width: int) -> tuple[Weight, ...]:
    return (
        *blocks.norm(f"{prefix}layer_norm1", hidden, bias=True),
        *_projections(f"{prefix}self_attn.", ("q_proj", "k_proj", "v_proj", "out_proj"), hidden, bias=True),
        *blocks.norm(f"{prefix}layer_norm2", hidden, bias=True),
        *blocks.plain_mlp(f"{prefix}mlp", ("fc1", "fc2"), hidden, width, bias=True),
    )
