"""Weights of one rank against vLLM 0.24.0's own model classes, to the byte.

Origin: the classes of the 0.24.0 wheel, built on torch's meta device (CPU platform, kernels stood in for, transformers 5.5.4),
parameters and buffers summed as tests/integration/engine_weights.py does for the installed version; 2026-11. What kernels
repack after loading is not in these numbers. Printed totals: vLLM 0.24.0's log on H200 and H100 (engines/vllm/measured.toml).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shardwright.core.layout import Layout, split_layers
from shardwright.core.plan.types import Question
from shardwright.core.shape import shape_of
from shardwright.engines.vllm import allocator, facts, flags
from shardwright.engines.vllm.weights import StageWeights, stage_weights
from shardwright.testing import builders
from shardwright.units import GIB, MIB

CONFIGS = Path(__file__).parents[2] / "data" / "configs"
SIZES: dict[str, Any] = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 6,
    "num_attention_heads": 16,
    "num_key_value_heads": 4,
    "vocab_size": 32016,
    "max_position_embeddings": 8192,
    "dtype": "bfloat16",
}
PUBLISHED = (
    ("deepseek-v2-lite", (1, 1, 0), False, 31_433_939_968),
    ("deepseek-v2-lite", (2, 1, 0), False, 15_762_840_576),
    ("llama-3.1-8b", (2, 2, 0), False, 4_048_814_080),
    ("qwen3-8b", (1, 1, 0), False, 16_391_956_480),
    ("granite-3.1-8b", (1, 1, 0), False, 16_375_750_656),
    ("qwen2.5-7b", (1, 2, 1), False, 7_624_008_704),
    ("gemma-3-12b-text", (1, 1, 0), False, 24_136_048_128),
    ("gemma-2-9b", (1, 2, 1), False, 10_163_407_872),
    ("phi-4", (2, 1, 0), False, 14_664_116_224),
    ("mixtral-8x7b", (2, 1, 0), False, 46_712_496_128),
    ("mixtral-8x7b", (2, 2, 0), False, 23_491_518_464),
    ("qwen3-30b-a3b", (2, 1, 0), True, 30_555_402_240),
    ("qwen1.5-moe-a2.7b", (1, 2, 1), False, 14_940_213_248),
    ("falcon-7b", (1, 1, 0), False, 13_843_703_552),
    ("falcon-7b", (1, 2, 0), False, 7_217_460_992),
    ("gpt-oss-20b", (1, 1, 0), False, 13_794_819_200),
    ("gpt-oss-20b", (1, 2, 1), False, 8_072_456_576),
    ("qwen3-8b-fp8", (1, 1, 0), False, 9_447_884_800),
    ("qwen2.5-7b-awq", (1, 1, 0), False, 5_579_136_000),
    ("llama-3.3-70b", (4, 2, 0), False, 17_672_962_048),
    ("qwen3-32b", (8, 1, 0), False, 8_202_201_088),
)
"""Configuration in tests/data/configs; TP, PP and stage; whether experts are dealt out whole; bytes."""
OWN_CLASSES: tuple[tuple[str, dict[str, object], int], ...] = (
    ("Olmo2ForCausalLM", {}, 97_139_712),
    ("Olmo3ForCausalLM", {"sliding_window": 4096}, 98_188_288),
    ("Starcoder2ForCausalLM", {}, 55_942_144),
    ("GPTNeoXForCausalLM", {"num_key_value_heads": 16, "rotary_pct": 0.25}, 91_138_048),
    ("GlmForCausalLM", {"head_dim": 128}, 36_714_496),
    ("SeedOssForCausalLM", {"head_dim": 128}, 37_763_072),
    ("SmolLM3ForCausalLM", {}, 30_417_152),
)
"""The second of three stages of a small model with TP2: where 0.24 had a class of its own, and one where it had none."""


def weights_of(config: dict[str, Any], layout: tuple[int, int, int], *, is_bare: bool, **given: object) -> StageWeights:
    """What is counted for 0.24.0 on an H200."""
    tensor, pipeline, stage = layout
    shape = shape_of(config, name="model", source="test")
    stages = split_layers(len(shape.layers), pipeline)
    is_expert = bool(given.pop("expert", False))
    recipe = builders.recipe(engine={"version": "0.24.0", "args": given}, workload={"max_model_len": 1024})
    ranks = Layout(tensor, pipeline, 1, tensor * pipeline, stages, 1, is_expert)
    question = Question(recipe, shape, ranks, (builders.gpu("H200"),), "0.24.0")
    resolved = flags.base_flags(question, facts.rules_of("0.24.0"))
    return stage_weights(shape, ranks, stage, resolved, is_bare=is_bare)


def published(name: str) -> dict[str, Any]:
    """The configuration of a published model."""
    return json.loads((CONFIGS / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("name", "layout", "expert", "true"), PUBLISHED)
def test_published_models_are_what_their_classes_allocate(
    name: str, layout: tuple[int, int, int], true: int, *, expert: bool
) -> None:
    """Tensors of one rank, the rotary table included, without what is repacked after loading."""
    counted = weights_of(published(name), layout, is_bare=True, expert=expert)
    assert counted.total_bytes - counted.repacked_bytes == true


@pytest.mark.parametrize(("architecture", "fields", "true"), OWN_CLASSES)
def test_classes_that_later_versions_gave_up(architecture: str, fields: dict[str, Any], true: int) -> None:
    """Some built embedding, norm and head on every stage; 0.32 leaves them to transformers."""
    config = {**SIZES, "architectures": [architecture], **fields}
    assert weights_of(config, (2, 3, 1), is_bare=True).total_bytes == true


def test_phi_lacks_only_the_bias_of_its_head() -> None:
    """0.24 had one, on every stage: 64 KB that are not counted."""
    fields = {"num_key_value_heads": 16, "partial_rotary_factor": 0.5}
    config = {**SIZES, "architectures": ["PhiForCausalLM"], **fields}
    assert weights_of(config, (2, 3, 1), is_bare=True).total_bytes == 91_424_064 - 32_064


@pytest.mark.parametrize(
    ("name", "layout", "given", "printed"),
    [
        ("llama-3.1-8b", (1, 1, 0), {}, 15.0),
        ("llama-3.1-8b", (2, 1, 0), {}, 7.54),
        ("llama-3.1-8b", (1, 2, 0), {}, 7.53),
        ("llama-3.1-8b", (2, 2, 0), {}, 3.8),
        ("llama-3.1-8b", (1, 1, 0), {"kv-cache-dtype": "fp8"}, 15.04),
        ("llama-3.1-8b", (1, 1, 0), {"quantization": "fp8"}, 8.54),
        ("qwen3-8b", (1, 1, 0), {"kv-cache-dtype": "fp8"}, 15.3),
        ("granite-3.1-8b", (1, 1, 0), {"kv-cache-dtype": "fp8"}, 15.3),
        ("qwen3-8b-fp8", (1, 1, 0), {}, 8.83),
        ("gemma-3-12b-text", (1, 1, 0), {}, 22.62),
        ("falcon-7b", (1, 1, 0), {}, 12.99),
        ("qwen2.5-14b", (2, 1, 0), {}, 13.93),
        ("deepseek-v2-lite", (1, 1, 0), {}, 29.47),
        ("gpt-oss-20b", (1, 1, 0), {}, 13.58),
        ("qwen2.5-7b-awq", (1, 1, 0), {}, 5.38),
    ],
)
def test_totals_are_those_that_were_printed(
    name: str, layout: tuple[int, int, int], given: dict[str, Any], printed: float
) -> None:
    """With the allocator's blocks, libraries' buffers and repacking: "Model loading took", to a hundredth of a GiB."""
    held = weights_of(published(name), layout, is_bare=False, **given)
    assert held.total_bytes / GIB == pytest.approx(printed, abs=0.0051)


def test_a_large_tensor_keeps_a_freed_block_whole() -> None:
    """Blocks of 20 MiB and more are not cut from 0.22 on: 48 MiB stay in the 64 of the joined table; before, 16 are left."""
    made = (allocator.Table(32 * MIB, 32 * MIB), 48 * MIB)
    assert allocator.held_bytes(made, allocator.uncut_from("0.24.0")) == (32 + 64) * MIB
    assert allocator.held_bytes(made, allocator.uncut_from("0.20.0")) == (32 + 48) * MIB


def test_small_tensors_share_segments_and_leave_no_crumbs() -> None:
    """What is left of a block is its tensor's if it is a MiB or less; the next tensors get what is more."""
    uncut = allocator.uncut_from("0.24.0")
    assert allocator.held_bytes((9 * MIB, 10 * MIB + 512), uncut) == 9 * MIB + 11 * MIB
    assert allocator.held_bytes((100, 700), uncut) == 512 + 1024
    assert allocator.held_bytes((11 * MIB,), uncut) == 12 * MIB
    assert allocator.held_bytes((21 * MIB,), uncut) == 22 * MIB
