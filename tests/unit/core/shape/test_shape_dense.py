"""Dense families against published parameter counts, and what tells each from Llama."""

from __future__ import annotations

from typing import Any

import dense_configs as configs
import pytest

from shardwright import errors
from shardwright.core.shape import ModelShape, Split, shape_of


def read(config: dict[str, Any], **changes: object) -> ModelShape:
    """The shape of a configuration with some fields changed."""
    return shape_of({**config, **changes}, name="model", source="config.json")


def windows(shape: ModelShape) -> str:
    """One letter a layer: `w` for a window, `f` for a full one."""
    return "".join("w" if layer.cache.kind == "window" else "f" for layer in shape.layers)


@pytest.mark.parametrize(("config", "parameters"), configs.COUNTS, ids=[c["model_type"] for c, _ in configs.COUNTS])
def test_parameters_equal_the_published_count(config: dict[str, Any], parameters: int) -> None:
    """The tensors of a family add up to what the model's page says, and memory is predicted, not bounded."""
    shape = read(config)
    assert shape.parameters == parameters
    assert shape.bound == ""


@pytest.mark.parametrize(
    ("config", "changes", "pattern"),
    [
        (configs.GEMMA_7B, {}, "f" * 28),
        (configs.GEMMA2_9B, {}, "wf" * 21),
        (configs.GEMMA3_1B, {}, "wwwwwf" * 4 + "ww"),
        (configs.GEMMA3_1B, {"sliding_window_pattern": 2, "num_hidden_layers": 4}, "wfwf"),
        (configs.GEMMA3_1B, {"layer_types": ["full_attention", "sliding_attention"], "num_hidden_layers": 2}, "fw"),
        (configs.PHI3_MINI, {}, "w" * 32),
        (configs.PHI4, {"sliding_window": None}, "f" * 40),
        (configs.COMMAND_R, {"architectures": ["Cohere2ForCausalLM"], "num_hidden_layers": 5}, "wwwfw"),
        (configs.OLMO2_7B, {"architectures": ["Olmo3ForCausalLM"], "num_hidden_layers": 5}, "wwwfw"),
        (configs.QWEN3_8B, {"architectures": ["Exaone4ForCausalLM"], "num_hidden_layers": 6}, "wwwfwf"),
        (configs.QWEN3_8B, {"architectures": ["Exaone4ForCausalLM"], "sliding_window": None}, "f" * 36),
        (
            configs.QWEN3_8B,
            {"architectures": ["Exaone4ForCausalLM"], "sliding_window_pattern": "LLG", "num_hidden_layers": 4},
            "wwff",
        ),
    ],
)
def test_windows_follow_the_familys_pattern(config: dict[str, Any], changes: dict[str, Any], pattern: str) -> None:
    """A step, a list of kinds or a text; EXAONE's last layer is always full."""
    assert windows(read(config, **changes)) == pattern


@pytest.mark.parametrize(
    "config", [configs.GEMMA_7B, configs.GEMMA2_9B, configs.GEMMA3_1B, configs.COMMAND_R, configs.SMOLLM3]
)
def test_embeddings_are_tied_where_the_class_ties_them(config: dict[str, Any]) -> None:
    """These files say nothing of it: the last stage has no output matrix of its own."""
    shape = read(config)
    assert shape.tied_embeddings
    assert all(weight.split is not Split.VOCABULARY for weight in shape.head)


def test_gemma2_has_four_norms_a_layer() -> None:
    """Before and after attention, before and after the perceptron."""
    norms = [weight.name for weight in read(configs.GEMMA2_9B).layers[0].weights if weight.columns == 1]
    assert [name.removesuffix("_layernorm.weight") for name in norms] == [
        "input",
        "post_attention",
        "pre_feedforward",
        "post_feedforward",
    ]


