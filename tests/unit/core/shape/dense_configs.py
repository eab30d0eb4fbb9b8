"""Published sizes of dense models and of models that read images, by the fields of their config.json that matter here."""

from __future__ import annotations

from typing import Any

__all__ = ["COUNTS", "IMAGE_COUNTS", "config"]


def config(architecture: str, model_type: str, sizes: tuple[int, ...], **fields: object) -> dict[str, Any]:
    """Hidden size, perceptron, layers, heads, KV heads, words, positions."""
    names = (
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "vocab_size",
        "max_position_embeddings",
    )
    return {
        "architectures": [architecture],
        "model_type": model_type,
        "torch_dtype": "bfloat16",
        **dict(zip(names, sizes, strict=True)),
        **fields,
    }


MISTRAL_7B = config("MistralForCausalLM", "mistral", (4096, 14336, 32, 32, 8, 32000, 32768), sliding_window=4096)
GEMMA_7B = config("GemmaForCausalLM", "gemma", (3072, 24576, 28, 16, 16, 256000, 8192), head_dim=256)
GEMMA2_9B = config(
    "Gemma2ForCausalLM", "gemma2", (3584, 14336, 42, 16, 8, 256000, 8192), head_dim=256, sliding_window=4096
)
GEMMA2_27B = config(
    "Gemma2ForCausalLM", "gemma2", (4608, 36864, 46, 32, 16, 256000, 8192), head_dim=128, sliding_window=4096
)
GEMMA3_1B = config(
    "Gemma3ForCausalLM",
    "gemma3_text",
    (1152, 6912, 26, 4, 1, 262144, 32768),
    head_dim=256,
    sliding_window=512,
    sliding_window_pattern=6,
)
PHI3_MINI = config("Phi3ForCausalLM", "phi3", (3072, 8192, 32, 32, 32, 32064, 4096), sliding_window=2047)
PHI4 = config("Phi3ForCausalLM", "phi3", (5120, 17920, 40, 40, 10, 100352, 16384))
PHI2 = config("PhiForCausalLM", "phi", (2560, 10240, 32, 32, 32, 51200, 2048), partial_rotary_factor=0.4)
OLMO2_7B = config("Olmo2ForCausalLM", "olmo2", (4096, 11008, 32, 32, 32, 100352, 4096))
COMMAND_R = config("CohereForCausalLM", "cohere", (8192, 22528, 40, 64, 64, 256000, 8192))
COMMAND_R_PLUS = config("CohereForCausalLM", "cohere", (12288, 33792, 64, 96, 8, 256000, 8192), use_qk_norm=True)
GLM4_9B = config("Glm4ForCausalLM", "glm4", (4096, 13696, 40, 32, 2, 151552, 32768), head_dim=128, attention_bias=True)
GLM_9B = config("GlmForCausalLM", "glm", (4096, 13696, 40, 32, 2, 151552, 131072), head_dim=128, attention_bias=True)
SMOLLM3 = config("SmolLM3ForCausalLM", "smollm3", (2048, 11008, 36, 16, 4, 128256, 65536))
STARCODER2_7B = config(
    "Starcoder2ForCausalLM", "starcoder2", (4608, 18432, 32, 36, 4, 49152, 16384), sliding_window=4096
)
GPT_NEOX_20B = config("GPTNeoXForCausalLM", "gpt_neox", (6144, 24576, 44, 64, 64, 50432, 2048), rotary_pct=0.25)
INTERNLM2_7B = config("InternLM2ForCausalLM", "internlm2", (4096, 14336, 32, 32, 8, 92544, 32768), bias=False)
INTERNLM3_8B = config(
    "InternLM3ForCausalLM",
    "internlm3",
    (4096, 10240, 48, 32, 2, 128512, 32768),
    head_dim=128,
    bias=False,
    qkv_bias=False,
)
EXAONE_7B = config("ExaoneForCausalLM", "exaone", (4096, 14336, 32, 32, 8, 102400, 32768))
STABLELM_3B = config("StableLmForCausalLM", "stablelm", (2560, 6912, 32, 32, 32, 50304, 4096))
SEED_36B = config("SeedOssForCausalLM", "seed_oss", (5120, 27648, 64, 80, 8, 155136, 524288), head_dim=128)
QWEN3_8B = config("Qwen3ForCausalLM", "qwen3", (4096, 12288, 36, 32, 8, 151936, 40960), head_dim=128)

