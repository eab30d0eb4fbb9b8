"""The measured starts of both engines as the documents show them: rows of a table, predicted by the code as it stands."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shardwright.core import memory
from shardwright.core.layout import Layout, split_layers
from shardwright.core.plan.types import Question
from shardwright.core.shape import shape_of
from shardwright.engines import sglang, vllm
from shardwright.engines.sglang import facts as sglang_facts
from shardwright.engines.vllm import facts as vllm_facts
from shardwright.testing import builders
from shardwright.units import GIB

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shardwright.core.memory import Demand
    from shardwright.core.shape.base import ModelShape

CONFIGS = Path(__file__).parents[1] / "data" / "configs"
HEADER = ("Start", "Weights", "GiB predicted", "Pool", "GiB predicted", "Tokens", "Predicted", "Error", "+-")


@dataclass(frozen=True, slots=True)
class Start:
    """One start: what it was, what the engine printed, what is predicted."""

    name: str
    weights_gib: float
    pool_gib: float
    tokens: int
    demand: Demand

    def error(self) -> float:
        """Predicted tokens against printed ones."""
        return memory.pool_of(self.demand).tokens / self.tokens - 1

    def half_width(self) -> float:
        """Half of the interval, as a part of the pool."""
        pool = memory.pool_of(self.demand)
        return (pool.tokens_high - pool.tokens_low) / 2 / pool.tokens

    def is_inside(self) -> bool:
        """Whether the interval holds what was printed."""
        pool = memory.pool_of(self.demand)
        return pool.tokens_low <= self.tokens <= pool.tokens_high

    def row(self) -> tuple[str, ...]:
        """The cells under `HEADER`."""
        rank, pool = self.demand.ranks[0], memory.pool_of(self.demand)
        weights = sum(term.bytes for term in rank.terms if term.name == "weights") / GIB
        left = rank.left_bytes / GIB
        sizes = (_gib(self.weights_gib), _gib(weights), _gib(self.pool_gib), _gib(left))
        error = f"{self.error():+.2%}" + ("" if self.is_inside() else ", outside")
        return (self.name, *sizes, f"{self.tokens:,}", f"{pool.tokens:,}", error, f"{self.half_width():.1%}")


def _gib(size: float) -> str:
    return f"{size:.2f}" if size else "-"


def of_vllm() -> list[Start]:
    """Every point of vLLM."""
    return [_of_vllm(point) for point in vllm_facts.points()]


def _of_vllm(point: vllm_facts.Point) -> Start:
    shape = _shape(point.config)
    flags: dict[str, Any] = {
        "max-num-batched-tokens": point.batched_tokens,
        "max-num-seqs": point.sequences,
        "gpu-memory-utilization": point.utilization,
        "kv-cache-dtype": point.kv_cache_dtype,
        "enforce-eager": point.eager,
    }
    if point.quantization and shape.quantization is None:
        flags["quantization"] = point.quantization
    engine = {"version": point.version, "args": flags, "entrypoint": "llm"}
    recipe = builders.recipe(engine=engine, workload={"max_model_len": point.max_model_len})
    world = point.tensor * point.pipeline * point.data
    stages = split_layers(len(shape.layers), point.pipeline)
    layout = Layout(point.tensor, point.pipeline, 1, world, stages, point.data, point.expert)
    gpu = builders.gpu(point.gpu, memory_bytes=round(point.memory_gib * GIB))
    demand = vllm.ENGINE.memory(Question(recipe, shape, layout, (gpu,), point.version))
    given = [
        f"EP, DP{point.data}" if point.expert and point.data > 1 else "EP" if point.expert else "",
        point.quantization,
        f"{point.kv_cache_dtype} cache" if point.kv_cache_dtype != "auto" else "",
        "no graphs" if point.eager else "",
        f"T {point.batched_tokens}, n {point.sequences}" if point.batched_tokens != 16384 else "",
    ]
    name = ", ".join(
        text for text in (f"{point.config} TP{point.tensor} x PP{point.pipeline}, {point.gpu}", *given) if text
    )
    return Start(name, point.weights_gib, point.pool_gib, point.tokens, demand)


def of_sglang() -> list[Start]:
    """Every point of SGLang."""
    return [_of_sglang(point) for point in sglang_facts.points()]


def _of_sglang(point: sglang_facts.Point) -> Start:
    shape, version = _shape(point.model), sglang_facts.measured_version()
    engine = {"name": "sglang", "version": version, "args": dict(point.args), "env": {}}
    recipe = builders.recipe(engine=engine, workload={"max_model_len": point.context_length})
    layout = Layout(point.tensor, 1, 1, point.tensor, split_layers(len(shape.layers), 1))
    demand = sglang.ENGINE.memory(Question(recipe, shape, layout, (builders.gpu(point.gpu),), version))
    given = [f"{name} {value}".removesuffix(" True") for name, value in point.args]
    name = ", ".join((f"{point.model} TP{point.tensor}, {point.gpu}", *given))
    return Start(name, point.weights_gib, point.pool_gib, point.tokens, demand)


def _shape(name: str) -> ModelShape:
    config = json.loads((CONFIGS / f"{name}.json").read_text("utf-8"))
    return shape_of(config, name=name, source="tests/data/configs")


def table(starts: Iterable[Start]) -> str:
    """The starts as a table, and what they say together."""
    every = list(starts)
    lines = [
        f"| {' | '.join(cells)} |" for cells in (HEADER, ("---",) * len(HEADER), *(start.row() for start in every))
    ]
    errors = [abs(start.error()) for start in every]
    inside = sum(start.is_inside() for start in every)
    said = (
        f"{inside} of {len(every)} inside the interval; error of tokens {statistics.mean(errors):.2%} in the mean,"
        f" {max(errors):.2%} at most; median half width {statistics.median(start.half_width() for start in every):.1%}."
    )
    return "\n".join((*lines, "", said))
