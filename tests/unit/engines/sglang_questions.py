"""Models and questions that the tests of SGLang share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from measured_models import CONFIGS

from shardwright.core.layout import Layout, split_layers
from shardwright.core.plan.types import Question
from shardwright.core.shape import shape_of
from shardwright.testing import builders

if TYPE_CHECKING:
    from shardwright.core.shape.base import ModelShape

VERSION = "0.5.16"


def shape_named(name: str, **changed: object) -> ModelShape:
    """One of the models above."""
    return shape_of({**CONFIGS[name], **changed}, name=name, source="a test")


def laid_out(shape: ModelShape, **sizes: Any) -> Layout:  # noqa: ANN401 - fields of a layout by their names
    """A layout of that model; by default one GPU."""
    tensor, pipeline, data = sizes.get("tensor", 1), sizes.get("pipeline", 1), sizes.get("data", 1)
    nodes = sizes.get("nodes", 1)
    stages = sizes.get("stages") or split_layers(len(shape.layers), pipeline)
    per_node = tensor * pipeline * data // nodes
    return Layout(tensor, pipeline, nodes, per_node, stages, data, expert=sizes.get("expert", False))


def asked(
    shape: ModelShape,
    *,
    gpu: str = "H200",
    args: dict[str, Any] | None = None,
    length: int = 8192,
    version: str = VERSION,
    model: dict[str, Any] | None = None,
    **sizes: Any,  # noqa: ANN401 - fields of a layout by their names
) -> Question:
    """What the planner would ask."""
    recipe = builders.recipe(
        engine={"name": "sglang", "version": version, "args": args or {}, "env": sizes.pop("env", {})},
        workload={"max_model_len": length},
        model=model or {},
    )
    kinds = tuple(builders.gpu(kind) for kind in gpu.split("+"))
    return Question(recipe, shape, laid_out(shape, **sizes), kinds, version)
