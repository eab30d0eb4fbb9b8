from __future__ import annotations

import contextlib
import math
from typing import Any

import pytest
import shape_configs as configs
import shape_configs_mixtures as mixtures
from hypothesis import given
from hypothesis import strategies as st

from shardwright import errors
from shardwright.core.shape import shape_of
from shardwright.core.shape.checkpoint import Checkpoint, Tensor


def fault(config: dict[str, Any]) -> str:
    """The message of the error that a configuration gives."""
    with pytest.raises(errors.InputError) as caught:
        shape_of(config, name="model", source="config.json")
    return str(caught.value)


@pytest.mark.parametrize(
    ("config", "field", "value", "said"),
    [
        (configs.LLAMA_8B, "hidden_size", None, "is missing"),
        (configs.LLAMA_8B, "num_hidden_layers", 0, "0 is not a whole number from 1 to 4096"),
        (configs.LLAMA_8B, "vocab_size", "128256", "'128256' is not a whole number"),
        (configs.LLAMA_8B, "num_attention_heads", True, "True is not a whole number"),
        (configs.LLAMA_8B, "intermediate_size", 10**30, "is not a whole number"),
        (configs.LLAMA_8B, "max_position_embeddings", 8192.5, "8192.5 is not a whole number"),
        (configs.LLAMA_8B, "num_key_value_heads", 7, "7 does not divide num_attention_heads, 32"),
        (
            configs.LLAMA_8B,
            "hidden_size",
            4100,
            "4100 is not a multiple of num_attention_heads, 32, and head_dim is not",
        ),
        (configs.LLAMA_8B, "tie_word_embeddings", "yes", "'yes' is not true or false"),
        (configs.LLAMA_8B, "dtype", "int4", "'int4' is not one of bfloat16, float16, float32"),
        (configs.LLAMA_8B, "architectures", "LlamaForCausalLM", "is not a list of names"),
        (configs.LLAMA_8B, "quantization_config", "fp8", "'fp8' is not an object"),
        (configs.FALCON_40B, "num_kv_heads", 9, "9 does not divide num_attention_heads, 128"),
        (configs.FALCON_40B, "hidden_size", 8200, "8200 is not a multiple"),
        (configs.MIXTRAL_8X7B, "num_local_experts", None, "is missing"),
        (configs.MIXTRAL_8X7B, "num_experts_per_tok", 9, "9 is not a whole number from 1 to 8"),
        (configs.QWEN3_30B_A3B, "mlp_only_layers", 3, "3 is not a list of whole numbers"),
        (configs.DEEPSEEK_V3, "kv_lora_rank", [], "[] is not a whole number"),
        (configs.DEEPSEEK_V3, "attention_bias", True, "True is not known for this architecture"),
        (configs.DEEPSEEK_V3, "num_nextn_predict_layers", 10**9, "is not a whole number from 0 to 64"),
        (configs.DEEPSEEK_V3, "rope_scaling", [1, 2], "[1, 2] is not an object"),
        (mixtures.GPT_OSS_20B, "num_local_experts", math.nan, "nan is not a whole number"),
        (mixtures.GPT_OSS_20B, "sliding_window", None, "is missing"),
        (mixtures.GLM_AIR, "partial_rotary_factor", math.nan, "nan is not a number above 0, at most 1"),
        (mixtures.GLM_AIR, "partial_rotary_factor", math.inf, "inf is not a number above 0, at most 1"),
        (mixtures.LLAMA4_SCOUT, "text_config", None, "is missing"),
        (mixtures.QWEN3_NEXT_80B, "layer_types", ["full_attention"], "has 1 entries for 48 layers"),
        (mixtures.QWEN3_NEXT_80B, "layer_types", "full_attention", "'full_attention' is not a list of texts"),
        (mixtures.BAMBA_9B, "mamba_n_heads", 7, "7 heads of 64 are not the inner width, 8192"),
        (mixtures.NEMOTRON_H_8B, "hybrid_override_pattern", "MX", "'MX' is not a text of M * - E"),
        (mixtures.NEMOTRON_H_8B, "num_hidden_layers", 51, "51 is not the 52 letters of the pattern"),
        (mixtures.JAMBA_MINI, "mamba_dt_rank", "big", "'big' is not a whole number"),
    ],
)
def test_each_fault_names_its_field(config: dict[str, Any], field: str, value: object, said: str) -> None:
    """One clear error: where it was read, which field, what was seen, what would be right."""
    message = fault({**config, field: value})
    assert message.startswith(f"config.json: {field}: ")
    assert said in message


def test_an_unknown_architecture_is_never_counted_as_another() -> None:
    """It is refused with the names of the known ones, and what would make a bound possible."""
    message = fault({**configs.LLAMA_8B, "architectures": ["GPT2LMHeadModel"]})
    assert "architectures: GPT2LMHeadModel is not known" in message
    assert "LlamaForCausalLM" in message
    assert "safetensors" in message


def test_no_architecture_at_all_is_said() -> None:
    """A JSON file that is no model's configuration does not become a model."""
    assert "architectures: none named is not known" in fault({"name": "package"})


def test_an_architecture_may_be_named_by_the_model_type() -> None:
    """Configurations without `architectures` still say what they are."""
    config = {**configs.QWEN3_30B_A3B, "architectures": None}
    assert shape_of(config, name="m", source="t").architecture == "Qwen3MoeForCausalLM"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.sampled_from(
        [
            configs.LLAMA_8B,
            configs.FALCON_40B,
            configs.DEEPSEEK_V3_FP8,
            mixtures.GPT_OSS_20B,
            mixtures.LLAMA4_SCOUT,
            mixtures.QWEN3_NEXT_80B,
            mixtures.GRANITE4_TINY,
            mixtures.JAMBA_MINI,
        ]
    ),
    st.data(),
)
def test_no_value_of_any_field_escapes_as_a_crash(config: dict[str, Any], data: st.DataObject) -> None:
    """Whatever stands in a field, the answer is a shape or an InputError."""
    field = data.draw(st.sampled_from(sorted(config)))
    changed = {**config, field: data.draw(_JSON)}
    checkpoint = data.draw(st.sampled_from([None, Checkpoint((Tensor("a.b", "F32", (2,), 8),), 8)]))
    with contextlib.suppress(errors.InputError):
        assert shape_of(changed, name="m", source="t", checkpoint=checkpoint).parameters > 0
