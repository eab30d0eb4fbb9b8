"""Models and layouts whose KV cache is laid out by the engine and by us.

Layers have the pattern of published models; widths are small, for only heads and states matter to the cache. A letter a layer:
`f` full attention, `w` a window, `c` a chunk, `l` latent, `s` a recurrent state, `b` state and attention both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from shardwright.core.shape.base import State

__all__ = ["CASES", "Case"]

GIB = 2**30


@dataclass(frozen=True, slots=True)
class Case:
    """One start."""

    name: str
    config: dict[str, Any]
    layers: str
    heads: int = 4
    head_size: int = 64
    window: int = 0
    state: State | None = None
    tensor: int = 1
    stages: tuple[int, ...] = ()
    length: int = 8192
    batched_tokens: int = 2048
    available: tuple[int, ...] = (3 * GIB + 12345,)
    runner: str = "v2"
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])
    """By the engine's Python names."""
    block: int = 16
    """Of the attention kernel."""
    capability: str = "9.0"
    sparse: str = ""
    """With an indexer: `plain`, or `fp8` for vLLM's packed form."""
    environment: dict[str, str] = field(default_factory=dict[str, str])


def _config(architecture: str, kind: str, layers: int, **fields: object) -> dict[str, Any]:
    sizes: dict[str, Any] = {
        "architectures": [architecture],
        "model_type": kind,
        "dtype": "bfloat16",
        "hidden_size": 512,
        "intermediate_size": 1024,
        "num_hidden_layers": layers,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 64,
        "vocab_size": 4096,
        "max_position_embeddings": 1048576,
    }
    return {name: value for name, value in {**sizes, **fields}.items() if value is not None}


def _types(layers: str, local: str = "sliding_attention") -> list[str]:
    return [local if letter in "wc" else "full_attention" for letter in layers]


