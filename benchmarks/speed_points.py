"""What the two benchmarks of speed share: the questions behind the timed points."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from shardwright.core import memory
from shardwright.core.layout import Layout, split_layers
from shardwright.core.plan.types import Question
from shardwright.core.recipe.model import Engine, Hardware, Metadata, Model, Recipe, Workload
from shardwright.core.shape import shape_of
from shardwright.engines.vllm import ENGINE
from shardwright.engines.vllm.timed import timed_points
from shardwright.facts import load as facts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.memory import Demand, Pool
    from shardwright.engines.vllm.timed import Batch, Timed

CONFIGS = Path(__file__).parents[1] / "tests" / "data" / "configs"


def question(point: Timed, batch: Batch) -> Question:
    """What a plan would ask for this batch, on one node."""
    config = json.loads((CONFIGS / f"{point.model}.json").read_text("utf-8"))
    shape = shape_of(config, name=point.model, source="tests/data/configs")
    ranks = point.tensor * point.pipeline * point.data
    stages = split_layers(len(shape.layers), point.pipeline)
    recipe = Recipe(
        metadata=Metadata(name="timed"),
        model=Model(source=point.model),
        engine=Engine(version=point.version, entrypoint="llm", args=dict(point.args)),
        workload=Workload(point.max_model_len, batch.requests, batch.input_tokens, batch.output_tokens),
        hardware=Hardware(gpu=point.gpu, gpus_per_node=ranks),
    )
    layout = Layout(point.tensor, point.pipeline, 1, ranks, stages, data=point.data, expert=point.expert)
    return Question(recipe, shape, layout, (facts.gpu(point.gpu),), point.version)


def cases() -> Iterator[tuple[Timed, Batch, Question, Demand, Pool]]:
    """Every timed batch with the engine's answer for its layout."""
    for point in timed_points():
        for batch in point.batches:
            asked = question(point, batch)
            demand = ENGINE.memory(asked)
            yield point, batch, asked, demand, memory.pool_of(demand)
