"""Blocks and tokens of the KV cache as laid out here against vLLM's own functions, to the block and to the token."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from engine_cache_cases import CASES, Case

from shardwright.core import memory
from shardwright.core.layout import Layout
from shardwright.core.memory import Demand, RankDemand
from shardwright.core.plan.types import Question
from shardwright.core.shape.base import Cache, Latent, Layer
from shardwright.engines.vllm import cache, facts, flags
from shardwright.testing import builders

if TYPE_CHECKING:
    from shardwright.engines.vllm.cache import CacheLayout

pytestmark = pytest.mark.integration

VERSION = "0.32.0"
PROGRAM = Path(__file__).with_name("engine_cache.py")
NAMES = [f"{number}-{case.name}-tp{case.tensor}-pp{len(case.stages) or 1}" for number, case in enumerate(CASES)]


@pytest.fixture(scope="module")
def answers(python: str, request: pytest.FixtureRequest) -> dict[int, Any]:
    """What the engine answers to each chosen case; one process for all of them, for its start is most of the time."""
    items: list[Any] = request.session.items
    chosen: list[int] = sorted({item.callspec.params["index"] for item in items if "answers" in item.fixturenames})
    document = json.dumps([engine_case(CASES[index]) for index in chosen])
    environment = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [python, PROGRAM], input=document, env=environment, capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return dict(zip(chosen, json.loads(done.stdout), strict=True))


def engine_case(case: Case) -> dict[str, Any]:
    """The case as the engine's program reads it."""
    names = ("config", "tensor", "length", "batched_tokens", "runner", "arguments", "block", "sparse", "environment")
    stages = case.stages or (len(case.layers),)
    asked = {name: getattr(case, name) for name in names} | {"pipeline": len(stages), "available": case.available}
    return asked | {"stages": stages}


def question_of(case: Case) -> Question:
    """The same for us."""
    stages = case.stages or (len(case.layers),)
    layout = Layout(case.tensor, len(stages), 1, case.tensor * len(stages), stages)
    latent = Latent(0, 512, 128, 64, 128) if "l" in case.layers else None
    layers = tuple(layer_of(case, letter) for letter in case.layers)
    shape = builders.llama_shape(len(layers), layers=layers, latent=latent, config=tuple(case.config.items()))
    shape = dataclasses.replace(shape, architecture=case.config["architectures"][0])
    args = {name.replace("_", "-"): value for name, value in case.arguments.items()}
    env = case.environment | ({} if case.runner == "v2" else {"VLLM_USE_V2_MODEL_RUNNER": "0"})
    recipe = builders.recipe(
        engine={"version": VERSION, "args": args, "env": env}, workload={"max_model_len": case.length}
    )
    gpu = builders.gpu("H100", compute_capability=case.capability)
    return Question(recipe, shape, layout, (gpu,), VERSION)


def layer_of(case: Case, letter: str) -> Layer:
    """One layer by its letter."""
    kinds = {"f": "full", "w": "window", "c": "chunked", "b": "full"}
    if letter == "l":
        return Layer((), Cache("latent", 1, 576, 0))
    if letter == "s":
        return Layer((), Cache("none", 0, 0, 0), case.state)
    window = case.window if letter in "wc" else None
    return Layer(
        (),
        Cache(kinds[letter], case.heads, case.head_size, case.head_size, window),
        case.state if letter == "b" else None,
    )


def demand_of(case: Case, kept: CacheLayout) -> Demand:
    """A demand whose pools are the bytes of the case."""
    override = case.arguments.get("num_gpu_blocks_override")
    pools = [override * size for size in kept.block_bytes] if override else case.available
    ranks = tuple(
        RankDemand(stage, 10**15, 10**15, (), size, 0, fixed_pool_bytes=pool)
        for stage, (size, pool) in enumerate(zip(kept.block_bytes, pools, strict=True))
    )
    return Demand(
        ranks,
        case.length,
        kept.request_blocks,
        (),
        "source",
        "",
        case.runner,
        (),
        spare_blocks=kept.spare_blocks,
        counted_as=kept.counted_as,
        groups=kept.groups,
        tokens_per_block=kept.tokens_per_block,
    )


@pytest.mark.parametrize("index", range(len(CASES)), ids=NAMES)
def test_blocks_and_tokens_are_the_engine_own(index: int, answers: dict[int, Any]) -> None:
    """Groups, block size, blocks of the longest request, blocks of the pool, logged tokens; or that it does not fit."""
    case, answer = CASES[index], answers[index]
    asked = question_of(case)
    kept = cache.cache_of(asked, flags.base_flags(asked, facts.rules_of(VERSION)), case.batched_tokens)
    demand = demand_of(case, kept)
    if memory.shortfalls(demand):
        assert "To serve at least one request" in answer.get("error", "fits"), (kept, answer)
        return
    assert "error" not in answer, (kept, answer.get("trace"))
    pool = memory.pool_of(demand)
    ours = (kept.groups, kept.block_tokens, kept.request_blocks, pool.blocks, pool.tokens)
    names = ("groups", "block_tokens", "request_blocks", "blocks", "tokens")
    assert ours == tuple(answer[name] for name in names), kept