LLAMA = _config("LlamaForCausalLM", "llama", 12)
MISTRAL = _config("MistralForCausalLM", "mistral", 12, sliding_window=4096)
GEMMA2_LAYERS = "wf" * 13
GEMMA2 = _config(
    "Gemma2ForCausalLM",
    "gemma2",
    26,
    sliding_window=4096,
    layer_types=_types(GEMMA2_LAYERS),
    query_pre_attn_scalar=64,
    attn_logit_softcapping=None,
    final_logit_softcapping=30.0,
    hidden_activation="gelu_pytorch_tanh",
)
GEMMA3_LAYERS = ("wwwwwf" * 5)[:26]
GEMMA3 = _config(
    "Gemma3ForCausalLM",
    "gemma3_text",
    26,
    sliding_window=1024,
    layer_types=_types(GEMMA3_LAYERS),
    query_pre_attn_scalar=64,
    hidden_activation="gelu_pytorch_tanh",
)
GPT_OSS_LAYERS = "wf" * 12
GPT_OSS = _config(
    "GptOssForCausalLM",
    "gpt_oss",
    24,
    sliding_window=128,
    layer_types=_types(GPT_OSS_LAYERS),
    num_local_experts=4,
    num_experts_per_tok=2,
)
COHERE_LAYERS = "wwwf" * 8
COHERE = _config(
    "Cohere2ForCausalLM", "cohere2", 32, sliding_window=4096, layer_types=_types(COHERE_LAYERS), head_dim=None
)
DEEPSEEK = _config(
    "DeepseekV2ForCausalLM",
    "deepseek_v2",
    9,
    num_key_value_heads=8,
    head_dim=None,
    kv_lora_rank=512,
    q_lora_rank=None,
    qk_nope_head_dim=128,
    qk_rope_head_dim=64,
    v_head_dim=128,
    n_routed_experts=4,
    n_shared_experts=1,
    num_experts_per_tok=2,
    moe_intermediate_size=256,
    first_k_dense_replace=1,
    moe_layer_freq=1,
    n_group=1,
    topk_group=1,
    topk_method="greedy",
    scoring_func="softmax",
    norm_topk_prob=False,
    routed_scaling_factor=1.0,
)
NEXT_LAYERS = "sssf" * 6
NEXT = _config(
    "Qwen3NextForCausalLM",
    "qwen3_next",
    24,
    num_key_value_heads=2,
    head_dim=256,
    layer_types=["linear_attention" if letter == "s" else "full_attention" for letter in NEXT_LAYERS],
    linear_conv_kernel_dim=4,
    linear_key_head_dim=128,
    linear_value_head_dim=128,
    linear_num_key_heads=16,
    linear_num_value_heads=32,
    num_experts=4,
    num_experts_per_tok=2,
    moe_intermediate_size=256,
    shared_expert_intermediate_size=256,
    decoder_sparse_step=1,
    mlp_only_layers=[],
    partial_rotary_factor=0.25,
    norm_topk_prob=True,
)
DELTA = State("gated-delta", 2 * 16 * 128 + 32 * 128, 4, 32, 128, 128)
GRANITE_LAYERS = "sssssfssss"
GRANITE = _config(
    "GraniteMoeHybridForCausalLM",
    "granitemoehybrid",
    10,
    head_dim=None,
    layer_types=["mamba" if letter == "s" else "attention" for letter in GRANITE_LAYERS],
    mamba_n_heads=16,
    mamba_d_head=64,
    mamba_n_groups=1,
    mamba_d_state=128,
    mamba_d_conv=4,
    mamba_expand=2,
    mamba_chunk_size=256,
    mamba_conv_bias=True,
    mamba_proj_bias=False,
    num_local_experts=0,
    num_experts_per_tok=0,
    shared_intermediate_size=1024,
    position_embedding_type="nope",
)
FALCON_LAYERS = "b" * 7
FALCON = _config(
    "FalconH1ForCausalLM",
    "falcon_h1",
    7,
    mamba_d_ssm=1024,
    mamba_n_heads=16,
    mamba_d_head=64,
    mamba_n_groups=1,
    mamba_d_state=128,
    mamba_d_conv=4,
    mamba_expand=2,
    mamba_chunk_size=256,
    mamba_conv_bias=True,
    mamba_proj_bias=False,
    mamba_use_mlp=True,
)
MAMBA2 = State("mamba2", 1024 + 2 * 128, 4, 16, 64, 128)
JAMBA_LAYERS = "sssfsssf"
JAMBA = _config(
    "JambaForCausalLM",
    "jamba",
    8,
    head_dim=None,
    attn_layer_offset=3,
    attn_layer_period=4,
    expert_layer_offset=1,
    expert_layer_period=2,
    num_experts=2,
    num_experts_per_tok=1,
    mamba_d_state=16,
    mamba_d_conv=4,
    mamba_expand=2,
    mamba_dt_rank=32,
    mamba_conv_bias=True,
    mamba_proj_bias=False,
    use_mamba_kernels=False,
)
MAMBA1 = State("mamba1", 1024, 4, 1, 1024, 16)
LLAMA4_LAYERS = "cccf" * 3
LLAMA4 = _config(
    "Llama4ForCausalLM",
    "llama4_text",
    12,
    attention_chunk_size=8192,
    layer_types=_types(LLAMA4_LAYERS, "chunked_attention"),
    no_rope_layers=[int(letter == "c") for letter in LLAMA4_LAYERS],
    num_local_experts=2,
    num_experts_per_tok=1,
    intermediate_size_mlp=1024,
    interleave_moe_layer_step=2,
    use_qk_norm=True,
)
SPARSE = {**LLAMA, "index_topk": 2048, "index_head_dim": 128}
FP8 = {"kv_cache_dtype": "fp8"}
NO_CHUNKS = {"VLLM_ALLOW_CHUNKED_LOCAL_ATTN_WITH_HYBRID_KV_CACHE": "0"}
GUESSES = {
    "speculative_config": {
        "method": "ngram",
        "num_speculative_tokens": 2,
        "prompt_lookup_max": 3,
        "prompt_lookup_min": 1,
    }
}
WHOLE = {"disable_hybrid_kv_cache_manager": True}

_LLAMA = ("llama", LLAMA, "f" * 12)
_MISTRAL = ("mistral", MISTRAL, "w" * 12)
_GEMMA2 = ("gemma2", GEMMA2, GEMMA2_LAYERS)
_GEMMA3 = ("gemma3", GEMMA3, GEMMA3_LAYERS)
_GPT_OSS = ("gpt-oss", GPT_OSS, GPT_OSS_LAYERS)
_COHERE = ("cohere2", COHERE, COHERE_LAYERS)
_LLAMA4 = ("llama4", LLAMA4, LLAMA4_LAYERS)
_DEEPSEEK = ("deepseek", DEEPSEEK, "l" * 9)
_NEXT = ("qwen3-next", NEXT, NEXT_LAYERS)
_GRANITE = ("granite-hybrid", GRANITE, GRANITE_LAYERS)
_FALCON = ("falcon-h1", FALCON, FALCON_LAYERS)
_JAMBA = ("jamba", JAMBA, JAMBA_LAYERS)
_TWO = (2 * GIB + 1, 3 * GIB - 7)

