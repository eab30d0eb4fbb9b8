"""The pace of vLLM: which constants a deployment gets, and how a doubt widens the range."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shardwright.core.layout import Layout, split_layers
from shardwright.core.plan.types import Question
from shardwright.core.shape import shape_of
from shardwright.engines.vllm import ENGINE
from shardwright.testing import builders

if TYPE_CHECKING:
    from shardwright.core.speed import Pace

CONFIGS = Path(__file__).parents[2] / "data" / "configs"


def pace(
    model: str = "llama-3.1-8b", *, gpu: str = "H200", version: str = "0.24.0", nodes: int = 1, **args: object
) -> Pace:
    """The pace that a demand of two ranks brings; flags are written with underscores."""
    shape = shape_of(json.loads((CONFIGS / f"{model}.json").read_text("utf-8")), name=model, source="a test")
    flags = {name.replace("_", "-"): value for name, value in args.items()}
    recipe = builders.recipe(engine={"version": version, "args": flags}, workload={"max_model_len": 8192})
    layout = Layout(1, 2, nodes, 2 // nodes, split_layers(len(shape.layers), 2))
    found = ENGINE.memory(Question(recipe, shape, layout, (builders.gpu(gpu),), version)).pace
    assert found is not None
    return found


def test_limits_of_a_step_are_those_of_the_plan() -> None:
    """T and n that the plan writes out are what batches are cut by."""
    found = pace(max_num_batched_tokens=4096, max_num_seqs=128)
    assert (found.step_tokens, found.sequences) == (4096, 128)


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"gpu": "H100"}, "H100"),
        ({"version": "0.32.0"}, "0.32.0"),
        ({"nodes": 2}, "several nodes"),
        ({"quantization": "fp8"}, "fp8"),
        ({"enforce_eager": True}, "CUDA graphs"),
    ],
)
def test_what_was_not_timed_widens_the_range(changed: dict[str, object], word: str) -> None:
    """Each step away from what was timed adds to the range and is said."""
    known = pace()
    found = pace(**changed)  # type: ignore[arg-type]  # one keyword at a time
    assert found.uncertainty_share > known.uncertainty_share
    assert any(word in text for text in found.assumptions)


def test_eight_bit_kernels_are_faster_where_the_gpu_has_them() -> None:
    """fp8 computes faster from capability 8.9 on; older GPUs unpack it, and gain only in what they read."""
    plain, new, old = pace(), pace(quantization="fp8"), pace(gpu="A10G", quantization="fp8")
    assert plain.flops_factor == old.flops_factor == 1
    assert new.flops_factor > 1
    assert plain.linear_element_bytes is None
    assert old.linear_element_bytes == 1


def test_a_small_cache_type_is_read_faster() -> None:
    """The KV cache is read at the size it is kept in."""
    assert pace(kv_cache_dtype="fp8").cache_element_bytes == 1
    assert pace().cache_element_bytes == 2


def test_there_is_no_pace_on_a_cpu() -> None:
    """Rehearsals on a CPU say nothing about speed."""
    question = Question(
        builders.recipe(engine={"args": {}}),
        builders.llama_shape(),
        builders.layout(),
        (builders.gpu("cpu"),),
        "0.32.0",
    )
    assert ENGINE.memory(question).pace is None


def test_all_shares_are_parts() -> None:
    """Nothing is faster than the data sheet, and no time is negative."""
    values = dataclasses.asdict(pace())
    shares = {name: value for name, value in values.items() if name.endswith("_share")}
    assert all(0 < value < 1 for value in shares.values()), shares
    assert all(value >= 0 for name, value in values.items() if name.endswith("_seconds"))
