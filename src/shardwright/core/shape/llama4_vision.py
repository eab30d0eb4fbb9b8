"""The vision part of Llama 4: a plain vision transformer, a pixel shuffle with its perceptron, one projection.

Source: vLLM 0.32 model_executor/models/mllama4.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.shape import blocks
from shardwright.core.shape.base import Split, Weight
from shardwright.core.shape.fields import MAX_LAYERS

if TYPE_CHECKING:
    from shardwright.core.shape.fields import Fields

__all__ = ["weights"]


def weights(fields: Fields, text_hidden: int) -> tuple[Weight, ...]:
    """Everything before the language part; empty without `vision_config`."""
    vision = fields.section("vision_config")
    if vision is None:
        return ()
    hidden = vision.integer("hidden_size")
    layers = vision.integer("num_hidden_layers", maximum=MAX_LAYERS)
    width = vision.integer("intermediate_size")
    output = vision.integer("vision_output_dim")
    patches = (vision.integer("image_size") // vision.integer("patch_size")) ** 2 + 1
    rotated = hidden // vision.integer("num_attention_heads") // 2
    return (
        # Complex numbers, made by the engine; layers share them.
        Weight("vision_model.rotary", patches, rotated, Split.NONE, element_bytes=8.0, fixed=True, auxiliary=True),
        *_patches(vision, hidden, patches),
        *(weight for index in range(layers) for weight in _layer(index, hidden, width)),
        *blocks.norm("vision_model.layernorm_pre", hidden, bias=True),
        *blocks.norm("vision_model.layernorm_post", hidden, bias=True),
        *_adapter(vision, width),
        Weight("multi_modal_projector.linear_1.weight", text_hidden, output, Split.TENSOR),
    )


def _patches(vision: Fields, hidden: int, patches: int) -> tuple[Weight, ...]:
    inputs = vision.integer("num_channels", default=3) * vision.integer("patch_size") ** 2
    return (
        Weight("vision_model.patch_embedding.linear.weight", hidden, inputs, Split.TENSOR),
        Weight("vision_model.class_embedding", hidden, 1, Split.NONE),
        Weight("vision_model.positional_embedding_vlm", patches, hidden, Split.NONE),
    )


def _layer(index: int, hidden: int, width: int) -> tuple[Weight, ...]:
    prefix = f"vision_model.model.layers.{index}"
    projections = (
        weight
        for name in ("q_proj", "k_proj", "v_proj")
        for weight in blocks.linear(f"{prefix}.self_attn.{name}", hidden, hidden, split=Split.TENSOR, bias=True)
    )
    return (
        *blocks.norm(f"{prefix}.input_layernorm", hidden, bias=True),
        *projections,
        *blocks.linear(
            f"{prefix}.self_attn.o_proj", hidden, hidden, split=Split.TENSOR, bias=True, bias_split=Split.NONE
        ),
        *blocks.norm(f"{prefix}.post_attention_layernorm", hidden, bias=True),
        *blocks.linear(f"{prefix}.mlp.fc1", width, hidden, split=Split.TENSOR, bias=True),
        *blocks.linear(f"{prefix}.mlp.fc2", hidden, width, split=Split.TENSOR, bias=True, bias_split=Split.NONE),
    )


def _adapter(vision: Fields, width: int) -> tuple[Weight, ...]:
    """Its input is what the pixel shuffle makes of the hidden size, which is the intermediate size."""
    inner, outer = vision.integer("projector_input_dim"), vision.integer("projector_output_dim")
    return (
        Weight("vision_model.vision_adapter.mlp.fc1.weight", inner, width, Split.TENSOR),
        Weight("vision_model.vision_adapter.mlp.fc2.weight", outer, inner, Split.TENSOR),
    )