COUNTS: tuple[tuple[dict[str, Any], int], ...] = (
    (MISTRAL_7B, 7_241_732_096),
    (GEMMA_7B, 8_537_680_896),
    (GEMMA2_9B, 9_241_705_984),
    (GEMMA2_27B, 27_227_128_320),
    (GEMMA3_1B, 999_885_952),
    (PHI3_MINI, 3_821_079_552),
    (PHI4, 14_659_507_200),
    (PHI2, 2_779_683_840 - 51_200),  # the bias of the output matrix is not held
    (OLMO2_7B, 7_298_617_344),
    (COMMAND_R, 34_980_831_232),
    (COMMAND_R_PLUS, 103_810_674_688),
    (GLM_9B, 9_399_951_360),
    (GLM4_9B, 9_400_279_040),
    (SMOLLM3, 3_075_098_624),
    (STARCODER2_7B, 7_173_923_840),
    (GPT_NEOX_20B, 20_554_567_680),
    (INTERNLM2_7B, 7_737_708_544),
    (INTERNLM3_8B, 8_804_241_408),
    (EXAONE_7B, 7_818_448_896),
    (STABLELM_3B, 2_795_443_200),
    (SEED_36B, 36_151_104_512),
    (QWEN3_8B, 8_190_735_360),
)

SIGLIP = {
    "model_type": "siglip_vision_model",
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_hidden_layers": 27,
    "num_attention_heads": 16,
    "image_size": 896,
    "patch_size": 14,
}
GEMMA3_4B: dict[str, Any] = {
    "architectures": ["Gemma3ForConditionalGeneration"],
    "model_type": "gemma3",
    "torch_dtype": "bfloat16",
    "text_config": {
        "model_type": "gemma3_text",
        "hidden_size": 2560,
        "intermediate_size": 10240,
        "num_hidden_layers": 34,
        "rope_scaling": {"factor": 8.0, "rope_type": "linear"},
        "sliding_window": 1024,
    },
    "vision_config": SIGLIP,
}
MISTRAL_SMALL_31: dict[str, Any] = {
    "architectures": ["Mistral3ForConditionalGeneration"],
    "model_type": "mistral3",
    "torch_dtype": "bfloat16",
    "spatial_merge_size": 2,
    "vision_feature_layer": -1,
    "multimodal_projector_bias": False,
    "text_config": config("MistralForCausalLM", "mistral", (5120, 32768, 40, 32, 8, 131072, 131072), head_dim=128),
    "vision_config": {
        "model_type": "pixtral",
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "head_dim": 64,
        "image_size": 1540,
        "patch_size": 14,
    },
}
QWEN2_VL_7B = config(
    "Qwen2VLForConditionalGeneration",
    "qwen2_vl",
    (3584, 18944, 28, 28, 4, 152064, 32768),
    rope_scaling={"type": "mrope", "mrope_section": [16, 24, 24]},
    vision_config={"depth": 32, "embed_dim": 1280, "mlp_ratio": 4, "num_heads": 16, "hidden_size": 3584},
)
QWEN25_VL_7B = config(
    "Qwen2_5_VLForConditionalGeneration",
    "qwen2_5_vl",
    (3584, 18944, 28, 28, 4, 152064, 128000),
    rope_scaling={"type": "mrope", "mrope_section": [16, 24, 24]},
    vision_config={
        "depth": 32,
        "hidden_size": 1280,
        "intermediate_size": 3420,
        "num_heads": 16,
        "out_hidden_size": 3584,
    },
)
QWEN3_VL_8B: dict[str, Any] = {
    "architectures": ["Qwen3VLForConditionalGeneration"],
    "model_type": "qwen3_vl",
    "tie_word_embeddings": False,
    "text_config": {
        **config("", "qwen3_vl_text", (4096, 12288, 36, 32, 8, 151936, 262144), head_dim=128),
        "rope_scaling": {"rope_type": "default", "mrope_interleaved": True, "mrope_section": [24, 20, 20]},
    },
    "vision_config": {
        "depth": 27,
        "hidden_size": 1152,
        "intermediate_size": 4304,
        "num_heads": 16,
        "out_hidden_size": 4096,
        "num_position_embeddings": 2304,
        "deepstack_visual_indexes": [8, 16, 24],
    },
}
LLAVA_7B: dict[str, Any] = {
    "architectures": ["LlavaForConditionalGeneration"],
    "model_type": "llava",
    "torch_dtype": "float16",
    "vision_feature_layer": -2,
    "text_config": {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "max_position_embeddings": 4096,
        "vocab_size": 32064,
    },
    "vision_config": {
        "model_type": "clip_vision_model",
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "image_size": 336,
        "patch_size": 14,
    },
}
_CLIP_LAYER = 4 * (1024 * 1024 + 1024) + 2 * 1024 * 4096 + 4096 + 1024 + 4 * 1024

IMAGE_COUNTS: tuple[tuple[dict[str, Any], int], ...] = (
    (GEMMA3_4B, 4_300_079_472),
    (MISTRAL_SMALL_31, 24_011_361_280),
    (QWEN2_VL_7B, 8_291_375_616),
    (QWEN25_VL_7B, 8_292_166_656),
    (QWEN3_VL_8B, 8_767_123_696),
    (
        LLAVA_7B,
        7_063_427_072 - _CLIP_LAYER - 2 * 1024,
    ),  # the last layer of its tower and the norm behind it are not used
)
