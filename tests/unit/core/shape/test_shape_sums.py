"""Sums of tensors against what vLLM 0.32's own model classes allocate, and against published parameter counts.

Origin of the GiB: each model instantiated with vLLM's classes on the meta device for one rank, parameters and buffers
summed, 2026-11; the rotary cache (positions x rotated size x 2 bytes) is one of the buffers. The counts are those of the
models' pages, checked with transformers 5.19 on the meta device (DeepSeek-V3's with its correction biases), 2026-11.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import shape_configs as configs

from shardwright.core.layout import split_layers
from shardwright.core.shape import shape_of, sharding
from shardwright.units import GIB

if TYPE_CHECKING:
    from shardwright.core.shape import ModelShape, Weight


def rank_bytes(weight: Weight, shape: ModelShape, tensor: int, expert_ranks: int) -> int:
    """Bytes of a tensor on the fullest rank, in the dtype of the checkpoint."""
    elements = sharding.rank_elements(
        weight,
        tensor=tensor,
        kv_heads=shape.kv_heads,
        experts=shape.mixture.experts if shape.mixture else 1,
        expert_ranks=expert_ranks,
    )
    return round(elements * (shape.element_bytes if weight.element_bytes is None else weight.element_bytes))


def rank_gib(config: dict[str, Any], tensor: int, pipeline: int = 1, stage: int = 0, expert_ranks: int = 1) -> float:
    """GiB of weights and rotary cache on the fullest rank of a stage."""
    shape = shape_of(config, name="model", source="test")
    stages = split_layers(len(shape.layers), pipeline)
    weights = configs.weights_of(sharding.stage_parts(shape, stages, stage))
    total = sum(rank_bytes(weight, shape, tensor, expert_ranks) for weight in weights)
    return (total + shape.max_positions * shape.rotary_size * 2) / GIB


@pytest.mark.parametrize(
    ("config", "layout", "gib"),
    [
        (configs.LLAMA_8B, (1,), 14.9888),
        (configs.LLAMA_8B, (4,), 3.7710),
        (configs.LLAMA_70B, (8,), 16.4605),
        (configs.LLAMA_70B, (16,), 8.4033),
        (configs.LLAMA_70B, (4, 2, 0), 16.4592),
        (configs.LLAMA_70B, (4, 2, 1), 16.4592),
        (configs.LLAMA_70B, (8, 3, 0), 5.6556),
        (configs.LLAMA_70B, (8, 3, 1), 5.4110),
        (configs.LLAMA_70B, (8, 3, 2), 5.4564),
        (configs.QWEN3_32B, (1,), 61.0340),
        (configs.QWEN3_32B, (2,), 30.5225),
        (configs.QWEN3_30B_A3B, (1,), 56.9330),
        (configs.QWEN3_30B_A3B, (8,), 7.2156),
        (configs.QWEN3_30B_A3B, (8, 1, 0, 8), 7.2156),
        (configs.DEEPSEEK_V3, (8,), 157.9353),
        (configs.DEEPSEEK_V3, (8, 2, 0), 76.5113),
        (configs.DEEPSEEK_V3, (8, 2, 1), 81.4435),
        (configs.DEEPSEEK_V3, (16, 1, 0, 16), 79.9376),
        (configs.DEEPSEEK_V3_FP8, (8,), 79.312),
    ],
)
def test_rank_sums_equal_the_engines_allocation(config: dict[str, Any], layout: tuple[int, ...], gib: float) -> None:
    """Tensor by tensor and rank by rank, weights are what the engine allocates."""
    assert rank_gib(config, *layout) == pytest.approx(gib, abs=0.0006)


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        (configs.LLAMA_8B, 8_030_261_248),
        (configs.LLAMA_70B, 70_553_706_496),
        (configs.QWEN2_7B, 7_615_616_512),
        (configs.MIXTRAL_8X7B, 46_702_792_704),
        (configs.QWEN3_30B_A3B, 30_532_122_624),
        (configs.QWEN2_57B_A14B, 57_408_658_944),
        (configs.DEEPSEEK_V3, 671_026_419_200),
    ],
)
def test_parameters_equal_the_published_count(config: dict[str, Any], parameters: int) -> None:
    """The tensors of a family add up to what the model's page says."""
    assert shape_of(config, name="model", source="test").parameters == parameters


def test_falcon_counts_the_tied_head_once() -> None:
    """Falcon's checkpoint repeats the embedding as head; the engine holds one of them."""
    shape = shape_of(configs.FALCON_40B, name="falcon", source="test")
    embedding = 65024 * 8192
    assert shape.parameters + embedding == 41_835_970_560
    assert shape.tied_embeddings
