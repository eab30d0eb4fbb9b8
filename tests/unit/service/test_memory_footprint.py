"""What the source documents advise before a deployment, answered by a plan: the footprint, its parts, where ranks go."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from shardwright.core.plan.types import Infeasible, Plan
from shardwright.core.shape import ModelShape, shape_of
from shardwright.service import planning, recipes, short_form
from shardwright.settings import HubSettings
from shardwright.units import GIB

OFFLINE = HubSettings(endpoint="http://localhost", offline=True)
CONFIGS = Path(__file__).parents[2] / "data" / "configs"


def planned(model: str, **options: object) -> Plan | Infeasible:
    """What the short form plans, without the hub."""
    return planning.plan_recipe(short_form.recipe_of_options({"model": model, **options}, ()), OFFLINE)


def fitting(model: str, **options: object) -> Plan:
    """The same, and it fits."""
    made = planned(model, **options)
    assert isinstance(made, Plan), made.reasons
    return made


def shape_named(name: str) -> ModelShape:
    """A model of the tests' data."""
    return shape_of(json.loads((CONFIGS / f"{name}.json").read_text("utf-8")), name=name, source="a test")


def layer_bytes(shape: ModelShape) -> float:
    """What the layers take, without embedding and head, which stay as they are."""
    return sum(shape.bytes_of(weight) for layer in shape.layers for weight in layer.weights)


@pytest.mark.requirement("R043")
@pytest.mark.parametrize("model", ["llama-3.3-70b", "falcon-40b"])
def test_a_model_larger_than_a_gpu_does_not_fit_one_and_the_plan_says_by_how_much(model: str) -> None:
    """The reasons name the weights and what the GPU gives."""
    made = planned(model, gpu="A10G")
    assert isinstance(made, Infeasible)
    assert "GiB" in made.reasons[0]
    assert "A10G" in made.reasons[0]


@pytest.mark.requirement("R044")
def test_the_footprint_of_every_rank_adds_up_to_its_gpu() -> None:
    """Weights, activation, graphs, the rest, cache and what stays free are the device, to the byte."""
    made = fitting("llama-3.3-70b", gpu="L40S", gpus_per_node=4, nodes="2")
    for place, rank in zip(made.layout.ranks, made.ranks, strict=True):
        taken = sum(term.bytes for term in rank.terms) + rank.kv_cache_bytes
        assert taken + rank.free_bytes == made.gpu_of(place).memory_bytes


@pytest.mark.requirement("R045")
def test_weights_of_one_gpu_are_parameters_times_bytes() -> None:
    """Only pages of the allocator, padding and rotary tables come on top."""
    made = fitting("llama-3-8b", gpu="H100")
    weights = sum(term.bytes for term in made.ranks[0].terms if term.name == "weights")
    assert weights == pytest.approx(made.shape.parameters * 2, rel=0.005)
    assert weights >= made.shape.parameters * 2


@pytest.mark.requirement("R046")
def test_a_token_takes_two_vectors_of_every_kv_head_and_layer() -> None:
    """2 x layers x KV heads x head size x bytes: 128 KiB a token for Llama-3-8B in bfloat16."""
    made = fitting("llama-3-8b", gpu="H100")
    assert made.ranks[0].kv_cache_bytes / made.pool.tokens == pytest.approx(2 * 32 * 8 * 128 * 2, rel=1e-4)


@pytest.mark.requirement("R047")
@pytest.mark.parametrize(
    ("plain", "quantized", "low", "high"),
    [
        ("qwen3-8b", "qwen3-8b-fp8", 1 / 2, 0.51),
        ("qwen2.5-7b", "qwen2.5-7b-awq", 1 / 4, 0.28),
        ("qwen2.5-7b", "qwen2.5-7b-gptq", 1 / 4, 0.28),
    ],
)
def test_quantized_layers_take_their_share_and_their_scales(
    plain: str, quantized: str, low: float, high: float
) -> None:
    """Eight bits are half of bfloat16 and four a quarter; scales and zero points come on top."""
    assert low < layer_bytes(shape_named(quantized)) / layer_bytes(shape_named(plain)) < high


@pytest.mark.requirement("R042", "R115")
def test_ranks_of_a_node_share_layers_and_nodes_follow_each_other() -> None:
    """Nothing pinned and one node too small: tensor parallel is the GPUs of a node, pipeline parallel the nodes."""
    made = fitting("llama-3.1-405b", gpu="H100", gpus_per_node=8, nodes="2", max_model_len=8192)
    assert (made.layout.tensor, made.layout.pipeline, made.layout.nodes) == (8, 2, 2)


@pytest.mark.requirement("R079")
def test_an_a10g_is_filled_to_its_utilization_not_to_its_weights() -> None:
    """Llama-3-8B on two of them: 19 of 22 GiB are taken though weights are 7.5, for the rest of the budget is cache."""
    made = fitting("llama-3-8b", node_shape="g5.4xlarge", nodes="2", tensor=1, pipeline=2, engine_version="0.11.1")
    rank = made.ranks[0]
    counted = sum(term.bytes for term in rank.terms if term.counted) + rank.kv_cache_bytes
    assert counted / GIB == pytest.approx(0.9 * made.gpu.memory_bytes / GIB, abs=0.9)
    assert math.isclose(19.4, counted / GIB, abs_tol=0.6)


@pytest.mark.requirement("R040")
def test_gpus_of_two_kinds_serve_together_and_the_smaller_ones_hold_less() -> None:
    """A10G and L40S in one group: a warning, stages sized to their memory, and no rank beyond its device."""
    text = """
    apiVersion: shardwright.dev/v1
    kind: Recipe
    metadata: {name: mixed}
    model: {source: mixtral-8x7b}
    workload: {maxModelLen: 2048, concurrency: 1}
    hardware: {pools: [{gpu: A10G, gpusPerNode: 2, nodes: 1}, {gpu: L40S, gpusPerNode: 2, nodes: 1}]}
    """
    (loaded,) = recipes.parse_recipes(text, "mixed.yaml")
    made = planning.plan_recipe(loaded.recipe, OFFLINE)
    assert isinstance(made, Plan)
    assert {gpu.name for gpu in made.gpus} == {"A10G", "L40S"}
    assert "layout.mixed-gpus" in {finding.id for finding in made.findings}
    layers = {made.gpu_of(rank).name: made.layout.stages[rank.stage] for rank in made.layout.ranks}
    assert layers["A10G"] < layers["L40S"]
    assert all(rank.free_bytes >= 0 for rank in made.ranks)
