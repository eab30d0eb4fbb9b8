"""Models that read images: the language part as its own family reads it, the tower counted beside it."""

from __future__ import annotations

import contextlib
from typing import Any

import dense_configs as configs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardwright import errors
from shardwright.core.layout import Layout, split_layers
from shardwright.core.shape import ModelShape, shape_of
from shardwright.core.shape.checkpoint import Checkpoint, Tensor, expected_tensors
from shardwright.core.twin import Twin, twin_config

ALL = [config for config, _ in configs.IMAGE_COUNTS]
NAMES = [config["model_type"] for config in ALL]


def read(config: dict[str, Any], checkpoint: Checkpoint | None = None, **changes: object) -> ModelShape:
    """The shape of a configuration with some fields changed."""
    return shape_of({**config, **changes}, name="model", source="config.json", checkpoint=checkpoint)


@pytest.mark.parametrize(("config", "parameters"), configs.IMAGE_COUNTS, ids=NAMES)
def test_parameters_equal_the_published_count(config: dict[str, Any], parameters: int) -> None:
    """Language part and tower add up to what the model's page says."""
    shape = read(config)
    assert shape.parameters + sum(w.elements for w in shape.encoder if not w.auxiliary) == parameters
    assert shape.bound == ""


@pytest.mark.parametrize("config", ALL, ids=NAMES)
def test_a_checkpoint_with_the_towers_tensors_has_nothing_unknown(config: dict[str, Any]) -> None:
    """Every name that the family expects is looked for under the prefix that the checkpoint has."""
    shape = read(config)
    named = [*expected_tensors(shape), *((w.name, (w.rows, w.columns)) for w in shape.encoder if not w.auxiliary)]
    stored = [Tensor(name, "BF16", size, 2) for name, size in named]
    checked = read(config, Checkpoint(tuple(stored), 2 * len(stored)))
    assert checked.bound == ""
    assert not any("not known" in note for note in checked.notes)


def test_names_stand_below_the_checkpoints_prefix() -> None:
    """Qwen3's language part is inside the model, its output matrix is not."""
    assert read(configs.GEMMA3_4B).layer_prefix == "language_model.model.layers."
    assert read(configs.QWEN2_VL_7B).layer_prefix == "model.layers."
    shape = read(configs.QWEN3_VL_8B)
    assert shape.layer_prefix == "model.language_model.layers."
    assert [weight.name for weight in shape.head] == ["model.language_model.norm.weight", "lm_head.weight"]


def test_sections_of_qwen2_are_read_like_flat_files() -> None:
    """Newer files put the language part into a section."""
    outer = ("architectures", "model_type", "vision_config")
    flat = {key: configs.QWEN25_VL_7B[key] for key in outer}
    text = {key: value for key, value in configs.QWEN25_VL_7B.items() if key not in outer}
    text["model_type"] = "qwen2_5_vl_text"
    assert read({**flat, "text_config": text}).layers == read(configs.QWEN25_VL_7B).layers


def test_llavas_tower_ends_where_its_features_are_taken() -> None:
    """The last layer is left out for features of the last but one."""
    names = {weight.name for weight in read(configs.LLAVA_7B).encoder}
    assert any(".layers.22." in name for name in names)
    assert not any(".layers.23." in name or "post_layernorm" in name for name in names)
    assert any(".layers.23." in weight.name for weight in read(configs.LLAVA_7B, vision_feature_layer=-1).encoder)


def test_the_language_part_may_name_the_dtype() -> None:
    """Where the file itself does not."""
    text = {**configs.QWEN3_VL_8B["text_config"], "torch_dtype": "float16"}
    assert read(configs.QWEN3_VL_8B, text_config=text).dtype == "float16"


@pytest.mark.parametrize("config", ALL, ids=NAMES)
def test_the_twin_reads_text_only(config: dict[str, Any]) -> None:
    """It has the language part's architecture and no tower, and its notes say so."""
    shape = read(config)
    layout = Layout(1, 2, 2, 1, split_layers(len(shape.layers), 2))
    twin = twin_config(shape, layout, 64 << 30)
    assert isinstance(twin, Twin)
    assert twin.shape.architecture.endswith("ForCausalLM")
    assert twin.shape.encoder == ()
    assert f"architecture {shape.architecture} -> {twin.shape.architecture}" in twin.notes


@pytest.mark.parametrize(
    ("config", "changes", "said"),
    [
        (configs.GEMMA3_4B, {"text_config": None}, "text_config: is missing"),
        (configs.GEMMA3_4B, {"vision_config": None}, "vision_config: is missing"),
        (configs.GEMMA3_4B, {"vision_config": {**configs.SIGLIP, "image_size": 8}}, "image_size: it is 0 times"),
        (configs.LLAVA_7B, {"text_config": {"model_type": "gpt2"}}, "model_type: 'gpt2' is not known here"),
        (configs.LLAVA_7B, {"vision_config": {"model_type": "vit"}}, "model_type: 'vit' is not known here"),
        (configs.LLAVA_7B, {"vision_feature_layer": -30}, "vision_feature_layer: -30 is not a whole number"),
        (configs.MISTRAL_SMALL_31, {"spatial_merge_size": 0}, "spatial_merge_size: 0 is not a whole number"),
        (configs.QWEN2_VL_7B, {"vision_config": {"num_heads": 7}}, "num_heads: 7 does not divide the width, 1280"),
        (configs.QWEN3_VL_8B, {"vision_config": []}, "vision_config: [] is not an object"),
    ],
)
def test_each_fault_names_its_field(config: dict[str, Any], changes: dict[str, Any], said: str) -> None:
    """One clear error for every field that is missing or wrong, in the file or in a section of it."""
    with pytest.raises(errors.InputError) as caught:
        read(config, **changes)
    assert said in str(caught.value)


_JSON = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers(), max_size=3)
)


@given(st.sampled_from([*ALL, *(config for config, _ in configs.COUNTS)]), st.data())
def test_no_value_of_any_field_escapes_as_a_crash(config: dict[str, Any], data: st.DataObject) -> None:
    """Whatever stands in a field of the file or of a section, the answer is a shape or an InputError."""
    section = data.draw(st.sampled_from([None, *(key for key, value in config.items() if isinstance(value, dict))]))
    place = config if section is None else config[section]
    changed = {**place, data.draw(st.sampled_from(sorted(place))): data.draw(_JSON)}
    with contextlib.suppress(errors.InputError):
        assert read(changed if section is None else {**config, section: changed}).parameters > 0
