"""What a stage of vLLM holds besides its layers, and how an encoder is shared out."""

from __future__ import annotations

from typing import Any

import pytest

from shardwright.core.shape import ModelShape, shape_of
from shardwright.engines.vllm import placement

SIZES: dict[str, Any] = {
    "hidden_size": 1024,
    "intermediate_size": 2816,
    "num_hidden_layers": 6,
    "num_attention_heads": 16,
    "num_key_value_heads": 4,
    "vocab_size": 32000,
    "max_position_embeddings": 8192,
}


def shape(architecture: str, **fields: object) -> ModelShape:
    """A small model of this architecture."""
    return shape_of({**SIZES, "architectures": [architecture], **fields}, name="model", source="test")


@pytest.mark.parametrize(
    ("architecture", "middle"),
    [
        ("LlamaForCausalLM", []),
        ("Gemma2ForCausalLM", ["model.embed_tokens.weight", "model.norm.weight"]),
        ("CohereForCausalLM", ["model.embed_tokens.weight", "model.norm.weight"]),
        (
            "StableLmForCausalLM",
            ["model.embed_tokens.weight", "model.norm.weight", "model.norm.bias", "lm_head.weight"],
        ),
    ],
)
def test_some_classes_build_the_ends_on_every_stage(architecture: str, middle: list[str]) -> None:
    """A stage in the middle has nothing besides its layers, unless its class builds it unasked."""
    parts = placement.stage_parts(shape(architecture), (2, 2, 2), 1, "0.32.0")
    assert [weight.name for weight in (*parts.embedding, *parts.head)] == middle


def test_models_built_by_transformers_keep_frequencies_not_tables() -> None:
    """Four bytes for each of the rotated numbers of a head, whatever the positions; OLMo 3 has two kinds."""
    assert placement.frequencies_bytes(shape("LlamaForCausalLM"), "0.32.0") is None
    assert placement.frequencies_bytes(shape("Olmo2ForCausalLM"), "0.32.0") == 64 * 4
    assert placement.frequencies_bytes(shape("Olmo3ForCausalLM"), "0.32.0") == 2 * 64 * 4


@pytest.mark.parametrize(
    ("architecture", "own", "generic"),
    [
        ("Starcoder2ForCausalLM", "0.24.0", "0.25.0"),
        ("Olmo2ForCausalLM", "0.25.0", "0.26.0"),
        ("Olmo3ForCausalLM", "0.28.0", "0.29.0"),
        ("GPTNeoXForCausalLM", "0.31.0", "0.32.0"),
    ],
)
def test_own_classes_gave_way_to_those_of_transformers(architecture: str, own: str, generic: str) -> None:
    """Before, a stage in the middle held the ends and a table; since, neither."""
    model = shape(architecture, tie_word_embeddings=False)
    assert placement.frequencies_bytes(model, own) is None
    assert placement.frequencies_bytes(model, generic) is not None
    assert placement.stage_parts(model, (2, 2, 2), 1, own).embedding == model.embedding
    assert placement.stage_parts(model, (2, 2, 2), 1, own).head == model.head
    assert not placement.stage_parts(model, (2, 2, 2), 1, generic).embedding


def test_an_encoder_is_repeated_only_where_its_class_can() -> None:
    """`mm-encoder-tp-mode` is heeded by some classes and passed over by others."""
    asked = {"mm-encoder-tp-mode": "data"}
    qwen = shape("Qwen2VLForConditionalGeneration", vision_config={})
    assert placement.encoder_ranks(qwen, 4, {}) == 4
    assert placement.encoder_ranks(qwen, 4, asked) == 1
    assert placement.encoder_ranks(shape("LlamaForCausalLM"), 4, asked) == 4
