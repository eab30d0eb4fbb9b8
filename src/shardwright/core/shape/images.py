"""Models that read images: a language model of another family, and a vision tower with a projector before it.

The language part is read by its own family. How engines place the tower is theirs to say. Twins read text only.
Source: the configuration classes of transformers 5.19 and vLLM 0.32 (gemma3_mm, llava, mistral3, qwen2_vl, qwen2_5_vl,
qwen3_vl).
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from shardwright.core.shape import blocks, dense, gemma, phi, qwen_towers, towers
from shardwright.core.shape.base import Split, Weight
from shardwright.core.shape.family import Family
from shardwright.core.shape.fields import MAX_LAYERS, Fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from shardwright.core.shape.base import Layer, ModelShape
    from shardwright.core.shape.family import TwinSizes

    Encoder = Callable[[Fields, int], tuple[Weight, ...]]

__all__ = ["GEMMA3", "LLAVA", "MISTRAL3", "QWEN2", "QWEN3", "QWEN25"]

_LANGUAGES: dict[str, tuple[Family, str]] = {
    "llama": (dense.LLAMA, "LlamaForCausalLM"),
    "mistral": (dense.MISTRAL, "MistralForCausalLM"),
    "ministral3": (dense.MINISTRAL3, "Ministral3ForCausalLM"),
    "qwen2": (dense.QWEN2, "Qwen2ForCausalLM"),
    "qwen2_vl_text": (dense.QWEN2, "Qwen2ForCausalLM"),
    "qwen2_5_vl_text": (dense.QWEN2, "Qwen2ForCausalLM"),
    "qwen3": (dense.QWEN3, "Qwen3ForCausalLM"),
    "qwen3_vl_text": (dense.QWEN3, "Qwen3ForCausalLM"),
    "gemma": (gemma.GEMMA, "GemmaForCausalLM"),
    "gemma2": (gemma.GEMMA2, "Gemma2ForCausalLM"),
    "gemma3_text": (gemma.GEMMA3, "Gemma3ForCausalLM"),
    "phi3": (phi.PHI3, "Phi3ForCausalLM"),
}
_TEXT_TYPES = {"Qwen2ForCausalLM": "qwen2", "Qwen3ForCausalLM": "qwen3"}
_LLAMA = {
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "max_position_embeddings": 2048,
    "vocab_size": 32000,
}
"""What Llama's class takes for absent sizes: the first Llava's files leave them out."""
_TIME_FACTOR = 4
"""How many times longer than its positions the rotary table of Qwen2's is, for the time of videos."""


def _read(fields: Fields, *, encoder: Encoder, language: str, prefix: str, time_factor: int) -> ModelShape:
    """The language part under its names in this checkpoint, and the encoder; `language` is the type if none is named."""
    text = _text(fields, language)
    family, _ = _language(text, language)
    if family is dense.LLAMA:
        text = text.with_defaults(**_LLAMA)
    shape = family.read(text)
    return dataclasses.replace(
        shape,
        embedding=tuple(_renamed(weight, prefix) for weight in shape.embedding),
        head=tuple(_renamed(weight, prefix) for weight in shape.head),
        layer_prefix=_named(shape.layer_prefix, prefix),
        layers=_stretched(shape.layers, time_factor),
        encoder=encoder(fields, shape.hidden_size),
    )


def _text(fields: Fields, language: str) -> Fields:
    """The language part's configuration: a section, or, in older files of Qwen's, the file itself."""
    text = fields.section("text_config")
    if text is None:
        if not language.startswith("qwen2"):
            raise fields.fault(
                "text_config", "is missing", hint="planning needs it; is this the model's own config.json?"
            )
        values = {key: value for key, value in fields.values.items() if key != "model_type"}
        text = Fields(values, fields.source, fields.name)
    outer = {key: fields.values[key] for key in ("tie_word_embeddings",) if fields.values.get(key) is not None}
    return Fields({**text.values, **outer}, text.source, fields.name)


def _language(text: Fields, default: str) -> tuple[Family, str]:
    kind = text.text("model_type", default=default)
    if kind not in _LANGUAGES:
        raise text.fault("model_type", f"{kind[:60]!r} is not known here; known are {', '.join(sorted(_LANGUAGES))}")
    return _LANGUAGES[kind]


def _renamed(weight: Weight, prefix: str) -> Weight:
    return dataclasses.replace(weight, name=_named(weight.name, prefix))


def _named(name: str, prefix: str) -> str:
    """`model.x` below a prefix; Qwen3's puts its language part inside, and leaves the output matrix where it was."""
    if prefix == "model.language_model.":
        return prefix + name.removeprefix("model.") if name.startswith("model.") else name
    return prefix + name


def _stretched(layers: tuple[Layer, ...], factor: int) -> tuple[Layer, ...]:
    """The layers with rotary tables of so many times the positions; layers that are one object stay one."""
    if factor == 1:
        return layers
    made = {
        id(layer): dataclasses.replace(
            layer,
            rotary=tuple(dataclasses.replace(t, positions=t.positions * factor) for t in layer.rotary or ()),
        )
        for layer in layers
    }
    return tuple(made[id(layer)] for layer in layers)


