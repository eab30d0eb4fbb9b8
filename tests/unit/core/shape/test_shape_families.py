from __future__ import annotations

from typing import Any

import pytest
import shape_configs as configs

from shardwright.core.shape import ModelShape, Split, Weight, shape_of


def read(config: dict[str, Any], **changes: object) -> ModelShape:
    """The shape of a configuration with some fields changed; None removes one."""
    merged = {**config, **changes}
    return shape_of({k: v for k, v in merged.items() if v is not None}, name="model", source="test")


def weights(shape: ModelShape, layer: int = 0) -> dict[str, Weight]:
    """One layer's weights by name; the first part where a tensor has several."""
    return {weight.name: weight for weight in reversed(shape.layers[layer].weights)}


def test_qwen2_has_biases_on_queries_keys_and_values_only() -> None:
    """The biases follow their projections' division; the output projection has none."""
    layer = weights(read(configs.QWEN2_7B))
    assert [name for name in layer if name.endswith(".bias")] == [f"self_attn.{p}_proj.bias" for p in "vkq"]
    assert layer["self_attn.k_proj.bias"].split is Split.KV_HEADS
    assert layer["self_attn.q_proj.bias"].elements == 28 * 128


def test_qwen3_has_a_norm_for_queries_and_keys() -> None:
    """Head norms are as long as a head, which is not hidden size over heads here."""
    shape = read(configs.QWEN3_32B)
    assert shape.head_size == 128
    assert weights(shape)["self_attn.q_norm.weight"].elements == 128
    assert weights(shape)["self_attn.q_proj.weight"].rows == 64 * 128


def test_llama_output_bias_is_not_divided() -> None:
    """A bias behind a sum over ranks is added once, so every rank holds all of it."""
    layer = weights(read(configs.LLAMA_8B, attention_bias=True, mlp_bias=True))
    assert layer["self_attn.o_proj.bias"].split is Split.NONE
    assert layer["mlp.down_proj.bias"].split is Split.NONE
    assert layer["mlp.up_proj.bias"].split is Split.TENSOR


def test_llama_without_kv_heads_has_one_for_every_head() -> None:
    """Old configurations do not name them; the class has always read that as multi-head attention."""
    assert read(configs.LLAMA_8B, num_key_value_heads=None).kv_heads == 32


def test_mistral_keeps_only_its_window() -> None:
    """A sliding window bounds what a layer keeps of a long text."""
    mistral = {**configs.LLAMA_8B, "architectures": ["MistralForCausalLM"], "sliding_window": 4096}
    cache = read(mistral).layers[0].cache
    assert (cache.kind, cache.window_tokens) == ("window", 4096)
    assert read(mistral, sliding_window=None).layers[0].cache.kind == "full"


def test_qwen_windows_only_where_they_are_switched_on() -> None:
    """Qwen2 names a window that it does not use; where it does, the first layers stay full."""
    assert read(configs.QWEN2_7B).layers[-1].cache.kind == "full"
    shape = read(configs.QWEN2_7B, use_sliding_window=True, sliding_window=4096, max_window_layers=20)
    assert [layer.cache.kind for layer in shape.layers].count("window") == 8


@pytest.mark.parametrize(
    ("changes", "kv_heads"),
    [
        ({}, 8),
        ({"new_decoder_architecture": False}, 1),
        ({"new_decoder_architecture": False, "multi_query": False}, 128),
        ({"num_kv_heads": None, "n_head_kv": 4}, 4),
    ],
)
def test_falcon_counts_kv_heads_by_its_own_rules(changes: dict[str, Any], kv_heads: int) -> None:
    """`num_kv_heads` holds with the new architecture only; the old one has a single head, or all."""
    assert read(configs.FALCON_40B, **changes).kv_heads == kv_heads


@pytest.mark.parametrize(
    ("changes", "norms"),
    [
        ({}, ["ln_attn", "ln_mlp"]),
        ({"num_ln_in_parallel_attn": 1}, ["input_layernorm"]),
        ({"new_decoder_architecture": False}, ["input_layernorm"]),
        ({"new_decoder_architecture": False, "parallel_attn": False}, ["input_layernorm", "post_attention_layernorm"]),
    ],
)
def test_falcon_norms_follow_the_form_of_its_layers(changes: dict[str, Any], norms: list[str]) -> None:
    """One, two parallel or two sequential LayerNorms, each with a bias."""
    names = [weight.name for weight in read(configs.FALCON_40B, **changes).layers[0].weights if weight.columns == 1]
    assert names == [f"{norm}.{part}" for norm in norms for part in ("weight", "bias")]


def test_falcon_fuses_queries_keys_and_values_in_one_tensor() -> None:
    """The parts of the fused tensor are divided by different rules."""
    parts = [w for w in read(configs.FALCON_40B).layers[0].weights if "query_key_value" in w.name]
    assert [(part.rows, part.split) for part in parts] == [(8192, Split.TENSOR), (1024, Split.KV_HEADS)]


def test_deepseek_caches_one_latent_vector_for_all_heads() -> None:
    """The cache holds the compressed vector and the rotated part, on every rank."""
    shape = read(configs.DEEPSEEK_V3)
    cache = shape.layers[0].cache
    assert (cache.kind, cache.heads, cache.key_size, cache.value_size) == ("latent", 1, 576, 0)
    assert (shape.rotary_size, shape.head_size, shape.kv_heads) == (64, 192, 1)
    assert weights(shape)["self_attn.kv_a_proj_with_mqa.weight"].split is Split.NONE


def test_deepseek_starts_with_dense_layers() -> None:
    """The first three layers have a perceptron, all others experts and a shared one."""
    shape = read(configs.DEEPSEEK_V3)
    dense = ["mlp.gate_proj.weight" in weights(shape, layer) for layer in range(61)]
    assert dense == [True] * 3 + [False] * 58
    assert weights(shape, 3)["mlp.shared_experts.up_proj.weight"].rows == 2048
    assert weights(shape, 3)["mlp.gate.e_score_correction_bias"].element_bytes == 4.0


def test_deepseek_lite_does_not_compress_queries() -> None:
    """Without `q_lora_rank` queries are one projection of the hidden state."""
    shape = shape_of({**configs.DEEPSEEK_V3, "q_lora_rank": None}, name="model", source="test")
    assert "self_attn.q_proj.weight" in weights(shape)


def test_qwen_mixtures_may_keep_dense_layers() -> None:
    """`mlp_only_layers` and the step decide which layers have experts."""
    shape = read(configs.QWEN3_30B_A3B, mlp_only_layers=[3], decoder_sparse_step=2)
    sparse = [layer for layer in range(8) if "mlp.gate.weight" in weights(shape, layer)]
    assert sparse == [1, 5, 7]


def test_layers_alike_are_one_object() -> None:
    """A model of many layers costs no more to count than one of few."""
    shape = read(configs.LLAMA_70B)
    assert len({id(layer) for layer in shape.layers}) == 1
