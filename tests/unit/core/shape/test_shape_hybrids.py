from __future__ import annotations

from typing import Any

import pytest
import shape_configs_mixtures as mixtures

from shardwright.core.shape import ModelShape, shape_of
from shardwright.core.shape.checkpoint import expected_tensors
from shardwright.core.shape.sharding import rank_elements, rotary_tables


def read(config: dict[str, Any], **changes: object) -> ModelShape:
    """The shape of a configuration with some fields changed."""
    return shape_of({**config, **changes}, name="model", source="test")


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        (mixtures.BAMBA_9B, 9_780_235_392),
        (mixtures.GRANITE4_TINY, 6_939_037_248),
        (mixtures.JAMBA_MINI, 51_570_323_328),
        (mixtures.CODESTRAL_MAMBA, 7_285_403_648),
        (mixtures.NEMOTRON_H_8B, 8_100_852_736),
        (mixtures.NEMOTRON_30B_A3B, 31_577_940_288),
        (mixtures.QWEN3_NEXT_80B, 81_324_862_720 - 1_650_471_424),
    ],
)
def test_elements_equal_the_published_count(config: dict[str, Any], parameters: int) -> None:
    """Recurrent layers add up to what the model's page says; Qwen3-Next's page counts its layer for speculation."""
    assert read(config).parameters == parameters


@pytest.mark.parametrize(
    ("config", "recurrent", "attention"),
    [
        (mixtures.BAMBA_9B, 29, 3),
        (mixtures.GRANITE4_TINY, 36, 4),
        (mixtures.JAMBA_MINI, 28, 4),
        (mixtures.NEMOTRON_H_8B, 24, 4),
        (mixtures.QWEN3_NEXT_80B, 36, 12),
        (mixtures.FALCON_H1_1B, 24, 24),
        (mixtures.CODESTRAL_MAMBA, 64, 0),
    ],
)
def test_which_layers_keep_a_state_and_which_a_cache(config: dict[str, Any], recurrent: int, attention: int) -> None:
    """Most layers are recurrent; Falcon-H1's are both at once, and Mamba alone has no cache at all."""
    layers = read(config).layers
    assert sum(layer.state is not None for layer in layers) == recurrent
    assert sum(layer.cache.kind == "full" for layer in layers) == attention


def test_states_hold_what_the_recurrence_needs() -> None:
    """Columns of the convolution include those of groups or keys; the recurrent part is heads x size x state."""
    bamba = read(mixtures.BAMBA_9B).layers[0].state
    assert bamba is not None
    assert (bamba.kind, bamba.channels, bamba.kernel) == ("mamba2", 8192 + 2 * 128, 4)
    assert (bamba.heads, bamba.head_size, bamba.state_size, bamba.groups) == (128, 64, 128, 1)
    qwen = read(mixtures.QWEN3_NEXT_80B).layers[0].state
    assert qwen is not None
    assert (qwen.kind, qwen.channels) == ("gated-delta", 2 * 16 * 128 + 32 * 128)
    jamba = read(mixtures.JAMBA_MINI).layers[0].state
    assert jamba is not None
    assert (jamba.kind, jamba.channels, jamba.heads * jamba.head_size, jamba.state_size) == ("mamba1", 8192, 8192, 16)


def test_a_state_may_have_a_dtype_of_its_own() -> None:
    """Where the configuration asks for float32 states, they take four bytes whatever the model computes in."""
    state = read(mixtures.NEMOTRON_H_8B, mamba_ssm_cache_dtype="float32").layers[0].state
    assert state is not None
    assert state.element_bytes == 4.0


def test_a_group_is_repeated_where_ranks_are_more_than_groups() -> None:
    """One group of keys serves all heads, so every rank keeps it; eight groups are divided."""

    def rank(config: dict[str, Any], prefix: str, tensor: int) -> int:
        weights = read(config).layers[0].weights
        parts = [weight for weight in weights if weight.name == f"{prefix}.conv1d.weight"]
        return sum(rank_elements(weight, tensor=tensor, kv_heads=8) for weight in parts)

    assert rank(mixtures.GRANITE4_TINY, "mamba", 2) == (3072 // 2 + 2 * 128) * 4
    assert rank(mixtures.NEMOTRON_H_8B, "mixer", 4) == (8192 + 2 * 8 * 128) // 4 * 4


def test_convolutions_have_three_dimensions_in_checkpoints() -> None:
    """Parts that are divided by different rules are one tensor there."""
    tensors = dict(expected_tensors(read(mixtures.BAMBA_9B)))
    assert tensors["model.layers.0.mamba.conv1d.weight"] == (8192 + 2 * 128, 1, 4)
    assert tensors["model.layers.0.mamba.in_proj.weight"] == (2 * 8192 + 2 * 128 + 128, 4096)


def test_models_without_positions_have_no_table() -> None:
    """Granite 4, Nemotron-H and Jamba rotate nothing."""
    for config in (mixtures.GRANITE4_TINY, mixtures.NEMOTRON_H_8B, mixtures.JAMBA_MINI):
        shape = read(config)
        assert rotary_tables(shape, shape.layers) == ()
        assert shape.rotary_size == 0
