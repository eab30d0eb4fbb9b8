"""From a configuration to a shape: one table says which family an architecture belongs to.

An architecture that is not in the table is never counted as another one.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shardwright import errors
from shardwright.core.shape import precision
from shardwright.core.shape.fields import Fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.shape.base import ModelShape
    from shardwright.core.shape.checkpoint import Checkpoint
    from shardwright.core.shape.family import Family

__all__ = ["FAMILIES", "family_of", "shape_of"]

FAMILIES: dict[str, str] = {
    "LlamaForCausalLM": "dense:LLAMA",
    "MistralForCausalLM": "dense:MISTRAL",
    "Qwen2ForCausalLM": "dense:QWEN2",
    "Qwen3ForCausalLM": "dense:QWEN3",
    "GraniteForCausalLM": "dense:GRANITE",
    "FalconForCausalLM": "falcon:FALCON",
    "SmolLM3ForCausalLM": "dense:SMOLLM3",
    "SeedOssForCausalLM": "dense:SEED_OSS",
    "Ministral3ForCausalLM": "dense:MINISTRAL3",
    "InternLM3ForCausalLM": "dense:INTERNLM3",
    "InternLM2ForCausalLM": "remote:INTERNLM2",
    "ExaoneForCausalLM": "remote:EXAONE",
    "Ernie4_5ForCausalLM": "dense:ERNIE",
    "GemmaForCausalLM": "gemma:GEMMA",
    "Gemma2ForCausalLM": "gemma:GEMMA2",
    "Gemma3ForCausalLM": "gemma:GEMMA3",
    "Olmo2ForCausalLM": "postnorm:OLMO2",
    "Olmo3ForCausalLM": "postnorm:OLMO3",
    "Exaone4ForCausalLM": "postnorm:EXAONE4",
    "GlmForCausalLM": "postnorm:GLM",
    "Glm4ForCausalLM": "postnorm:GLM4",
    "CohereForCausalLM": "cohere:COHERE",
    "Cohere2ForCausalLM": "cohere:COHERE2",
    "PhiForCausalLM": "phi:PHI",
    "Phi3ForCausalLM": "phi:PHI3",
    "GPTNeoXForCausalLM": "plain:GPT_NEOX",
    "NemotronForCausalLM": "plain:NEMOTRON",
    "StableLmForCausalLM": "plain:STABLELM",
    "Starcoder2ForCausalLM": "plain:STARCODER2",
    "Gemma3ForConditionalGeneration": "images:GEMMA3",
    "LlavaForConditionalGeneration": "images:LLAVA",
    "Mistral3ForConditionalGeneration": "images:MISTRAL3",
    "Qwen2VLForConditionalGeneration": "images:QWEN2",
    "Qwen2_5_VLForConditionalGeneration": "images:QWEN25",
    "Qwen3VLForConditionalGeneration": "images:QWEN3",
    "MixtralForCausalLM": "mixtral:MIXTRAL",
    "Qwen2MoeForCausalLM": "qwen_moe:QWEN2_MOE",
    "Qwen3MoeForCausalLM": "qwen_moe:QWEN3_MOE",
    "DeepseekV2ForCausalLM": "deepseek:DEEPSEEK",
    "DeepseekV3ForCausalLM": "deepseek:DEEPSEEK",
    "DeepseekV32ForCausalLM": "deepseek:DEEPSEEK",
    "Glm4MoeForCausalLM": "glm_moe:GLM4_MOE",
    "GptOssForCausalLM": "gpt_oss:GPT_OSS",
    "Llama4ForCausalLM": "llama4:LLAMA4",
    "Llama4ForConditionalGeneration": "llama4:LLAMA4_WITH_IMAGES",
    "GraniteMoeForCausalLM": "granite_moe:GRANITE_MOE",
    "GraniteMoeSharedForCausalLM": "granite_moe:GRANITE_MOE",
    "MiniMaxM2ForCausalLM": "minimax:MINIMAX_M2",
    "OlmoeForCausalLM": "olmoe:OLMOE",
    "PhiMoEForCausalLM": "phi_moe:PHI_MOE",
    "Qwen3NextForCausalLM": "qwen_next:QWEN3_NEXT",
    "BambaForCausalLM": "granite_hybrid:BAMBA",
    "FalconH1ForCausalLM": "falcon_h1:FALCON_H1",
    "GraniteMoeHybridForCausalLM": "granite_hybrid:GRANITE_HYBRID",
    "JambaForCausalLM": "jamba:JAMBA",
    "Mamba2ForCausalLM": "mamba:MAMBA2",
    "NemotronHForCausalLM": "nemotron_h:NEMOTRON_H",
}
"""The place of each architecture's family, in this folder; a plan needs one of them, so each is imported when asked for."""
_SUFFIX = re.compile(r"(ForCausalLM|ForConditionalGeneration)$|_")
_BY_MODEL_TYPE = {
    **{_SUFFIX.sub("", name).lower(): name for name in FAMILIES},
    "gemma3text": "Gemma3ForCausalLM",
    "llama4": "Llama4ForConditionalGeneration",
    "llama4text": "Llama4ForCausalLM",
}
"""`llama`, `qwen2moe` ...: the `model_type` of a configuration without its underscores."""
_LANGUAGE_PARTS = ("text_config", "llm_config", "language_config")
_QUANTIZATION = ("quantization_config", "hf_quant_config")
_INHERITED = ("dtype", "torch_dtype", "quantization_config", "tie_word_embeddings")


