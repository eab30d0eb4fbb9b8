"""Weights as counted here against vLLM's own classes on the meta device, to the byte, rank by rank."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import engine_weight_cases_dense as dense
import engine_weight_cases_images as images
import engine_weight_cases_mixtures as mixtures
import engine_weight_cases_quantized as quantized
import pytest

from shardwright.core.layout import Layout, split_layers
from shardwright.core.plan.types import Question
from shardwright.core.shape import shape_of
from shardwright.engines.vllm import facts, flags
from shardwright.engines.vllm.weights import stage_weights
from shardwright.testing import builders

if TYPE_CHECKING:
    from engine_weight_cases import Case

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

VERSION = "0.32.0"
CASES = (*dense.CASES, *images.CASES, *mixtures.CASES, *quantized.CASES)
PROGRAM = Path(__file__).with_name("engine_weights.py")


@pytest.fixture(scope="module")
def engine_bytes(python: str, request: pytest.FixtureRequest) -> dict[int, Any]:
    """What the engine answers to each chosen case; one process for all of them, for its start is most of the time."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    asking = [item.callspec.params["index"] for item in items if "engine_bytes" in item.fixturenames]
    chosen = {index for index in asking if isinstance(index, int)}
    asked = [CASES[index] for index in sorted(chosen)]
    fields = ("config", "tensor", "pipeline", "stage", "data", "expert", "arguments")
    document = json.dumps([{name: getattr(case, name) for name in fields} for case in asked])
    environment = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [python, PROGRAM], input=document, env=environment, capture_output=True, text=True, check=False, timeout=840
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return dict(zip(sorted(chosen), json.loads(done.stdout), strict=True))


def counted_bytes(case: Case) -> int:
    """The same rank, counted by us without the allocator's rounding and without what kernels repack after loading."""
    shape = shape_of(case.config, name="model", source="test")
    ranks = case.tensor * case.pipeline * case.data
    stages = split_layers(len(shape.layers), case.pipeline)
    layout = Layout(case.tensor, case.pipeline, 1, ranks, stages, case.data, case.expert)
    args = {name.replace("_", "-"): value for name, value in case.arguments.items()}
    recipe = builders.recipe(engine={"version": VERSION, "args": args}, workload={"max_model_len": 1024})
    question = Question(recipe, shape, layout, (builders.gpu("H100"),), VERSION)
    resolved = flags.base_flags(question, facts.rules_of(VERSION))
    weights = stage_weights(shape, layout, case.stage, resolved, is_bare=True)
    # MXFP4 is made in the padded sizes from the start.
    return weights.total_bytes - (0 if shape.quantization == "mxfp4" else weights.repacked_bytes)


@pytest.mark.parametrize("index", range(len(CASES)), ids=map(str, CASES))
def test_weights_are_what_the_engine_allocates(index: int, engine_bytes: dict[int, Any]) -> None:
    """Parameters, buffers and the rotary cache of one rank add up to the engine's own sum."""
    answer = engine_bytes[index]
    assert "error" not in answer, answer["error"]
    counted, true = counted_bytes(CASES[index]), sum(answer["bytes"].values())
    assert counted == true, f"{counted - true:+} bytes; the engine has {answer['bytes']}"
