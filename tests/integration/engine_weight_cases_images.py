"""Models that read images: every stage holds the tower, which is divided unless a class is told to repeat it."""

from __future__ import annotations

from typing import Any

from engine_weight_cases import Case, config


def with_text(
    architecture: str, model_type: str, text: dict[str, Any], vision: dict[str, Any], **fields: object
) -> dict[str, Any]:
    """A configuration with the language part in a section of its own."""
    text = {name: value for name, value in text.items() if name != "architectures"}
    outer = {"architectures": [architecture], "model_type": model_type, "dtype": "bfloat16"}
    return {**outer, "text_config": text, "vision_config": vision, **fields}


SIGLIP = {
    "model_type": "siglip_vision_model",
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_hidden_layers": 3,
    "num_attention_heads": 16,
    "image_size": 896,
    "patch_size": 14,
}
CLIP = {
    "model_type": "clip_vision_model",
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 4,
    "num_attention_heads": 16,
    "image_size": 336,
    "patch_size": 14,
    "projection_dim": 768,
}
PIXTRAL = {
    "model_type": "pixtral",
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 3,
    "num_attention_heads": 16,
    "head_dim": 64,
    "image_size": 1540,
    "patch_size": 14,
}
QWEN2_TOWER = {"depth": 3, "embed_dim": 1280, "num_heads": 16, "mlp_ratio": 4, "hidden_size": 1024, "in_chans": 3}
QWEN25_TOWER = {
    "depth": 4,
    "hidden_size": 1280,
    "intermediate_size": 3420,
    "num_heads": 16,
    "out_hidden_size": 1024,
    "fullatt_block_indexes": [1, 3],
}
QWEN3_TOWER = {
    "model_type": "qwen3_vl",
    "depth": 9,
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_heads": 16,
    "out_hidden_size": 1024,
    "num_position_embeddings": 2304,
    "deepstack_visual_indexes": [2, 5, 8],
}
MROPE = {"type": "mrope", "mrope_section": [8, 12, 12]}
LONG = {"factor": 8.0, "rope_type": "linear"}
INTERLEAVED = {"rope_type": "default", "mrope_interleaved": True, "mrope_section": [24, 20, 20]}
GEMMA_TEXT = config("X", "gemma3_text", head_dim=256, sliding_window=1024, num_hidden_layers=7, rope_scaling=LONG)
PIXTRAL_FIELDS: dict[str, Any] = {"image_token_index": 10, "spatial_merge_size": 2, "tie_word_embeddings": False}

LLAVA = with_text("LlavaForConditionalGeneration", "llava", config("X", "llama"), CLIP, image_token_index=32000)
QWEN2 = config("Qwen2VLForConditionalGeneration", "qwen2_vl", vision_config=QWEN2_TOWER, rope_scaling=MROPE)
QWEN3_TEXT = config("X", "qwen3_vl_text", head_dim=128, rope_scaling=INTERLEAVED)

FAMILIES = (
    with_text("Gemma3ForConditionalGeneration", "gemma3", GEMMA_TEXT, SIGLIP),
    LLAVA,
    {**LLAVA, "vision_feature_layer": -1},
    with_text(
        "Mistral3ForConditionalGeneration",
        "mistral3",
        config("X", "mistral", head_dim=128),
        PIXTRAL,
        vision_feature_layer=-1,
        **PIXTRAL_FIELDS,
    ),
    with_text("Mistral3ForConditionalGeneration", "mistral3", config("X", "ministral3"), PIXTRAL, **PIXTRAL_FIELDS),
    {**QWEN2, "tie_word_embeddings": True},
    config("Qwen2_5_VLForConditionalGeneration", "qwen2_5_vl", vision_config=QWEN25_TOWER, rope_scaling=MROPE),
    with_text("Qwen3VLForConditionalGeneration", "qwen3_vl", QWEN3_TEXT, QWEN3_TOWER),
)

CASES = (
    *(Case(family, tensor=2, pipeline=2, stage=1) for family in FAMILIES),
    *(Case(family, tensor=4, arguments={"mm_encoder_tp_mode": "data"}) for family in FAMILIES),
    Case(FAMILIES[0], tensor=2, arguments={"limit_mm_per_prompt": {"image": 0, "video": 0}}),
)
