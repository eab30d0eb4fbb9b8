"""Plans against what vLLM printed on GPUs: every point of engines/vllm/measured.toml, planned as it was started.

Origin: vLLM's own log on H100 and H200, LLM class, dummy weights. Configurations: tests/data/configs. Where a plan says
`measured` its pool is within 3 %; the interval holds the printed one in 19 of 20 cases.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shardwright.core import memory
from shardwright.core.layout import Layout, split_layers
from shardwright.core.plan.types import Question
from shardwright.core.shape import shape_of
from shardwright.engines.vllm import ENGINE, facts
from shardwright.testing import builders
from shardwright.units import GIB

if TYPE_CHECKING:
    from collections.abc import Callable

    from shardwright.core.memory import Demand

CONFIGS = Path(__file__).parents[2] / "data" / "configs"
PROMISED = 0.03


def name_of(point: facts.Point) -> str:
    """Which start it was."""
    layout = f"{point.tensor}x{point.pipeline}x{point.data}{'-ep' if point.expert else ''}"
    given = f"{point.quantization or 'plain'}-{point.kv_cache_dtype}{'-eager' if point.eager else ''}"
    return f"{point.version}-{point.gpu}-{point.config}-{layout}-{given}-{point.batched_tokens}x{point.sequences}"


def flags_of(point: facts.Point, *, is_online: bool) -> dict[str, Any]:
    """The engine's flags of that start."""
    given: dict[str, Any] = {
        "max-num-batched-tokens": point.batched_tokens,
        "max-num-seqs": point.sequences,
        "gpu-memory-utilization": point.utilization,
        "kv-cache-dtype": point.kv_cache_dtype,
        "enforce-eager": point.eager,
    }
    return {**given, "quantization": point.quantization} if is_online else given


def planned(point: facts.Point) -> Demand:
    """What is planned for that start."""
    config = json.loads((CONFIGS / f"{point.config}.json").read_text(encoding="utf-8"))
    shape = shape_of(config, name=point.config, source="tests/data/configs")
    is_online = bool(point.quantization) and shape.quantization is None
    engine = {"version": point.version, "args": flags_of(point, is_online=is_online), "entrypoint": "llm"}
    recipe = builders.recipe(engine=engine, workload={"max_model_len": point.max_model_len})
    world = point.tensor * point.pipeline * point.data
    stages = split_layers(len(shape.layers), point.pipeline)
    layout = Layout(point.tensor, point.pipeline, 1, world, stages, point.data, point.expert)
    gpu = builders.gpu(point.gpu, memory_bytes=round(point.memory_gib * GIB))
    question = Question(recipe, shape, layout, (gpu,), point.version)
    assert ENGINE.limits(question) == ()
    return ENGINE.memory(question)


@pytest.mark.parametrize("point", facts.points(), ids=name_of)
def test_measured_pools_are_met(point: facts.Point, record_property: Callable[[str, object], None]) -> None:
    """Within 3 % where the plan says that it was measured; planned and printed tokens stand in the report of the tests."""
    demand = planned(point)
    pool = memory.pool_of(demand)
    record_property("tokens", f"{pool.tokens} planned, {point.tokens} printed, {pool.tokens / point.tokens - 1:+.2%}")
    if demand.evidence == "measured":
        assert pool.tokens == pytest.approx(point.tokens, rel=PROMISED)


def test_intervals_hold_what_was_printed() -> None:
    """In 19 of 20 cases, bounds included."""
    outside: list[str] = []
    for point in facts.points():
        pool = memory.pool_of(planned(point))
        if not pool.tokens_low <= point.tokens <= pool.tokens_high:
            outside.append(f"{name_of(point)}: {point.tokens} is not in {pool.tokens_low} to {pool.tokens_high}")
    assert len(outside) <= len(facts.points()) // 20, "\n".join(outside)


@pytest.mark.parametrize("point", [point for point in facts.points() if point.weights_gib], ids=name_of)
def test_measured_weights_are_met(point: facts.Point) -> None:
    """What "Model loading took" says, within 0.06 GiB or 1 %: the first figure is what loading in fp8 adds."""
    terms = planned(point).ranks[0].terms
    weights = sum(term.bytes for term in terms if term.name == "weights")
    assert weights / GIB == pytest.approx(point.weights_gib, abs=0.06, rel=0.01)
