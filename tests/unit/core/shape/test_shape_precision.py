from __future__ import annotations

from typing import Any

import pytest
import shape_configs as configs

from shardwright.core.shape import ModelShape, shape_of


def read(quantization: dict[str, Any], config: dict[str, Any] = configs.LLAMA_8B) -> ModelShape:
    """The shape with this `quantization_config`."""
    return shape_of({**config, "quantization_config": quantization}, name="m", source="t")


def sizes(shape: ModelShape, layer: int = 0) -> dict[str, float | None]:
    """Bytes of an element by tensor; None is the model's own dtype."""
    return {weight.name: weight.element_bytes for weight in shape.layers[layer].weights}


GROUP = {"num_bits": 4, "group_size": 128, "symmetric": True}


@pytest.mark.parametrize(
    ("quantization", "element_bytes"),
    [
        ({"quant_method": "fp8"}, 1.0),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, 1 + 4 / 16384),
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, 0.5 + 2.5 / 128),
        ({"quant_method": "gptq", "bits": 8, "group_size": -1}, 1.0),
        ({"quant_method": "awq", "bits": 4, "group_size": 64}, 0.5 + 2.5 / 64),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, 0.5),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, 1.0),
        ({"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": {"num_bits": 8}}}}, 1.0),
        ({"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": GROUP}}}, 0.5 + 2 / 128),
    ],
)
def test_bytes_an_element_of_each_quantization(quantization: dict[str, Any], element_bytes: float) -> None:
    """int8, fp8 and int4 in all their forms, scales and zero points included."""
    shape = read(quantization)
    assert sizes(shape)["mlp.up_proj.weight"] == pytest.approx(element_bytes)
    assert shape.quantization == quantization["quant_method"]


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
        ("ignore", "1"),
    ],
)
def test_excluded_modules_keep_their_dtype(key: str, excluded: str) -> None:
    """A module may be named for one layer only, in full, in part or as a pattern."""
    shape = read({"quant_method": "fp8", key: [excluded, 7]})
    assert [sizes(shape, layer)["mlp.up_proj.weight"] for layer in (0, 1, 2)] == [1.0, None, 1.0]


def test_int4_is_bounded_because_engines_repack_it() -> None:
    """Kernels hold int4 weights in a form of their own, a few per cent larger."""
    assert "repack" in read({"quant_method": "awq", "bits": 4}).bound
    assert read({"quant_method": "fp8"}).bound == ""


def test_an_unknown_quantization_is_counted_unquantized() -> None:
    """An upper bound, and it says so."""
    shape = read({"quant_method": "quark"})
    assert "'quark' is not known" in shape.bound
    assert sizes(shape)["mlp.up_proj.weight"] is None


def test_a_broken_pattern_excludes_nothing() -> None:
    """A pattern from a stranger's file that is no regular expression is passed over."""
    assert sizes(read({"quant_method": "fp8", "ignore": ["re:(("]}))["mlp.up_proj.weight"] == 1.0


def test_a_quantized_model_is_as_large_as_its_files() -> None:
    """DeepSeek-V3's files hold 671 billion parameters in about as many bytes, not twice as many."""
    shape = shape_of(configs.DEEPSEEK_V3_FP8, name="m", source="t")
    assert 1.0 < shape.weights_bytes / shape.parameters < 1.01
    assert read({"quant_method": "quark"}).weights_bytes == 2 * 8_030_261_248