CASES = (
    Case(*_LLAMA),
    Case(*_LLAMA, length=8190, available=(GIB + 777,)),
    Case(*_LLAMA, tensor=2, length=100_000, arguments=FP8),
    Case(*_LLAMA, tensor=8, length=16_383),
    Case(*_LLAMA, stages=(6, 6), available=_TWO),
    Case(*_LLAMA, stages=(5, 4, 3), available=(GIB, GIB - 1, GIB + 1)),
    Case(*_LLAMA, arguments={"block_size": 64}, block=64, length=5000),
    Case(*_LLAMA, arguments={"num_gpu_blocks_override": 4097}),
    Case(*_LLAMA, arguments={"num_gpu_blocks_override": 512}),
    Case(*_LLAMA, arguments={"num_gpu_blocks_override": 513}),
    Case(*_MISTRAL, window=4096, length=32_768),
    Case(*_MISTRAL, window=4096, length=32_768, runner="v1", arguments=FP8),
    Case(*_MISTRAL, window=4096, length=4096, stages=(6, 6), available=_TWO),
    Case(*_MISTRAL, window=4096, length=32_768, arguments=WHOLE),
    Case(*_GEMMA2, window=4096),
    Case(*_GEMMA2, window=4096, length=100_001, tensor=2),
    Case(*_GEMMA2, window=4096, length=32_768, runner="v1", stages=(13, 13), available=_TWO),
    Case(*_GEMMA2, window=4096, arguments=WHOLE),
    Case(*_GEMMA3, window=1024),
    Case(*_GEMMA3, window=1024, length=131_072, batched_tokens=8192),
    Case(*_GEMMA3, window=1024, length=32_768, stages=(14, 12), available=_TWO),
    Case(*_GEMMA3, window=1024, length=32_768, stages=(9, 9, 8), available=(GIB, GIB, GIB - 99), arguments=FP8),
    Case(*_GEMMA3, window=1024, length=32_768, arguments=WHOLE, tensor=4),
    Case(*_GEMMA3, window=1024, length=32_768, arguments={"async_scheduling": False}),
    Case(*_GPT_OSS, window=128, length=131_072),
    Case(*_GPT_OSS, window=128, length=131_072, tensor=4, batched_tokens=16_384),
    Case(*_GPT_OSS, window=128, length=40_000, stages=(12, 12), available=_TWO, arguments=FP8),
    Case(*_COHERE, window=4096, length=65_536),
    Case(*_COHERE, window=4096, length=65_536, stages=(11, 11, 10), available=(GIB, GIB, GIB), runner="v1"),
    Case(*_LLAMA4, window=8192, length=65_536),
    Case(*_LLAMA4, window=8192, length=65_536, environment=NO_CHUNKS),
    Case(*_LLAMA4, window=8192, length=65_536, stages=(7, 5), available=_TWO, runner="v1"),
    Case(*_LLAMA, tensor=8, length=32_700, arguments={"decode_context_parallel_size": 2}),
    Case(*_DEEPSEEK, length=32_768),
    Case(*_DEEPSEEK, length=32_768, tensor=4, stages=(5, 4), available=_TWO),
    Case(*_DEEPSEEK, length=32_768, block=64, arguments=FP8),
    Case(*_DEEPSEEK, length=32_700, block=32, capability="10.0"),
    Case(*_NEXT, heads=2, head_size=256, state=DELTA, length=32_768, arguments={"enable_prefix_caching": False}),
    Case(*_NEXT, heads=2, head_size=256, state=DELTA, length=32_768),
    Case(
        *_NEXT,
        heads=2,
        head_size=256,
        state=DELTA,
        length=32_768,
        tensor=2,
        arguments={"mamba_ssm_cache_dtype": "float32"},
    ),
    Case(*_NEXT, heads=2, head_size=256, state=DELTA, length=50_000, stages=(12, 12), available=_TWO, arguments=FP8),
    Case(*_NEXT, heads=2, head_size=256, state=DELTA, length=32_768, arguments=GUESSES),
    Case(*_GRANITE, state=MAMBA2, length=16_384, arguments=GUESSES),
    Case(*_MISTRAL, window=4096, length=4096, arguments={"disable_sliding_window": True}),
    Case(*_GRANITE, state=MAMBA2, length=16_384),
    Case(*_FALCON, state=MAMBA2, length=16_384),
    Case(*_FALCON, state=MAMBA2, length=16_384, stages=(4, 3), available=_TWO),
    Case(*_GRANITE, state=MAMBA2, length=16_384, tensor=4, arguments={"enable_prefix_caching": False}),
    Case(*_GRANITE, state=MAMBA2, length=16_384, stages=(6, 4), available=_TWO, arguments={"block_size": 64}, block=64),
    Case(*_JAMBA, state=MAMBA1, length=16_384),
    Case(*_JAMBA, state=MAMBA1, length=16_384, tensor=2, arguments={"mamba_ssm_cache_dtype": "float32"}),
    Case("v3.2", SPARSE, "l" * 9, length=32_768, block=64, sparse="plain"),
    Case("v3.2", SPARSE, "l" * 9, length=32_768, block=64, sparse="fp8", stages=(5, 4), available=_TWO, arguments=FP8),
    Case(*_LLAMA, length=200_000, available=(GIB,)),
    Case(*_GEMMA2, window=4096, length=200_000, available=(GIB,)),
)
