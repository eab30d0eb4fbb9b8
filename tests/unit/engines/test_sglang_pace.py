"""The pace of SGLang against batches timed on GPUs.

Origin: SGLang 0.5.16, Engine class, dummy weights, bfloat16, H200, seconds from the first request to the last token, 2026-11.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import pytest

from shardwright.core import memory, speed
from shardwright.core.layout import Layout
from shardwright.core.plan.types import Question
from shardwright.core.shape import shape_of
from shardwright.core.speed import Speed
from shardwright.engines.sglang import ENGINE
from shardwright.testing import builders

CONFIGS = Path(__file__).parents[2] / "data" / "configs"
WORK = ((1, 128, 64), (32, 512, 64), (256, 512, 64))
ROWS = (
    ("llama-3.1-8b", 1, (0.311, 0.723, 3.811)),
    ("llama-3.1-8b", 2, (0.215, 0.466, 2.371)),
    ("qwen3-32b", 1, (1.203, 2.937, 16.03)),
)
TIMED = [(model, ranks, *pair) for model, ranks, seconds in ROWS for pair in zip(WORK, seconds, strict=True)]


def question(model: str, ranks: int, work: tuple[int, int, int], *, gpu: str = "H200", **args: object) -> Question:
    """What a plan would have asked before the batch ran; flags are written with underscores."""
    shape = shape_of(json.loads((CONFIGS / f"{model}.json").read_text("utf-8")), name=model, source="a test")
    flags = {name.replace("_", "-"): value for name, value in args.items()}
    concurrency, input_tokens, output_tokens = work
    recipe = builders.recipe(
        engine={"name": "sglang", "version": "0.5.16", "executor": None, "args": flags},
        workload={
            "concurrency": concurrency,
            "input_tokens": input_tokens,
            "output_tokens": output_tokens,
            "max_model_len": 8192,
        },
    )
    layout = Layout(ranks, 1, 1, ranks, (len(shape.layers),))
    return Question(recipe, shape, layout, (builders.gpu(gpu),), "0.5.16")


def error(model: str, ranks: int, work: tuple[int, int, int], seconds: float) -> float:
    """Predicted over measured, less one."""
    asked = question(model, ranks, work)
    demand = ENGINE.memory(asked)
    found = speed.predict(asked, demand, memory.pool_of(demand))
    assert isinstance(found, Speed), found
    return found.batch_seconds.expected / seconds - 1


@pytest.mark.parametrize(("model", "ranks", "work", "seconds"), TIMED)
def test_a_timed_batch_is_predicted(model: str, ranks: int, work: tuple[int, int, int], seconds: float) -> None:
    """No timed batch is missed by more than a tenth."""
    assert abs(error(model, ranks, work, seconds)) <= 0.10


def test_timed_batches_are_predicted_closely() -> None:
    """On average predictions miss timed batches by less than three parts in a hundred."""
    assert statistics.mean(abs(error(*row)) for row in TIMED) <= 0.03


@pytest.mark.parametrize(
    ("gpu", "args", "word"),
    [("H100", {}, "H100"), ("H200", {"quantization": "fp8"}, "fp8"), ("H200", {"disable_cuda_graph": True}, "graphs")],
)
def test_what_was_not_timed_widens_the_range(gpu: str, args: dict[str, object], word: str) -> None:
    """Each step away from what was timed adds to the range and is said."""
    known = ENGINE.memory(question("llama-3.1-8b", 1, WORK[0])).pace
    found = ENGINE.memory(question("llama-3.1-8b", 1, WORK[0], gpu=gpu, **args)).pace
    assert known is not None
    assert found is not None
    assert found.uncertainty_share > known.uncertainty_share
    assert any(word in text for text in found.assumptions)


def test_prompts_are_cut_as_the_plan_says() -> None:
    """The size of a prefill step is what prompts are cut by."""
    found = ENGINE.memory(question("llama-3.1-8b", 1, WORK[0], chunked_prefill_size=2048)).pace
    assert found is not None
    assert found.step_tokens == 2048
