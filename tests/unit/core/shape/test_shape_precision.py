from __future__ import annotations

from typing import Any

import pytest
import shape_configs as configs
import shape_configs_mixtures as mixtures

from shardwright.core.shape import ModelShape, Split, shape_of


def read(quantization: dict[str, Any], config: dict[str, Any] = configs.LLAMA_8B) -> ModelShape:
    """The shape with this `quantization_config`."""
    return shape_of({**config, "quantization_config": quantization}, name="m", source="t")


def sizes(shape: ModelShape, layer: int = 0) -> dict[str, float | None]:
    """Bytes of an element by tensor; None is the model's own dtype."""
    return {weight.name: weight.element_bytes for weight in shape.layers[layer].weights}


GROUP = {"num_bits": 4, "group_size": 128, "symmetric": True}
BLOCKS: dict[str, Any] = {"quant_method": "fp8", "weight_block_size": [128, 128]}
FLOAT4 = {"num_bits": 4, "type": "float", "group_size": 16}
FLOAT8 = {"num_bits": 8, "type": "float", "strategy": "channel"}


def compressed(weights: dict[str, Any], **group: object) -> dict[str, Any]:
    """A `quantization_config` of one group."""
    return {"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": weights, **group}}}


ROWS, COLUMNS = 14336, 4096
MATRIX = ROWS * COLUMNS


@pytest.mark.parametrize(
    ("quantization", "held_bytes"),
    [
        ({"quant_method": "fp8"}, MATRIX + 4),
        ({"quant_method": "fp8", "activation_scheme": "static"}, MATRIX + 8),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, MATRIX + MATRIX // 16384 * 4),
        ({"quant_method": "fbgemm_fp8"}, MATRIX + ROWS * 4),
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, MATRIX * (0.5 + 2.5 / 128)),
        ({"quant_method": "gptq", "bits": 8, "group_size": -1}, MATRIX + ROWS * 3),
        ({"quant_method": "awq", "bits": 4, "group_size": 64}, MATRIX * (0.5 + 2.5 / 64)),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, MATRIX * (0.5 + 4 / 64)),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, MATRIX + ROWS * 4),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, MATRIX + 8),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, MATRIX * (0.5 + 1 / 16) + 8),
        (compressed(FLOAT8), MATRIX + ROWS * 4),
        (compressed(FLOAT4), MATRIX * (0.5 + 1 / 16) + 4),
        (compressed(FLOAT4, input_activations=FLOAT4), MATRIX * (0.5 + 1 / 16) + 8),
        (compressed({**FLOAT4, "group_size": 32}), MATRIX * (0.5 + 1 / 32)),
        (compressed({"num_bits": 8, "strategy": "channel"}, input_activations={"dynamic": True}), MATRIX + ROWS * 4),
        (compressed(GROUP), MATRIX * (0.5 + 2 / 128)),
        (compressed({**GROUP, "symmetric": False}), MATRIX * (0.5 + 2.5 / 128)),
    ],
)
def test_bytes_of_a_projection_in_each_quantization(quantization: dict[str, Any], held_bytes: float) -> None:
    """int8, fp8, int4 and 4-bit floats in all their forms: the packed matrix, its scales and its zero points."""
    shape = read(quantization)
    parts = [weight for weight in shape.layers[0].weights if weight.name.startswith("mlp.up_proj.")]
    assert sum(shape.bytes_of(part) for part in parts) == pytest.approx(held_bytes, abs=0.01)
    assert shape.quantization == quantization["quant_method"]
    assert shape.parameters == 8_030_261_248


def test_scales_of_rows_stay_whole_where_columns_are_divided() -> None:
    """A rank has all rows of a projection that adds up over ranks, and so all their scales."""
    layer = {weight.name: weight for weight in read({"quant_method": "fbgemm_fp8"}).layers[0].weights}
    assert layer["mlp.down_proj.scale"].split is Split.NONE
    assert layer["mlp.up_proj.scale"].split is Split.TENSOR
    assert layer["self_attn.k_proj.scale"].split is Split.KV_HEADS


def test_experts_have_scales_of_their_own() -> None:
    """One scale an expert and projection, dealt out with the experts."""
    layer = {weight.name: weight for weight in read({"quant_method": "fp8"}, configs.MIXTRAL_8X7B).layers[0].weights}
    scale = layer["block_sparse_moe.experts.{expert}.w2.scale"]
    assert (scale.elements, scale.split) == (8, Split.EXPERTS_WHOLE)


def test_mxfp4_means_the_experts_only() -> None:
    """GPT-OSS's attention stays as it is; its experts take half a byte and a scale for every 32."""
    layer = sizes(read({"quant_method": "mxfp4"}, mixtures.GPT_OSS_20B))
    assert layer["mlp.experts.gate_up_proj"] == 0.5
    assert layer["self_attn.q_proj.weight"] is None
    assert read({"quant_method": "mxfp4"}, mixtures.GPT_OSS_20B).weights_bytes == pytest.approx(13_761_264_768, abs=4e6)


