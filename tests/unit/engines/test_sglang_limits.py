"""What SGLang refuses, each with its numbers."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

import pytest
from sglang_questions import asked, shape_named

from shardwright import errors
from shardwright.core.recipe.model import Draft
from shardwright.engines.sglang import ENGINE

if TYPE_CHECKING:
    from shardwright.core.plan.types import Question


def rules(question: Question) -> dict[str, str]:
    return {refusal.rule.removeprefix("sglang."): refusal.message for refusal in ENGINE.limits(question)}


@pytest.mark.parametrize(
    ("model", "sizes", "rule", "numbers"),
    [
        ("llama-3.1-8b", {"tensor": 3}, "attention-heads", ("TP3", "32")),
        ("llama-3.1-8b", {"tensor": 3}, "kv-heads", ("TP3", "8")),
        ("llama-3.1-8b", {"pipeline": 33, "stages": (1,) * 32 + (0,)}, "empty-stage", ("PP33", "32")),
        ("mixtral-8x7b", {"tensor": 3}, "vocabulary", ("TP3", "32000")),
        ("llama-3.1-8b", {"data": 2, "nodes": 2}, "copies-over-nodes", ("DP2", "2 nodes")),
        ("deepseek-v3", {"tensor": 32}, "fp8-blocks", ("TP32", "64", "128")),
        ("deepseek-v3", {"tensor": 3, "expert": True}, "experts", ("256", "3")),
        ("mixtral-8x7b", {"tensor": 3}, "intermediate-size", ("TP3", "14336")),
    ],
)
def test_a_layout_that_would_not_start_is_refused_with_its_numbers(
    model: str, sizes: dict[str, Any], rule: str, numbers: tuple[str, ...]
) -> None:
    """The rule and what it compares are named."""
    found = rules(asked(shape_named(model), **sizes))
    assert rule in found
    assert all(number in found[rule] for number in numbers)


@pytest.mark.parametrize(
    ("gpu", "args", "rule", "numbers"),
    [
        ("A10G", {"kv-cache-dtype": "fp8_e4m3"}, "kv-cache-dtype", ("8.9", "8.6")),
        ("H200", {"kv-cache-dtype": "nvfp4"}, "kv-cache-dtype", ("nvfp4",)),
        ("H200", {"quantization": "awq"}, "not-quantized", ("awq", "fp8")),
        ("T4", {"quantization": "fp8"}, "quantization-capability", ("8.0", "7.5")),
        ("H200", {"chunked-prefill-size": 100, "page-size": 64}, "page-size", ("100", "64")),
        ("cpu", {}, "cpu", ("vllm",)),
    ],
)
def test_a_flag_that_this_gpu_or_model_cannot_have_is_refused(
    gpu: str, args: dict[str, Any], rule: str, numbers: tuple[str, ...]
) -> None:
    """Capabilities, checkpoints and pages."""
    found = rules(asked(shape_named("llama-3.1-8b"), gpu=gpu, args=args))
    assert rule in found
    assert all(number in found[rule] for number in numbers)


def test_gpus_that_differ_by_more_than_a_tenth_cannot_share_layers() -> None:
    """SGLang compares free memory before it loads; the check can be turned off."""
    shape = shape_named("llama-3.1-8b")
    mixed: dict[str, Any] = {"gpu": "H100+H200", "tensor": 2, "nodes": 2}
    assert "79.19" in rules(asked(shape, **mixed))["unbalanced-memory"]
    off = {"SGLANG_ENABLE_TP_MEMORY_INBALANCE_CHECK": "0"}
    assert "unbalanced-memory" not in rules(asked(shape, env=off, **mixed))
    assert "unbalanced-memory" not in rules(asked(shape, gpu="H100+H200", pipeline=2, nodes=2))


def test_speculation_needs_one_stage_and_ray_is_not_sglangs() -> None:
    """Both are refused before anything is rendered."""
    speculating = asked(shape_named("llama-3.1-8b"), pipeline=2, args={"speculative-algorithm": "EAGLE"})
    assert "PP2" in rules(speculating)["pipeline-speculation"]
    engine = dataclasses.replace(speculating.recipe.engine, executor="ray")
    recipe = dataclasses.replace(speculating.recipe, engine=engine)
    assert "executor-ray" in rules(dataclasses.replace(speculating, recipe=recipe))


@pytest.mark.parametrize(
    ("version", "flag", "value", "hint"),
    [
        ("0.5.16", "tp", 2, "parallelism.tensor"),
        ("0.5.16", "--context_length", 8192, "workload.maxModelLen"),
        ("0.5.16", "node-rank", 1, "leave it out"),
        ("0.5.16", "mem-fraction-statics", 0.9, "mem-fraction-static"),
        ("0.5.16", "mem-fraction-static", 1.5, "at most 1"),
        ("0.5.16", "enable-ep-moe", True, "parallelism.expert"),
        ("0.5.23", "cuda-graph-max-bs", 64, "cuda-graph-max-bs-decode"),
        ("0.5.1", "mamba-full-memory-ratio", 0.5, ""),
    ],
)
def test_a_wrong_flag_names_what_to_write_instead(version: str, flag: str, value: object, hint: str) -> None:
    """Repeated fields, flags of ours, flags of other versions, misspelt ones, values out of range."""
    with pytest.raises(errors.RecipeError) as caught:
        ENGINE.limits(asked(shape_named("llama-3.1-8b"), args={flag: value}, version=version))
    assert hint in str(caught.value)


@pytest.mark.parametrize("version", ["0.5.1", "0.5.6.post2", "0.5.11", "0.5.16", "0.5.23", "0.6.0"])
def test_flags_of_a_version_are_taken(version: str) -> None:
    """What the parser of that release lists, or of those around it; after the last known one anything may be new."""
    args = {"mem-fraction-static": 0.8, "attention-backend": "triton", "reasoning-parser": "qwen3"}
    assert ENGINE.limits(asked(shape_named("llama-3.1-8b"), args=args, version=version)) == ()


@pytest.mark.parametrize(
    ("model", "fields", "sizes", "rule", "part"),
    [
        ("llama-3.1-8b", {"lora_slots": 2}, {"pipeline": 2}, "lora-not-planned", "2 stages"),
        ("mixtral-8x7b", {"lora_slots": 2}, {}, "lora-not-planned", "MixtralForCausalLM"),
        ("llama-3.1-8b", {"lora_slots": 2}, {"args": {"lora-target-modules": ["all"]}}, "lora-not-planned", "q_proj"),
        ("llama-3.1-8b", {}, {"args": {"lora-paths": ["a=b"]}}, "lora-not-planned", "model.loraSlots"),
        ("llama-3.1-8b", {"draft": Draft("hf://test/small")}, {}, "draft-not-planned", "hf://test/small"),
    ],
)
def test_adapters_and_drafts_that_are_not_counted_are_refused(
    model: str, fields: dict[str, Any], sizes: dict[str, Any], rule: str, part: str
) -> None:
    """A plan never leaves out what the recipe asks for."""
    assert part in rules(asked(shape_named(model), model=fields, **sizes))[rule]


def test_adapters_of_dense_models_are_planned() -> None:
    """Nothing refuses them on one stage, and flags that the field stands for name it."""
    assert ENGINE.limits(asked(shape_named("qwen3-32b"), model={"lora_slots": 4}, tensor=2)) == ()
    with pytest.raises(errors.RecipeError, match=r"model\.loraSlots"):
        ENGINE.limits(asked(shape_named("llama-3.1-8b"), args={"enable-lora": True}))


def test_messages_are_sentences_with_values() -> None:
    """Every refusal of a bad layout carries a figure."""
    found = rules(asked(shape_named("llama-3.1-8b"), tensor=5, nodes=2, pipeline=3))
    assert len(found) >= 3
    assert all(re.search(r"\d", message) for message in found.values())