def test_gemma3_rotates_its_two_kinds_of_layers_by_two_tables() -> None:
    """Stretched positions belong to the full layers; both spellings of the fields say so."""
    flat = read(configs.GEMMA3_1B, rope_scaling={"rope_type": "linear", "factor": 8.0})
    nested = read(
        configs.GEMMA3_1B,
        rope_parameters={
            "full_attention": {"rope_type": "linear", "factor": 8.0},
            "sliding_attention": {"rope_type": "default"},
        },
    )
    for shape in (flat, nested):
        sliding, full = shape.layers[0].rotary, shape.layers[5].rotary
        assert sliding is not None
        assert full is not None
        assert (sliding[0].positions, full[0].positions) == (32768, 8 * 32768)


def test_partial_rotation_makes_a_smaller_table() -> None:
    """GLM rotates half of a head, GPT-NeoX a quarter, Phi-2 two fifths."""
    assert read(configs.GLM4_9B).rotary_size == 64
    assert read(configs.GPT_NEOX_20B).rotary_size == 24
    assert read(configs.PHI2).rotary_size == 32


def test_phi3_long_context_keeps_both_tables() -> None:
    """Its own length stands beside the section that stretches positions."""
    scaling = {"type": "longrope", "short_factor": [1.0] * 48, "long_factor": [1.0] * 48}
    changes = {"max_position_embeddings": 131072, "original_max_position_embeddings": 4096, "rope_scaling": scaling}
    tables = read(configs.PHI3_MINI, **changes).layers[0].rotary
    assert tables is not None
    assert tables[0].positions == 131072 + 4096


def test_norms_over_all_heads_are_divided_in_cohere_and_whole_in_olmo() -> None:
    """Cohere's have a row for each head, OLMo's are one vector."""
    cohere = {w.name: w for w in read(configs.COMMAND_R_PLUS).layers[0].weights}
    assert cohere["self_attn.q_norm.weight"].split is Split.TENSOR
    assert cohere["self_attn.k_norm.weight"].split is Split.KV_HEADS
    olmo = {w.name: w for w in read(configs.OLMO2_7B).layers[0].weights}
    assert (olmo["self_attn.q_norm.weight"].split, olmo["self_attn.q_norm.weight"].elements) == (Split.NONE, 4096)


@pytest.mark.parametrize(
    ("config", "field", "value", "said"),
    [
        (configs.GEMMA3_1B, "sliding_window_pattern", 0, "0 is not a whole number from 1"),
        (configs.GEMMA3_1B, "layer_types", ["full_attention"], "1 entries, but num_hidden_layers is 26"),
        (configs.GEMMA2_9B, "layer_types", ["chunked"] * 42, "'chunked' is not one of full_attention"),
        (configs.COMMAND_R, "tie_word_embeddings", False, "False is not known for this architecture"),
        (configs.PHI2, "qk_layernorm", True, "True is not known for this architecture"),
        (configs.STABLELM_3B, "use_parallel_residual", True, "True is not known for this architecture"),
        (configs.GPT_NEOX_20B, "rotary_pct", 1.5, "1.5 is not a number above 0, at most 1"),
        (configs.SMOLLM3, "use_sliding_window", True, "True is not known for this architecture"),
        (configs.INTERNLM3_8B, "bias", "no", "'no' is not true or false"),
        (configs.PHI3_MINI, "rope_scaling", "long", "'long' is not an object"),
        (configs.SEED_36B, "attention_out_bias", 1, "1 is not true or false"),
        (configs.OLMO2_7B, "num_key_value_heads", 5, "5 does not divide num_attention_heads, 32"),
        (configs.EXAONE_7B, "intermediate_size", None, "is missing"),
        (configs.GLM4_9B, "partial_rotary_factor", "half", "'half' is not a number"),
    ],
)
def test_each_fault_names_its_field(config: dict[str, Any], field: str, value: object, said: str) -> None:
    """One clear error: where it was read, which field, what was seen, what would be right."""
    with pytest.raises(errors.InputError) as caught:
        read(config, **{field: value})
    assert str(caught.value).startswith(f"config.json: {field}: ")
    assert said in str(caught.value)
