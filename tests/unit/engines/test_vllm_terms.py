"""Terms of vLLM's memory one by one: copies and whole experts, adapters, drafts, encoders, quantized weights, intervals."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shardwright.core import memory
from shardwright.core.layout import Layout, split_layers
from shardwright.core.plan.types import Question
from shardwright.core.recipe.model import Draft
from shardwright.core.shape import shape_of
from shardwright.core.shape.base import ModelShape, Split, Weight
from shardwright.engines.vllm import ENGINE, facts, flags, weights
from shardwright.testing import builders
from shardwright.units import GIB, MIB

if TYPE_CHECKING:
    from shardwright.core.memory import Demand

CONFIGS = Path(__file__).parents[2] / "data" / "configs"


def shape_named(name: str, **changed: object) -> ModelShape:
    """A model by the name of its configuration."""
    config = json.loads((CONFIGS / f"{name}.json").read_text(encoding="utf-8"))
    return shape_of({**config, **changed}, name=name, source="a test")


def question(
    shape: ModelShape,
    layout: Layout | None = None,
    *,
    version: str = "0.24.0",
    args: dict[str, object] | None = None,
    model: dict[str, object] | None = None,
    draft: ModelShape | None = None,
) -> Question:
    """One H200 node."""
    asked = builders.recipe(
        engine={"version": version, "args": args or {}}, workload={"max_model_len": 8192}, model=model or {}
    )
    return Question(asked, shape, layout or split(shape), (builders.gpu("H200"),), version, draft)


def split(shape: ModelShape, tensor: int = 1, pipeline: int = 1, data: int = 1, *, expert: bool = False) -> Layout:
    """A layout on one node."""
    stages = split_layers(len(shape.layers), pipeline)
    return Layout(tensor, pipeline, 1, tensor * pipeline * data, stages, data, expert)


def bare_gib(shape: ModelShape, layout: Layout) -> float:
    """Weights of the first stage without what the allocator rounds."""
    asked = question(shape, layout)
    resolved = flags.base_flags(asked, facts.rules_of("0.24.0"))
    return weights.stage_weights(shape, layout, 0, resolved, is_bare=True).total_bytes / GIB


def terms(demand: Demand, part: str, rank: int = 0) -> int:
    """Bytes of all terms whose formula holds these words."""
    return sum(term.bytes for term in demand.ranks[rank].terms if part in term.formula)


@pytest.mark.parametrize(
    ("tensor", "data", "expert", "gib"),
    [(1, 1, False, 56.8803), (8, 1, False, 7.1629), (8, 1, True, 7.1629), (1, 8, True, 9.6267), (1, 8, False, 9.6267)],
)
def test_experts_are_divided_over_tensor_and_data_ranks(tensor: int, data: int, *, expert: bool, gib: float) -> None:
    """Qwen3-30B-A3B: with eight copies attention is whole on each rank and a rank has an eighth of the experts."""
    shape = shape_named("qwen3-30b-a3b", max_position_embeddings=40960)
    assert bare_gib(shape, split(shape, tensor, data=data, expert=expert)) == pytest.approx(gib, abs=0.01)


def test_a_rank_with_more_experts_than_others_decides() -> None:
    """60 experts over 8 ranks: the fullest hold 8 of them."""
    shape = shape_named("qwen1.5-moe-a2.7b")
    whole, parts = (bare_gib(shape, split(shape, size, expert=True)) for size in (1, 8))
    experts = 60 * 3 * 2048 * 1408 * 24 * 2 / GIB
    assert parts > (whole - experts) / 8 + experts * 8 / 60


def test_the_expert_workspace_is_for_the_tokens_of_all_copies() -> None:
    """Two copies gather twice the tokens; older versions cut them into chunks."""
    shape = shape_named("qwen3-30b-a3b")
    one, two = (ENGINE.memory(question(shape, split(shape, 2, data=size, expert=True))) for size in (1, 2))
    assert terms(two, "M k") == 2 * terms(one, "M k")
    chunked = ENGINE.memory(question(shape, split(shape, 2, data=4, expert=True), version="0.17.0"))
    assert terms(chunked, "M = 16384") > 0


def test_every_copy_has_its_own_pool() -> None:
    """What is printed is that of one copy; a second copy of a dense model changes nothing in it."""
    shape = shape_named("llama-3.1-8b")
    single, copies = (memory.pool_of(ENGINE.memory(question(shape, split(shape, 2, data=size)))) for size in (1, 2))
    assert copies.tokens == pytest.approx(single.tokens, rel=0.001)


@pytest.mark.parametrize("sharded", [False, True])
def test_adapter_slots_of_llama_8b(*, sharded: bool) -> None:
    """Rank 16, TP2: A undivided where outputs are divided, B where inputs are; with full sharding the others as well."""
    shape = shape_named("llama-3.1-8b")
    args: dict[str, object] = {"max-lora-rank": 16, "fully-sharded-loras": sharded}
    demand = ENGINE.memory(question(shape, split(shape, 2), model={"lora_slots": 4}, args=args))
    whole = 2 if sharded else 1
    attention = 3 * 4096 // whole + 2048 + 2 * 512 + 2048 + 4096 // whole
    perceptron = 2 * (4096 // whole + 7168) + 7168 + 4096 // whole
    words = 2 * (128256 + 4096)
    assert terms(demand, "adapter slots") == 4 * 16 * 2 * (32 * (attention + perceptron) + words)
    assert dict(demand.settings)["max-loras"] == 4
    assert dict(demand.settings)["enable-lora"] is True


def test_a_draft_model_stands_on_the_last_stage_with_its_cache() -> None:
    """Its weights are counted there, and the engine is told to load it."""
    shape, small = shape_named("llama-3.1-8b"), shape_named("llama-3.2-1b")
    asked = {"draft": Draft("hf://meta-llama/Llama-3.2-1B", 3)}
    demand = ENGINE.memory(question(shape, split(shape, 1, 2), draft=small, model=dict(asked), version="0.30.0"))
    assert terms(demand, "draft model", 0) == 0
    assert terms(demand, "draft model", 1) / GIB == pytest.approx(2.3, abs=0.1)
    config = json.loads(str(dict(demand.settings)["speculative-config"]))
    assert (config["model"], config["num_speculative_tokens"]) == ("meta-llama/Llama-3.2-1B", 3)


def test_a_draft_that_was_not_read_is_said_not_to_be_counted() -> None:
    """The plan never passes over it."""
    shape = shape_named("llama-3.1-8b")
    demand = ENGINE.memory(question(shape, model={"draft": Draft("s3://bucket/small", 3)}))
    assert "vllm.draft-not-counted" in {finding.id for finding in demand.findings}


def test_an_encoder_stands_on_every_stage_unless_no_image_is_allowed() -> None:
    """Its weights are held by all, and its profile run may be the peak."""
    tower = (Weight("visual.blocks.0.mlp.weight", 64 * 1024, 1024, Split.TENSOR),)
    shape = dataclasses.replace(shape_named("llama-3.1-8b"), encoder=tower)
    held, none = (
        ENGINE.memory(question(shape, split(shape, 1, 2), args=args))
        for args in (dict[str, object](), dict[str, object]({"limit-mm-per-prompt": {"image": 0}}))
    )
    for rank in (0, 1):
        assert terms(held, "layers", rank) - terms(none, "layers", rank) == 128 * MIB
    assert held.ranks[0].uncertainty_bytes > none.ranks[0].uncertainty_bytes


def test_quantized_latent_attention_keeps_an_unquantized_copy() -> None:
    """16 heads of 128 + 128 over 512, in two bytes, a layer of DeepSeek-V2-Lite."""
    shape = shape_named("deepseek-v2-lite")
    plain, online = (
        ENGINE.memory(question(shape, args=args))
        for args in (dict[str, object](), dict[str, object](quantization="fp8"))
    )
    assert "quantized kernels" not in plain.ranks[0].terms[0].formula
    assert f"{27 * 16 * 256 * 512 * 2 / GIB:.3f} GiB" in online.ranks[0].terms[0].formula


@pytest.mark.parametrize(
    ("version", "architecture", "runner"),
    [
        ("0.21.0", "LlamaForCausalLM", "v1"),
        ("0.22.0", "LlamaForCausalLM", "v1"),
        ("0.23.0", "LlamaForCausalLM", "v2"),
        ("0.24.0", "Qwen2ForCausalLM", "v1"),
        ("0.25.0", "Qwen2ForCausalLM", "v2"),
        ("0.29.0", "Qwen2ForCausalLM", "v2"),
    ],
)
def test_the_runner_follows_version_and_model(version: str, architecture: str, runner: str) -> None:
    """From the lists of every version read."""
    shape = dataclasses.replace(builders.llama_shape(), architecture=architecture)
    assert ENGINE.memory(question(shape, version=version)).runner == runner


def test_a_checkpoint_may_say_how_its_cache_is_kept() -> None:
    """From 0.14 on; before, `auto` is the model's own type."""
    shape = dataclasses.replace(shape_named("llama-3.1-8b"), kv_cache_dtype="fp8")
    old, new = (memory.pool_of(ENGINE.memory(question(shape, version=version))) for version in ("0.13.0", "0.14.0"))
    assert new.tokens == pytest.approx(2 * old.tokens, rel=0.01)


def test_intervals_widen_with_what_is_not_known() -> None:
    """Measured, read, another GPU, a version that was not read, a model that is only bounded."""
    shape = shape_named("llama-3.1-8b")
    widths = [
        ENGINE.memory(asked).ranks[0].uncertainty_bytes
        for asked in (
            question(shape),
            question(shape, args={"quantization": "fp8", "kv-cache-dtype": "fp8"}),
            question(shape, version="0.24.9"),
            question(dataclasses.replace(shape, bound="a test")),
        )
    ]
    assert widths == sorted(widths)
    assert len(set(widths)) == len(widths)


def test_mixed_gpus_have_budgets_of_their_own() -> None:
    """Ranks of the second node have less; it decides the pool."""
    shape = shape_named("llama-3.1-8b")
    layout = Layout(1, 2, 2, 1, (16, 16))
    asked = question(shape, layout)
    both = dataclasses.replace(asked, gpus=(builders.gpu("H200"), builders.gpu("H100")))
    first, second = ENGINE.memory(both).ranks
    assert first.total_bytes > second.total_bytes
    assert first.budget_bytes > second.budget_bytes