def family_of(architecture: str) -> Family | None:
    """The family of an architecture, imported now; None for one that is not known."""
    return _load(architecture) if architecture in FAMILIES else None


def _load(architecture: str) -> Family:
    module, _, name = FAMILIES[architecture].partition(":")
    return getattr(importlib.import_module(f"shardwright.core.shape.{module}"), name)


def shape_of(config: Mapping[str, Any], *, name: str, source: str, checkpoint: Checkpoint | None = None) -> ModelShape:
    """The shape of the model that a configuration describes, held against the headers if there are any.

    InputError names the field that is missing or wrong, or the families that are known.
    """
    fields = Fields(config, source, name)
    architecture = _architecture(fields)
    language = None if architecture in FAMILIES else _language_part(fields)
    if language is not None:
        return _language_shape(language, architecture, checkpoint)
    if architecture not in FAMILIES:
        return _unknown_shape(fields, architecture, checkpoint)
    shape = _family_shape(fields, architecture, checkpoint)
    if checkpoint is None:
        return shape
    from shardwright.core.shape import checkpoint as checkpoints  # noqa: PLC0415 - 1.5 ms, and most plans have no headers

    return checkpoints.checked(shape, checkpoint)


def _family_shape(fields: Fields, architecture: str, checkpoint: Checkpoint | None) -> ModelShape:
    shape = _finished(_load(architecture).read(fields), fields, architecture, checkpoint)
    if not any(fields.values.get(name) is not None for name in _QUANTIZATION):
        return shape
    from shardwright.core.shape import quantization  # noqa: PLC0415 - 4 ms, and many models are not quantized

    return quantization.quantized(shape, fields)


def _unknown_shape(fields: Fields, architecture: str, checkpoint: Checkpoint | None) -> ModelShape:
    if checkpoint is None or not checkpoint.tensors:
        raise errors.InputError(
            f"{fields.source}: architectures: {architecture or 'none named'} is not known;"
            f" known are {', '.join(sorted(FAMILIES))}",
            hint="with the model's *.safetensors files beside config.json, or from the hub, its weights can be bounded",
        )
    from shardwright.core.shape import unknown  # noqa: PLC0415 - as above

    shape = _finished(unknown.read(fields, checkpoint), fields, architecture, checkpoint)
    return replace(shape, checkpoint_bytes=checkpoint.total_bytes)


def _language_shape(language: Fields, architecture: str, checkpoint: Checkpoint | None) -> ModelShape:
    """The language part of a model for several kinds of input; the headers hold more than that part."""
    shape = _family_shape(language, _architecture(language), checkpoint)
    reason = f"{architecture}: only the language part is counted, without the parts for images or sound"
    bound = f"{shape.bound}; {reason}" if shape.bound else reason
    shape = replace(shape, bound=bound)
    if checkpoint is None:
        return shape
    from shardwright.core.shape import checkpoint as checkpoints  # noqa: PLC0415 - as above

    notes = (*shape.notes, *checkpoints.compared_sums(shape, checkpoint))
    return replace(shape, checkpoint_bytes=checkpoint.total_bytes, notes=notes)


def _finished(shape: ModelShape, fields: Fields, architecture: str, checkpoint: Checkpoint | None) -> ModelShape:
    dtype, note = precision.read_dtype(_with_dtype(fields), checkpoint.stored_dtype if checkpoint else "")
    return replace(
        shape,
        architecture=architecture,
        dtype=dtype,
        element_bytes=precision.DTYPE_BYTES[dtype],
        config=tuple(fields.values.items()),
        notes=(*shape.notes, note) if note else shape.notes,
    )


def _with_dtype(fields: Fields) -> Fields:
    """Some models for several kinds of input name the dtype in their language part only."""
    text = fields.section("text_config")
    if text is None or fields.values.get("dtype") or fields.values.get("torch_dtype"):
        return fields
    return fields.with_defaults(dtype=text.values.get("dtype"), torch_dtype=text.values.get("torch_dtype"))


def _architecture(fields: Fields) -> str:
    value = fields.values.get("architectures")
    if isinstance(value, list) and value and isinstance(value[0], str):
        return value[0]
    if value is not None and value != []:
        raise fields.fault("architectures", f"{value!r} is not a list of names")
    model_type = fields.text("model_type", default="")
    return _BY_MODEL_TYPE.get(model_type.replace("_", "").lower(), model_type)


def _language_part(fields: Fields) -> Fields | None:
    for key in _LANGUAGE_PARTS:
        part = fields.section(key)
        if part is not None and _architecture(part) in FAMILIES:
            inherited = {name: fields.values[name] for name in _INHERITED if name in fields.values}
            return Fields({**inherited, **part.values}, part.source, fields.name)
    return None