def test_groups_name_the_modules_they_mean() -> None:
    """The first group that names a module holds; a group for all modules of a class comes last."""
    groups = {
        "group_0": {"targets": ["Linear"], "weights": FLOAT8},
        "group_1": {"targets": [r"re:.*mlp\.(gate|up)_proj$"], "weights": FLOAT4},
    }
    layer = sizes(read({"quant_method": "compressed-tensors", "config_groups": groups, "ignore": ["lm_head"]}))
    assert (layer["mlp.up_proj.weight"], layer["mlp.down_proj.weight"]) == (0.5, 1.0)


@pytest.mark.parametrize(
    ("section", "dtype"),
    [
        ({"quant_method": "fp8"}, None),
        (compressed(FLOAT8) | {"kv_cache_scheme": {"num_bits": 8, "type": "float"}}, "fp8"),
        ({"quantization": {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}}, "fp8"),
    ],
)
def test_a_checkpoint_may_say_how_its_cache_is_kept(section: dict[str, Any], dtype: str | None) -> None:
    """Scales for an 8-bit cache come with the checkpoint."""
    assert read(section).kv_cache_dtype == dtype


def test_layers_for_speculation_are_quantized_as_well() -> None:
    """They carry the index after the last layer, by which they may be left out."""
    config = {**configs.DEEPSEEK_V3, "num_nextn_predict_layers": 1}
    section = {**BLOCKS, "modules_to_not_convert": ["model.layers.61.mlp"]}
    draft = read(section, config).draft_layers[0]
    held = {weight.name: weight.element_bytes for weight in draft.weights}
    assert (held["self_attn.o_proj.weight"], held["eh_proj.weight"]) == (1.0, None)
    assert held["mlp.experts.{expert}.up_proj.weight"] is None


def test_embedding_head_and_norms_stay_as_they_are() -> None:
    """Only projections are quantized: for small models the rest is a large share."""
    shape = read({"quant_method": "fp8"})
    assert sizes(shape)["input_layernorm.weight"] is None
    assert [weight.element_bytes for weight in (*shape.embedding, *shape.head)] == [None, None, None]


def test_routers_stay_as_they_are() -> None:
    """Which expert a token passes is decided in the model's own dtype."""
    layer = sizes(read({"quant_method": "fp8"}, configs.MIXTRAL_8X7B))
    assert layer["block_sparse_moe.gate.weight"] is None
    assert layer["block_sparse_moe.experts.{expert}.w1.weight"] == 1.0


@pytest.mark.parametrize(
    ("key", "excluded"),
    [
        ("modules_to_not_convert", "model.layers.1.mlp.up_proj"),
        ("ignore", r"re:.*layers\.1\.mlp\.up_proj"),
        ("exclude_modules", "model.layers.1.mlp*"),
        ("ignore", "*layers.1.mlp.up_proj"),
        ("ignore", "1"),
    ],
)
def test_excluded_modules_keep_their_dtype(key: str, excluded: str) -> None:
    """A module may be named for one layer only, in full, in part or as a pattern."""
    shape = read({"quant_method": "fp8", key: [excluded, 7]})
    assert [sizes(shape, layer)["mlp.up_proj.weight"] for layer in (0, 1, 2)] == [1.0, None, 1.0]


def test_int4_is_predicted_not_bounded() -> None:
    """What kernels repack is the engine's to count: 5.38 GiB were printed for a 7B model in AWQ, and 5.39 planned."""
    assert read({"quant_method": "awq", "bits": 4}).bound == ""
    assert read({"quant_method": "gptq", "bits": 4}).bound == ""


def test_an_unknown_quantization_is_counted_unquantized() -> None:
    """An upper bound, and it says so."""
    shape = read({"quant_method": "quark"})
    assert "'quark' is not known" in shape.bound
    assert sizes(shape)["mlp.up_proj.weight"] is None


@pytest.mark.parametrize("pattern", ["re:((", "re:(a+)+$", "re:" + ".*" * 9, "re:" + "(" * 300, "re:" + "a" * 10**5])
def test_a_pattern_that_is_broken_or_slow_excludes_nothing(pattern: str) -> None:
    """A pattern from a stranger's file that is no regular expression, or may take for ever, is passed over."""
    assert sizes(read({"quant_method": "fp8", "ignore": [pattern]}))["mlp.up_proj.weight"] == 1.0


def test_a_quantized_model_is_as_large_as_its_files() -> None:
    """DeepSeek-V3's files hold 671 billion parameters in about as many bytes, not twice as many."""
    shape = shape_of(configs.DEEPSEEK_V3_FP8, name="m", source="t")
    assert 1.0 < shape.weights_bytes / shape.parameters < 1.01
    assert read({"quant_method": "quark"}).weights_bytes == 2 * 8_030_261_248