def _vision(fields: Fields) -> Fields:
    section = fields.section("vision_config")
    if section is None:
        raise fields.fault(
            "vision_config", "is missing", hint="planning needs it; is this the model's own config.json?"
        )
    return section


def _gemma3_encoder(fields: Fields, hidden: int) -> tuple[Weight, ...]:
    vision = _vision(fields)
    width = vision.integer("hidden_size")
    return (
        *towers.siglip(vision, prefix="vision_tower.vision_model."),
        Weight("multi_modal_projector.mm_input_projection_weight", width, hidden, Split.NONE),
        *blocks.norm("multi_modal_projector.mm_soft_emb_norm", width),
    )


def _llava_encoder(fields: Fields, hidden: int) -> tuple[Weight, ...]:
    """The tower up to the layer whose features are used, and a perceptron of two layers."""
    vision = _vision(fields)
    bias = fields.flag("multimodal_projector_bias", default=True)
    return (*_tower(fields, vision), *_perceptron(vision.integer("hidden_size"), hidden, bias=bias))


def _mistral3_encoder(fields: Fields, hidden: int) -> tuple[Weight, ...]:
    """Besides Llava's, neighbouring patches are joined; the joining matrix is whole on every rank."""
    vision = _vision(fields)
    width = vision.integer("hidden_size", default=1024)
    joined = width * fields.integer("spatial_merge_size", default=2, maximum=64) ** 2
    bias = fields.flag("multimodal_projector_bias", default=False)
    return (
        *_tower(fields, vision),
        *blocks.norm("multi_modal_projector.norm", width),
        Weight("multi_modal_projector.patch_merger.merging_layer.weight", width, joined, Split.NONE),
        *_perceptron(width, hidden, bias=bias),
    )


def _perceptron(width: int, hidden: int, *, bias: bool) -> tuple[Weight, ...]:
    prefix = "multi_modal_projector"
    return (
        *blocks.linear(f"{prefix}.linear_1", hidden, width, split=Split.TENSOR, bias=bias),
        *blocks.linear(f"{prefix}.linear_2", hidden, hidden, split=Split.TENSOR, bias=bias, bias_split=Split.NONE),
    )


def _tower(fields: Fields, vision: Fields) -> tuple[Weight, ...]:
    """Up to the layer whose features are used, without the norm after the last one."""
    kind = vision.text("model_type", default="pixtral")
    count = vision.integer("num_hidden_layers", default=24, maximum=MAX_LAYERS)
    layers = _feature_layer(fields, count, default=-1 if kind == "pixtral" else -2)
    match kind:
        case "clip_vision_model":
            return towers.clip(vision, prefix="vision_tower.vision_model.", layers=layers, last_norm=False)
        case "siglip_vision_model":
            return towers.siglip(vision, prefix="vision_tower.vision_model.", layers=layers, last_norm=False)
        case "pixtral":
            return towers.pixtral(vision, prefix="vision_tower.", layers=layers)
        case _:
            known = "clip_vision_model, pixtral, siglip_vision_model"
            raise vision.fault("model_type", f"{kind[:60]!r} is not known here; known are {known}")


def _feature_layer(fields: Fields, count: int, *, default: int) -> int:
    """How many layers are needed for the features that are used; negative numbers count from the end."""
    layer = fields.integer("vision_feature_layer", default=default, minimum=-count, maximum=count)
    return layer if layer >= 0 else count + layer + 1


def _qwen_encoder(tower: Callable[[Fields, str], tuple[Weight, ...]], prefix: str) -> Encoder:
    """A tower that names its own output's size."""
    return lambda fields, _: tower(_vision(fields), prefix)


def _twin(shape: ModelShape, sizes: TwinSizes, *, language: str) -> dict[str, object]:
    """The language part alone, under the architecture that has no other."""
    config = dict(shape.config)
    section = config.get("text_config")
    text = (
        cast("dict[str, Any]", section)
        if isinstance(section, dict)
        else {k: v for k, v in config.items() if k != "model_type"}
    )
    kind = str(text.get("model_type") or language)
    family, architecture = _LANGUAGES.get(kind, _LANGUAGES[language])
    inner = dataclasses.replace(shape, config=tuple(text.items()))
    return {
        **family.twin(inner, sizes),
        "tie_word_embeddings": shape.tied_embeddings,
        "architectures": [architecture],
        "model_type": _TEXT_TYPES.get(architecture, kind),
    }


def _family(encoder: Encoder, language: str, *, prefix: str = "language_model.", time_factor: int = 1) -> Family:
    read = partial(_read, encoder=encoder, language=language, prefix=prefix, time_factor=time_factor)
    return Family(read, partial(_twin, language=language))


GEMMA3 = _family(_gemma3_encoder, "gemma3_text")
LLAVA = _family(_llava_encoder, "llama")
MISTRAL3 = _family(_mistral3_encoder, "mistral")
QWEN2 = _family(_qwen_encoder(qwen_towers.qwen2, "visual."), "qwen2_vl_text", prefix="", time_factor=_TIME_FACTOR)
QWEN25 = _family(_qwen_encoder(qwen_towers.qwen25, "visual."), "qwen2_5_vl_text", prefix="", time_factor=_TIME_FACTOR)
QWEN3 = _family(_qwen_encoder(qwen_towers.qwen3, "model.visual."), "qwen3_vl_text", prefix="model.language_model.")
