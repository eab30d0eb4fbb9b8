"""The measured pools of vLLM as cases that any planner can be asked about, and what Shardwright says to them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shardwright.core import memory
from shardwright.core.layout import Layout, split_layers
from shardwright.core.plan.types import Question
from shardwright.core.recipe.model import Engine, Hardware, Metadata, Model, Recipe, Workload
from shardwright.core.shape import shape_of
from shardwright.engines.vllm import ENGINE, facts
from shardwright.facts import load as catalogue
from shardwright.units import GIB

if TYPE_CHECKING:
    from shardwright.core.shape.base import ModelShape, Weight
    from shardwright.engines.vllm.facts import Point

CONFIGS = Path(__file__).parents[2] / "tests" / "data" / "configs"
_STORED = {4.0: "F32", 2.0: "BF16", 1.0: "F8_E4M3", 0.5: "U4"}


@dataclass(frozen=True, slots=True)
class Case:
    """One pool that vLLM printed."""

    point: Point
    shape: ModelShape
    name: str

    def as_json(self) -> dict[str, Any]:
        """What an adapter of another planner gets; sizes in GiB of 2^30 bytes."""
        point = self.point
        return {
            "name": self.name,
            "config": str(CONFIGS / f"{point.config}.json"),
            "parameters": stored_parameters(self.shape),
            "weight_bytes": self.shape.weights_bytes,
            "gpu": point.gpu,
            "memory_gib": point.memory_gib,
            "utilization": point.utilization,
            "tensor": point.tensor,
            "pipeline": point.pipeline,
            "data": point.data,
            "expert": point.expert,
            "max_model_len": point.max_model_len,
            "batched_tokens": point.batched_tokens,
            "sequences": point.sequences,
            "quantized_while_loading": bool(point.quantization) and self.shape.quantization is None,
            "kv_cache_dtype": point.kv_cache_dtype,
        }


def cases() -> list[Case]:
    """All measured pools."""
    return [_case(point) for point in facts.points()]


def _case(point: Point) -> Case:
    config = json.loads((CONFIGS / f"{point.config}.json").read_text("utf-8"))
    parts = [f"{point.config} TP{point.tensor} x PP{point.pipeline} {point.gpu}"]
    parts += [point.quantization] if point.quantization else []
    parts += [f"kv {point.kv_cache_dtype}"] if point.kv_cache_dtype != "auto" else []
    parts += ["eager"] if point.eager else []
    parts += [f"T {point.batched_tokens}"] if point.batched_tokens != 16384 else []
    return Case(point, shape_of(config, name=point.config, source="tests/data/configs"), " ".join(parts))


def stored_parameters(shape: ModelShape) -> dict[str, int]:
    """Numbers of the checkpoint by the type they are stored in, as headers of safetensors name it."""
    found: Counter[str] = Counter()
    layered = (weight for layer in shape.layers for weight in layer.weights)
    for weight in (*shape.embedding, *layered, *shape.head):
        found[_stored(weight, shape)] += weight.elements
    return dict(found)


def _stored(weight: Weight, shape: ModelShape) -> str:
    size = shape.element_bytes if weight.element_bytes is None else weight.element_bytes
    return _STORED.get(size, "BF16")


def ours(case: Case) -> dict[str, Any]:
    """Shardwright's pool of the first rank, and tokens of the group."""
    point, shape = case.point, case.shape
    ranks = point.tensor * point.pipeline * point.data
    args: dict[str, Any] = {
        "max-num-batched-tokens": point.batched_tokens,
        "max-num-seqs": point.sequences,
        "gpu-memory-utilization": point.utilization,
    }
    if point.quantization and shape.quantization is None:
        args["quantization"] = point.quantization
    if point.kv_cache_dtype != "auto":
        args["kv-cache-dtype"] = point.kv_cache_dtype
    if point.eager:
        args["enforce-eager"] = True
    recipe = Recipe(
        metadata=Metadata(name="measured"),
        model=Model(source=point.config),
        engine=Engine(version=point.version, entrypoint="llm", args=args),
        workload=Workload(max_model_len=point.max_model_len),
        hardware=Hardware(gpu=point.gpu, gpus_per_node=ranks),
    )
    stages = split_layers(len(shape.layers), point.pipeline)
    layout = Layout(point.tensor, point.pipeline, 1, ranks, stages, data=point.data, expert=point.expert)
    gpu = catalogue.gpu(point.gpu, int(point.memory_gib * GIB))
    demand = ENGINE.memory(Question(recipe, shape, layout, (gpu,), point.version))
    return {"pool_gib": demand.ranks[0].left_bytes / GIB, "tokens": memory.pool_of(demand).tokens}
