"""Planned against printed: starts of vLLM that others published, on versions and GPUs that this project never measured.

Reads tests/data/public_logs.toml. The conditions of a start are those of its log; where a log leaves one open, `deduced`
there says so. `rest` is what lies between budget and pool besides weights: peak, growth, graphs where they are counted.
"""

from __future__ import annotations

import json
import math
import statistics
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shardwright import errors
from shardwright.core import memory
from shardwright.core.hardware import Gpu
from shardwright.core.layout import Layout, split_layers
from shardwright.core.plan.types import Question
from shardwright.core.recipe.model import Engine, Hardware, Metadata, Model, Recipe, Workload
from shardwright.core.shape import shape_of
from shardwright.engines.vllm import ENGINE
from shardwright.facts import load as facts
from shardwright.units import GIB

DATA = Path(__file__).parents[1] / "tests" / "data"


@dataclass(frozen=True, slots=True)
class Row:
    """One start: what was planned for it and what it printed; GiB of the first rank, tokens of the group."""

    name: str
    version: str
    gpu: str
    weights: tuple[float, float | None]
    rest: tuple[float, float]
    pool: tuple[float, float]
    tokens: tuple[int, int | None]
    interval_gib: float
    counted: str
    compiled: str

    @property
    def error(self) -> float:
        """Of the pool, as a part of the printed one; of the tokens where they were printed."""
        planned, printed = self.tokens
        return planned / printed - 1 if printed else (self.pool[0] - self.pool[1]) / abs(self.pool[1])

    @property
    def is_inside(self) -> bool:
        """Whether the printed pool lies in the planned interval."""
        return abs(self.pool[0] - self.pool[1]) <= self.interval_gib


def load_points() -> tuple[dict[str, Any], ...]:
    """Every start, with the configuration of its model in `model`."""
    data = tomllib.loads((DATA / "public_logs.toml").read_text("utf-8"))
    return tuple({**point, "model": _config(data["configs"], point["config"])} for point in data["points"])


def _config(changed: dict[str, Any], name: str) -> dict[str, Any]:
    change = changed.get(name, {})
    config = json.loads((DATA / "configs" / f"{change.get('base', name)}.json").read_text("utf-8"))
    merged = {**config, **change.get("with", {})}
    return {key: value for key, value in merged.items() if value != "none"}


def _gpu(point: dict[str, Any]) -> Gpu:
    """As the facts know it, with the total of that log; unknown ones by their compute capability alone."""
    size = round(point["memory_gib"] * GIB)
    try:
        known = facts.gpu(point["gpu"])
    except errors.ShardwrightError:
        link = "pcie4"
        return Gpu(point["gpu"], size, None, None, point["capability"], link, None, "nvidia.com/gpu")
    return Gpu(
        known.name,
        size,
        known.bandwidth_bytes_per_second,
        known.dense_flops,
        known.compute_capability,
        known.link,
        known.link_bytes_per_second,
        known.resource,
        known.device,
    )


def question(point: dict[str, Any]) -> Question:
    """What a plan would ask for that start, on one node."""
    shape = shape_of(point["model"], name=point["config"], source="tests/data/public_logs.toml")
    tensor, pipeline = point.get("tensor", 1), point.get("pipeline", 1)
    flags: dict[str, Any] = {
        "max-num-batched-tokens": point["batched_tokens"],
        "max-num-seqs": point["sequences"],
        "gpu-memory-utilization": point.get("utilization", 0.9),
        "enforce-eager": point.get("eager", False),
    }
    recipe = Recipe(
        metadata=Metadata(name="published"),
        model=Model(source=point["config"], dtype=point.get("dtype")),
        engine=Engine(version=point["version"], entrypoint="serve", args=flags),
        workload=Workload(point["max_model_len"], 1, 1, 1),
        hardware=Hardware(gpu=point["gpu"], gpus_per_node=tensor * pipeline),
    )
    stages = split_layers(len(shape.layers), pipeline)
    layout = Layout(tensor, pipeline, 1, tensor * pipeline, stages)
    return Question(recipe, shape, layout, (_gpu(point),), point["version"])


def row(point: dict[str, Any]) -> Row:
    """That start, planned."""
    asked = question(point)
    demand = ENGINE.memory(asked)
    pool = memory.pool_of(demand)
    first = demand.ranks[0]
    weights = sum(term.bytes for term in first.terms if term.name == "weights") / GIB
    rest = sum(term.bytes for term in first.terms if term.counted and term.name != "weights") / GIB
    budget = math.ceil(first.total_bytes * point.get("utilization", 0.9)) / GIB
    printed_weights = point.get("weights_gib")
    printed_rest = budget - point["pool_gib"] - (printed_weights or weights)
    layout = f"{asked.layout.tensor}x{asked.layout.pipeline}"
    small = " ".join(
        f"{term.name} {term.bytes / GIB:.2f}" for term in first.terms if term.counted and term.name != "weights"
    )
    return Row(
        name=f"{point['config']} {layout}{' eager' if point.get('eager') else ''}",
        version=point["version"],
        gpu=asked.gpu.name,
        weights=(weights, printed_weights),
        rest=(rest, printed_rest),
        pool=(budget - weights - rest, point["pool_gib"]),
        tokens=(pool.tokens, point.get("tokens")),
        interval_gib=first.uncertainty_bytes / GIB,
        counted=f"{demand.runner}: {small}",
        compiled=point.get("compiled", ""),
    )


def main() -> None:
    """Print one row a start, then how far off, by version and GPU."""
    rows = [row(point) for point in load_points()]
    print(
        f"{'version':8} {'GPU':16} {'model, layout':32} {'weights':>15} {'rest':>13} {'tokens':>18} {'error':>7}  in  {'compiled':13} terms"
    )
    for found in rows:
        weights = f"{found.weights[0]:.2f}/{found.weights[1] or math.nan:.2f}"
        rest = f"{found.rest[0]:.2f}/{found.rest[1]:.2f}"
        tokens = f"{found.tokens[0]}/{found.tokens[1] or '-'}"
        print(
            f"{found.version:8} {found.gpu:16} {found.name:32} {weights:>15} {rest:>13} {tokens:>18} {found.error:>+7.1%}"
            f"  {'yes' if found.is_inside else 'NO ':3} {found.compiled:13} +-{found.interval_gib:.2f} {found.counted}"
        )
    _summary("version", {found.version: [other for other in rows if other.version == found.version] for found in rows})
    _summary("GPU", {found.gpu: [other for other in rows if other.gpu == found.gpu] for found in rows})
    _summary("all", {"": rows})


def _summary(what: str, groups: dict[str, list[Row]]) -> None:
    for name, rows in sorted(groups.items()):
        off = [found.rest[0] - found.rest[1] for found in rows]
        inside = sum(found.is_inside for found in rows)
        print(
            f"{what} {name}: {inside} of {len(rows)} in their interval, mean error of the tokens"
            f" {statistics.mean(abs(found.error) for found in rows):.1%}, of the rest {statistics.mean(off):+.2f} GiB"
        )


if __name__ == "__main__":
    main()
