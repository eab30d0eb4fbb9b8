"""Dense models: one configuration a family, counted on one rank of an undivided model and on ranks of later stages."""

from __future__ import annotations

from engine_weight_cases import Case, config

LLAMA = config("LlamaForCausalLM", "llama")
LLAMA_BIASED = config("LlamaForCausalLM", "llama", attention_bias=True, mlp_bias=True, tie_word_embeddings=True)
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 2048}
LONG = {"type": "longrope", "short_factor": [1.0] * 32, "long_factor": [1.0] * 32}
PUBLISHED_WITH_CODE: dict[str, object] = {
    "hidden_act": "silu",
    "rms_norm_eps": 1e-5,
    "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
    "tie_word_embeddings": False,
}
"""Fields that the classes published with these models have."""
EXAONE = {**PUBLISHED_WITH_CODE, "num_layers": 6, "layer_norm_epsilon": 1e-5, "activation_function": "silu"}

FAMILIES = (
    config("MistralForCausalLM", "mistral", head_dim=128, sliding_window=4096),
    config("Ministral3ForCausalLM", "ministral3", head_dim=128),
    config("Qwen2ForCausalLM", "qwen2", tie_word_embeddings=True, rope_scaling=YARN),
    config("Qwen3ForCausalLM", "qwen3", head_dim=128),
    config("GraniteForCausalLM", "granite", tie_word_embeddings=True),
    config("FalconForCausalLM", "falcon", num_kv_heads=4, new_decoder_architecture=True),
    config("FalconForCausalLM", "falcon", multi_query=True),
    config("GemmaForCausalLM", "gemma", head_dim=256),
    config("Gemma2ForCausalLM", "gemma2", head_dim=256, sliding_window=4096),
    config("Gemma3ForCausalLM", "gemma3_text", head_dim=256, sliding_window=1024, num_hidden_layers=7),
    config("Phi3ForCausalLM", "phi3", sliding_window=2047, pad_token_id=0),
    config("Phi3ForCausalLM", "phi3", rope_scaling=LONG, original_max_position_embeddings=4096, pad_token_id=0),
    config("PhiForCausalLM", "phi", num_key_value_heads=None, partial_rotary_factor=0.5),
    config("Olmo2ForCausalLM", "olmo2", pad_token_id=1),
    config("Olmo3ForCausalLM", "olmo3", sliding_window=4096, num_hidden_layers=8, pad_token_id=1),
    config("CohereForCausalLM", "cohere"),
    config("CohereForCausalLM", "cohere", use_qk_norm=True),
    config("Cohere2ForCausalLM", "cohere2", sliding_window=4096),
    config("Starcoder2ForCausalLM", "starcoder2"),
    config("GPTNeoXForCausalLM", "gpt_neox", num_key_value_heads=None, rotary_pct=0.25),
    config("InternLM2ForCausalLM", "internlm2", bias=False, **PUBLISHED_WITH_CODE),
    config("InternLM3ForCausalLM", "internlm3", bias=True, qkv_bias=True, **PUBLISHED_WITH_CODE),
    config("GlmForCausalLM", "glm", head_dim=128, pad_token_id=1),
    config("Glm4ForCausalLM", "glm4", head_dim=128, pad_token_id=1),
    config("ExaoneForCausalLM", "exaone", **EXAONE),
    config("Exaone4ForCausalLM", "exaone4", sliding_window=4096, num_hidden_layers=8),
    config("NemotronForCausalLM", "nemotron", partial_rotary_factor=0.5, hidden_act="relu2"),
    config("SmolLM3ForCausalLM", "smollm3", num_hidden_layers=8, pad_token_id=0),
    config("SeedOssForCausalLM", "seed_oss", head_dim=128, pad_token_id=1),
    config("StableLmForCausalLM", "stablelm", partial_rotary_factor=0.25, use_qkv_bias=True, layer_norm_eps=1e-5),
    config("Ernie4_5ForCausalLM", "ernie4_5", head_dim=128),
)

CASES = (
    Case(LLAMA),
    Case(LLAMA, tensor=8),
    Case(LLAMA_BIASED, tensor=2, pipeline=2, stage=1),
    *(Case(family, tensor=2) for family in FAMILIES),
    *(Case(family, tensor=2, pipeline=3, stage=1) for family in FAMILIES),
    *(Case({**family, "tie_word_embeddings": True}, pipeline=3, stage=2) for family in FAMILIES[3:7]),
)
