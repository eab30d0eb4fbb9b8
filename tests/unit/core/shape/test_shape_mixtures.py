from __future__ import annotations

from typing import Any

import pytest
import shape_configs as configs
import shape_configs_mixtures as mixtures

from shardwright.core.shape import ModelShape, Split, shape_of
from shardwright.core.shape.sharding import rank_elements, rotary_tables

GPT_OSS_120B = {**mixtures.GPT_OSS_20B, "num_hidden_layers": 36, "num_local_experts": 128}
QWEN3_235B = {
    **configs.QWEN3_30B_A3B,
    "hidden_size": 4096,
    "num_hidden_layers": 94,
    "num_attention_heads": 64,
    "moe_intermediate_size": 1536,
}
MIXTRAL_8X22B = {
    **configs.MIXTRAL_8X7B,
    "hidden_size": 6144,
    "intermediate_size": 16384,
    "num_hidden_layers": 56,
    "num_attention_heads": 48,
    "vocab_size": 32768,
}
DEEPSEEK_V3_DRAFT = {**configs.DEEPSEEK_V3, "num_nextn_predict_layers": 1}


def read(config: dict[str, Any], **changes: object) -> ModelShape:
    """The shape of a configuration with some fields changed."""
    return shape_of({**config, **changes}, name="model", source="test")


def all_elements(shape: ModelShape) -> int:
    """Everything in the files: layers, encoder, layers for speculation."""
    encoder = sum(weight.elements for weight in shape.encoder if not weight.auxiliary)
    return shape.parameters + encoder + sum(w.elements for layer in shape.draft_layers for w in layer.weights)


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        (MIXTRAL_8X22B, 140_630_071_296),
        (QWEN3_235B, 235_093_634_560),
        (mixtures.DEEPSEEK_V2_LITE, 15_706_484_224),
        (DEEPSEEK_V3_DRAFT, 684_489_845_504),
        (mixtures.GPT_OSS_20B, 20_914_757_184),
        (GPT_OSS_120B, 116_829_156_672),
        (mixtures.LLAMA4_SCOUT, 108_641_793_536),
        (mixtures.PHI_MOE, 41_873_153_344),
        (mixtures.OLMOE_7B, 6_919_161_856),
        (mixtures.GLM_AIR, 110_468_824_832),
        (mixtures.GRANITE_MOE_1B, 1_334_628_352),
    ],
)
def test_elements_equal_the_published_count(config: dict[str, Any], parameters: int) -> None:
    """What a family counts is what the model's page says, layers for speculation and the encoder included."""
    shape = read(config)
    assert all_elements(shape) == parameters
    assert shape.bound == ""


@pytest.mark.parametrize(
    ("config", "billions"),
    [
        (configs.MIXTRAL_8X7B, 12.88),
        (configs.QWEN3_30B_A3B, 3.35),
        (QWEN3_235B, 22.19),
        (configs.DEEPSEEK_V3, 37.55),
        (mixtures.DEEPSEEK_V2_LITE, 2.66),
        (mixtures.LLAMA4_SCOUT, 17.17),
        (mixtures.OLMOE_7B, 1.28),
    ],
)
def test_parameters_that_a_token_passes(config: dict[str, Any], billions: float) -> None:
    """All but the experts that are not chosen: the second figure in the names of such models."""
    shape = read(config)
    assert shape.mixture is not None
    routed = sum(w.elements for layer in shape.layers for w in layer.weights if w.split is Split.EXPERTS)
    idle = routed * (1 - shape.mixture.experts_per_token / shape.mixture.experts)
    assert (shape.parameters - idle) / 1e9 == pytest.approx(billions, abs=0.01)


def sparse_layers(shape: ModelShape) -> list[int]:
    """Layers with experts."""
    return [i for i, layer in enumerate(shape.layers) if any(w.split is Split.EXPERTS for w in layer.weights)]


def test_llama4_takes_turns_between_experts_chunks_and_no_positions() -> None:
    """Every second layer has experts in the large one; every fourth sees the whole text and has no positions."""
    shape = read({**mixtures.LLAMA4_SCOUT["text_config"], "architectures": ["Llama4ForCausalLM"]})
    assert len(sparse_layers(shape)) == 48
    every_second = read(dict(shape.config), interleave_moe_layer_step=2)
    assert sparse_layers(every_second)[:3] == [1, 3, 5]
    kinds = [(layer.cache.kind, layer.cache.window_tokens) for layer in shape.layers[:4]]
    assert kinds == [("chunked", 8192)] * 3 + [("full", None)]
    assert [len(layer.rotary or ()) for layer in shape.layers[:4]] == [1, 1, 1, 0]


def test_gpt_oss_windows_every_second_layer_from_the_first() -> None:
    """Half of the layers keep 128 tokens, whatever the text's length."""
    kinds = [layer.cache.kind for layer in read(mixtures.GPT_OSS_20B).layers]
    assert kinds == ["window", "full"] * 12


def test_a_bias_behind_a_sum_of_experts_is_whole_on_every_rank() -> None:
    """What experts put out adds up over ranks; only with whole experts is their bias dealt out."""
    shape = read(mixtures.GPT_OSS_20B)
    bias = next(w for w in shape.layers[0].weights if w.name == "mlp.experts.down_proj_bias")
    assert rank_elements(bias, tensor=4, kv_heads=8, experts=32) == 32 * 2880
    assert rank_elements(bias, tensor=4, kv_heads=8, experts=32, expert_ranks=4) == 8 * 2880


def test_layers_for_speculation_are_beside_the_others() -> None:
    """They are no part of the model unless speculation asks for them."""
    shape = read(DEEPSEEK_V3_DRAFT)
    assert (len(shape.layers), len(shape.draft_layers)) == (61, 1)
    names = {weight.name for weight in shape.draft_layers[0].weights}
    assert {"eh_proj.weight", "shared_head.head.weight", "mlp.gate.weight"} <= names
    assert read(configs.DEEPSEEK_V3).draft_layers == ()


def test_an_indexer_is_counted_with_its_cache_and_its_table() -> None:
    """DeepSeek-V3.2 chooses tokens by a small head of its own, which every rank holds."""
    indexed = {"index_topk": 2048, "index_head_dim": 128, "index_n_heads": 64}
    shape = read(configs.DEEPSEEK_V3, architectures=["DeepseekV32ForCausalLM"], **indexed)
    extra = 64 * 128 * 1536 + (128 + 64) * 7168 + 2 * 128
    assert shape.parameters - read(configs.DEEPSEEK_V3).parameters == 61 * extra
    assert shape.layers[0].cache.index_size == 128
    assert len(rotary_tables(shape, shape.layers)) == 2


@pytest.mark.parametrize(
    ("config", "positions", "size"),
    [
        (mixtures.GPT_OSS_20B, 131072, 64),
        (mixtures.PHI_MOE, 131072 + 4096, 128),
        (mixtures.GLM_AIR, 131072, 64),
        (mixtures.MINIMAX_M2, 196608, 64),
        (mixtures.DEEPSEEK_V2_LITE, 163840, 64),
    ],
)
def test_tables_of_positions_follow_how_they_are_stretched(config: dict[str, Any], positions: int, size: int) -> None:
    """Longrope keeps two tables in one; where only part of a head is rotated, the table is that narrow."""
    shape = read(config)
    (table,) = rotary_tables(shape, shape.layers)
    assert (table.positions, table.size) == (positions, size)
