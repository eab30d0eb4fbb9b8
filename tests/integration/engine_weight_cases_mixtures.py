"""Mixtures of experts, latent attention and recurrent layers."""

from __future__ import annotations

from engine_weight_cases import Case, config

EXPERTS = {"num_experts": 16, "num_experts_per_tok": 4, "moe_intermediate_size": 256}
MIXTRAL = config("MixtralForCausalLM", "mixtral", num_local_experts=8, num_experts_per_tok=2)
QWEN2 = config("Qwen2MoeForCausalLM", "qwen2_moe", **EXPERTS, shared_expert_intermediate_size=512)
QWEN3 = config("Qwen3MoeForCausalLM", "qwen3_moe", **EXPERTS, head_dim=128, mlp_only_layers=[1])
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 4096}
DEEPSEEK_YARN = {**YARN, "type": "yarn", "mscale": 1.0, "mscale_all_dim": 1.0}
LATENT = {
    "num_key_value_heads": 16,
    "n_routed_experts": 16,
    "n_shared_experts": 2,
    "num_experts_per_tok": 4,
    "moe_intermediate_size": 256,
    "first_k_dense_replace": 1,
    "moe_layer_freq": 1,
    "kv_lora_rank": 512,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
    "n_group": 4,
    "topk_group": 2,
    "rope_scaling": DEEPSEEK_YARN,
}
DEEPSEEK_V2 = {**config("DeepseekV2ForCausalLM", "deepseek_v2", **LATENT, topk_method="greedy"), "q_lora_rank": None}
DEEPSEEK_V3 = config("DeepseekV3ForCausalLM", "deepseek_v3", **LATENT, q_lora_rank=768, topk_method="noaux_tc")
GPT_OSS = config(
    "GptOssForCausalLM",
    "gpt_oss",
    num_local_experts=16,
    num_experts_per_tok=4,
    head_dim=64,
    intermediate_size=1024,
    sliding_window=128,
    rope_theta=150000,
    rope_scaling={**YARN, "beta_fast": 32.0, "beta_slow": 1.0, "truncate": False},
)
LLAMA4 = config(
    "Llama4ForCausalLM",
    "llama4_text",
    num_hidden_layers=8,
    num_local_experts=8,
    num_experts_per_tok=1,
    head_dim=128,
    intermediate_size_mlp=4096,
    interleave_moe_layer_step=2,
    attention_chunk_size=2048,
)
GRANITE = config(
    "GraniteMoeForCausalLM", "granitemoe", num_local_experts=8, num_experts_per_tok=2, tie_word_embeddings=True
)
GRANITE_SHARED = {
    **GRANITE,
    "architectures": ["GraniteMoeSharedForCausalLM"],
    "model_type": "granitemoeshared",
    "shared_intermediate_size": 1024,
}
OLMOE = config("OlmoeForCausalLM", "olmoe", num_experts=16, num_experts_per_tok=4)
PHI = config(
    "PhiMoEForCausalLM",
    "phimoe",
    num_local_experts=8,
    num_experts_per_tok=2,
    attention_bias=True,
    lm_head_bias=True,
    rope_scaling={
        "type": "longrope",
        "long_factor": [1.0] * 32,
        "short_factor": [1.0] * 32,
        "long_mscale": 1.2,
        "short_mscale": 1.2,
        "original_max_position_embeddings": 4096,
    },
)
GLM = config(
    "Glm4MoeForCausalLM",
    "glm4_moe",
    head_dim=128,
    n_routed_experts=16,
    n_shared_experts=1,
    num_experts_per_tok=4,
    moe_intermediate_size=256,
    first_k_dense_replace=1,
    attention_bias=True,
    use_qk_norm=True,
    n_group=1,
    topk_group=1,
)
MINIMAX = config(
    "MiniMaxM2ForCausalLM",
    "minimax_m2",
    intermediate_size=512,
    head_dim=128,
    num_local_experts=16,
    num_experts_per_tok=4,
    rotary_dim=64,
    use_qk_norm=True,
    qk_norm_type="per_layer",
    scoring_func="sigmoid",
    use_routing_bias=True,
    use_mtp=False,
    attn_type_list=[1] * 6,
)
QWEN_NEXT = config(
    "Qwen3NextForCausalLM",
    "qwen3_next",
    **EXPERTS,
    num_hidden_layers=8,
    num_key_value_heads=2,
    head_dim=256,
    shared_expert_intermediate_size=512,
    partial_rotary_factor=0.25,
    linear_conv_kernel_dim=4,
    linear_key_head_dim=128,
    linear_num_key_heads=8,
    linear_num_value_heads=16,
    linear_value_head_dim=128,
    full_attention_interval=4,
)
MAMBA = {
    "mamba_n_heads": 32,
    "mamba_d_head": 64,
    "mamba_d_state": 128,
    "mamba_expand": 2,
    "mamba_n_groups": 1,
    "mamba_d_conv": 4,
}
GRANITE_HYBRID = config(
    "GraniteMoeHybridForCausalLM",
    "granitemoehybrid",
    **MAMBA,
    num_local_experts=8,
    num_experts_per_tok=2,
    shared_intermediate_size=1024,
    position_embedding_type="nope",
    tie_word_embeddings=True,
    layer_types=["mamba", "mamba", "attention"] * 2,
)
FALCON_H1 = config(
    "FalconH1ForCausalLM", "falcon_h1", **MAMBA, head_dim=128, mamba_d_ssm=2048, mamba_rms_norm=False, hidden_act="silu"
)
JAMBA = config(
    "JambaForCausalLM",
    "jamba",
    num_hidden_layers=8,
    attn_layer_period=4,
    attn_layer_offset=2,
    expert_layer_period=2,
    expert_layer_offset=1,
    num_experts=8,
    num_experts_per_tok=2,
    mamba_d_state=16,
    mamba_d_conv=4,
    mamba_expand=2,
    mamba_dt_rank=64,
)
NEMOTRON_H = config(
    "NemotronHForCausalLM",
    "nemotron_h",
    hybrid_override_pattern="M-M*M-",
    head_dim=128,
    mamba_num_heads=32,
    mamba_head_dim=64,
    ssm_state_size=128,
    n_groups=8,
    conv_kernel=4,
    expand=2,
    mlp_hidden_act="relu2",
)
LLAMA4_IMAGES = {
    "architectures": ["Llama4ForConditionalGeneration"],
    "model_type": "llama4",
    "dtype": "bfloat16",
    "text_config": {name: value for name, value in LLAMA4.items() if name != "architectures"},
    "vision_config": {
        "model_type": "llama4_vision_model",
        "hidden_size": 1408,
        "intermediate_size": 5632,
        "num_hidden_layers": 3,
        "num_attention_heads": 16,
        "image_size": 336,
        "patch_size": 14,
        "pixel_shuffle_ratio": 0.5,
        "projector_input_dim": 4096,
        "projector_output_dim": 4096,
        "vision_output_dim": 4096,
    },
}

