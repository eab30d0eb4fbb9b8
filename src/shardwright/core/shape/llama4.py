"""Llama 4: some layers with experts and one shared expert, some dense; attention in chunks but for layers without positions.

With images the language part has its own section and prefix, and the vision part is counted in `encoder`.
Source: the configuration classes of transformers 5.19 and vLLM 0.32 model_executor/models/llama4.py, mllama4.py.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.core.shape import blocks, llama4_vision, mixture, rotary
from shardwright.core.shape.base import Cache, Layer, Mixture, ModelShape, Split, Weight
from shardwright.core.shape.family import Family
from shardwright.core.shape.fields import Fields

if TYPE_CHECKING:
    from shardwright.core.shape.family import TwinSizes

__all__ = ["LLAMA4", "LLAMA4_WITH_IMAGES"]

_LANGUAGE = "language_model."
_DEFAULT_INTERVAL = 4


def _read(fields: Fields) -> ModelShape:
    sizes = blocks.read_sizes(fields)
    count, per_token = mixture.read_width(fields, "num_local_experts")
    mixed = Mixture(count, per_token, sizes.intermediate, sizes.intermediate)
    made: dict[tuple[bool, bool], Layer] = {}
    rotated, step = (
        _rotated_layers(fields, sizes.layers),
        fields.integer("interleave_moe_layer_step", default=1, minimum=0),
    )
    table = rotary.table(fields, sizes.head, positions=sizes.positions)
    layers: list[Layer] = []
    for index in range(sizes.layers):
        sparse = step > 0 and (index + 1) % step == 0
        kind = (sparse, rotated[index])
        if kind not in made:
            cache = _chunked(fields, sizes) if rotated[index] else blocks.full_cache(sizes)
            weights = _weights(fields, sizes, mixed if sparse else None)
            made[kind] = Layer(weights, cache, rotary=(table,) if rotated[index] else ())
        layers.append(made[kind])
    return blocks.model(fields, sizes, tuple(layers), family="llama4", mixture=mixed)


def _rotated_layers(fields: Fields, layers: int) -> list[bool]:
    """`no_rope_layers` holds a 0 for each layer without positions; by default it is every fourth."""
    given = fields.integers("no_rope_layers")
    if given:
        if len(given) < layers:
            raise fields.fault("no_rope_layers", f"has {len(given)} entries for {layers} layers")
        return [entry != 0 for entry in given[:layers]]
    interval = fields.integer("no_rope_layer_interval", default=_DEFAULT_INTERVAL)
    return [(index + 1) % interval != 0 for index in range(layers)]


def _chunked(fields: Fields, sizes: blocks.Sizes) -> Cache:
    chunk = fields.optional_integer("attention_chunk_size")
    full = blocks.full_cache(sizes)
    return dataclasses.replace(full, kind="chunked", window_tokens=chunk) if chunk else full


def _weights(fields: Fields, sizes: blocks.Sizes, mixed: Mixture | None) -> tuple[Weight, ...]:
    before = (
        *blocks.norm("input_layernorm", sizes.hidden),
        *blocks.attention(sizes),
        *blocks.norm("post_attention_layernorm", sizes.hidden),
    )
    if mixed is None:
        wide = fields.integer("intermediate_size_mlp")
        return (*before, *blocks.gated_mlp("feed_forward", sizes.hidden, wide))
    count, width = mixed.experts, mixed.intermediate_size
    return (
        *before,
        blocks.router("feed_forward.router", sizes.hidden, count),
        *blocks.gated_mlp("feed_forward.shared_expert", sizes.hidden, mixed.shared_intermediate_size),
        Weight("feed_forward.experts.gate_up_proj", count * sizes.hidden, 2 * width, Split.EXPERTS),
        Weight("feed_forward.experts.down_proj", count * width, sizes.hidden, Split.EXPERTS),
    )


def _read_with_images(fields: Fields) -> ModelShape:
    text = fields.section("text_config")
    if text is None:
        raise fields.fault("text_config", "is missing", hint="planning needs it; is this the model's own config.json?")
    inherited = {key: fields.values[key] for key in ("tie_word_embeddings",) if key in fields.values}
    shape = _read(Fields({**inherited, **text.values}, text.source, fields.name))
    return dataclasses.replace(
        shape,
        embedding=tuple(dataclasses.replace(weight, name=_LANGUAGE + weight.name) for weight in shape.embedding),
        head=tuple(dataclasses.replace(weight, name=_LANGUAGE + weight.name) for weight in shape.head),
        layer_prefix=_LANGUAGE + shape.layer_prefix,
        encoder=llama4_vision.weights(fields, shape.hidden_size),
    )


def _twin(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    """Every second layer without positions, so that both kinds occur; the chunk is as long as the positions."""
    count, per_token = mixture.twin_width(shape, sizes)
    return {
        **blocks.standard_twin(shape, sizes, ("use_qk_norm", "attn_temperature_tuning", "interleave_moe_layer_step")),
        "head_dim": sizes.head_size,
        "intermediate_size_mlp": 2 * sizes.intermediate_size,
        "num_local_experts": count,
        "num_experts_per_tok": min(per_token, 1),
        "attention_chunk_size": sizes.max_positions,
        "no_rope_layers": [index % 2 for index in range(1, sizes.layers + 1)],
    }


def _twin_with_images(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    """The twin reads text only: its language part, under the architecture that has no other."""
    text = dict(shape.config).get("text_config")
    config = tuple(text.items()) if isinstance(text, dict) else ()  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType, reportUnknownMemberType] - JSON
    return {
        **_twin(dataclasses.replace(shape, config=config), sizes),
        "architectures": ["Llama4ForCausalLM"],
        "model_type": "llama4_text",
    }


LLAMA4 = Family(_read, _twin)
LLAMA4_WITH_IMAGES = Family(_read_with_images, _twin_with_images)