CASES = (
    Case(MIXTRAL, tensor=2),
    Case(MIXTRAL, tensor=4, pipeline=2, stage=1, expert=True),
    Case(MIXTRAL, tensor=8),
    Case(QWEN2, tensor=2, pipeline=2, stage=0),
    Case(QWEN3, tensor=8),
    Case(QWEN3, tensor=4, expert=True),
    Case(QWEN3, tensor=2, data=2, expert=True),
    Case(DEEPSEEK_V2, tensor=4),
    Case(DEEPSEEK_V3, tensor=8, pipeline=2, stage=0),
    Case(DEEPSEEK_V3, tensor=8, pipeline=2, stage=1, expert=True),
    Case(GPT_OSS),
    Case(GPT_OSS, tensor=4, expert=True),
    Case(GPT_OSS, tensor=2, pipeline=2, stage=1),
    Case(LLAMA4, tensor=4),
    Case(LLAMA4, tensor=2, pipeline=2, stage=1, expert=True),
    Case(LLAMA4_IMAGES, tensor=4),
    Case(GRANITE, tensor=2, pipeline=2, stage=0),
    Case(GRANITE_SHARED, tensor=4),
    Case(OLMOE, tensor=4, pipeline=2, stage=1),
    Case(PHI, tensor=4, pipeline=2, stage=0),
    Case(GLM, tensor=4, pipeline=2, stage=1),
    Case(MINIMAX, tensor=8, expert=True),
    Case(QWEN_NEXT, tensor=8),
    Case(QWEN_NEXT, tensor=2, pipeline=2, stage=0, expert=True),
    Case(GRANITE_HYBRID, tensor=4),
    Case(GRANITE_HYBRID, tensor=2, pipeline=2, stage=0),
    Case(FALCON_H1, tensor=4, pipeline=2, stage=1),
    Case(JAMBA, tensor=4, pipeline=2, stage=0),
    Case(JAMBA, tensor=2, expert=True),
    Case(NEMOTRON_H, tensor=8),
    Case(NEMOTRON_H, tensor=2, pipeline=2, stage=1),
)
