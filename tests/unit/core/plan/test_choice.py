"""Which layout is chosen: by objective, goal, price, kind of node; and what is said about the others."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from shardwright import errors
from shardwright.core.hardware import Cluster, NodePool
from shardwright.core.layout import split_layers
from shardwright.core.plan import Infeasible, Plan, plan
from shardwright.core.recipe.model import LatencyGoal, Parallelism, Prices
from shardwright.core.shape.base import Mixture
from shardwright.engines.vllm import ENGINE as VLLM
from shardwright.testing import builders
from shardwright.testing.toy_engine import ToyEngine
from shardwright.units import GIB

if TYPE_CHECKING:
    from shardwright.core.hardware import Gpu
    from shardwright.core.plugins import Engine
    from shardwright.core.recipe import Recipe

BUSY: dict[str, object] = {"max_model_len": 8192, "concurrency": 64, "input_tokens": 512, "output_tokens": 128}


def recipe(**overrides: object) -> Recipe:
    """Llama for vLLM, the layout left open."""
    open_ended: dict[str, object] = {"engine": {"version": None, "args": {}}, "parallelism": "auto"}
    return builders.recipe(**{**open_ended, **overrides})


def nodes(kind: str | Gpu, gpus_per_node: int = 1, count: int = 1) -> NodePool:
    """Nodes of one kind."""
    return NodePool(builders.gpu(kind) if isinstance(kind, str) else kind, gpus_per_node, count)


def fit(asked: Recipe, *pools: NodePool, layers: int = 32, engine: Engine = VLLM) -> Plan:
    """A plan that must fit."""
    made = plan(asked, builders.llama_shape(layers), Cluster(pools), engine)
    assert isinstance(made, Plan), made.reasons
    return made


@pytest.mark.parametrize("objective", ["latency", "throughput"])
def test_speed_is_sought_with_tensor_parallelism_inside_a_fast_node(objective: str) -> None:
    """A large model on four H200 is shared by all four; pipelines on the same GPUs are slower."""
    made = fit(recipe(workload={**BUSY, "objective": objective}), nodes("H200", 4), layers=280)
    assert (made.layout.tensor, made.layout.pipeline) == (4, 1)
    slower = next(one for one in made.alternatives if one.layout.pipeline == 2 and one.layout.world_size == 4)
    assert slower.rule == f"objective.{objective}"


def test_of_the_fewest_gpus_the_fastest_layout_is_taken() -> None:
    """Two GPUs are enough: TP2, and the plan says how much slower PP2 is."""
    made = fit(recipe(workload=BUSY), nodes("H200", 4), layers=280)
    assert (made.layout.tensor, made.layout.pipeline) == (2, 1)
    slower = next(one for one in made.alternatives if one.layout.pipeline == 2 and one.layout.world_size == 2)
    assert slower.rule == "objective.speed"
    assert "the workload takes" in slower.reason


@pytest.mark.requirement("R049")
def test_more_gpus_are_taken_where_fewer_start_but_do_not_hold_the_workload() -> None:
    """The pool must hold all requests at once; the plan says what the smaller one lacks."""
    small = fit(recipe(workload={**BUSY, "concurrency": 1}), nodes("H200", 4), layers=320)
    large = fit(recipe(workload={**BUSY, "concurrency": 200}), nodes("H200", 4), layers=320)
    assert small.layout.world_size == 2
    assert large.layout.world_size == 4
    assert any(one.rule == "workload.pool" for one in large.alternatives)


def test_where_nothing_holds_the_workload_the_fewest_that_start_are_planned_with_a_warning() -> None:
    """It still serves; requests wait."""
    made = fit(recipe(workload={**BUSY, "concurrency": 100_000}), nodes("H200", 4), layers=320)
    assert made.layout.world_size == 2
    assert "memory.pool-smaller-than-workload" in {finding.id for finding in made.findings}


def test_a_latency_goal_takes_the_gpus_that_keep_it() -> None:
    """One layout fits and is too slow; the next that keeps the goal is taken, and the other fell by that rule."""
    free = fit(recipe(workload=BUSY), nodes("H200", 4), layers=280)
    assert free.speed is not None
    goal = LatencyGoal(inter_token_seconds=free.speed.inter_token_seconds.expected * 0.8)
    made = fit(recipe(workload={**BUSY, "latency_goal": goal}), nodes("H200", 4), layers=280)
    assert made.layout.world_size == 4
    assert any(one.rule == "workload.latency-goal" and "time between tokens" in one.reason for one in made.alternatives)
    assert not [finding for finding in made.findings if finding.id == "workload.latency-goal"]


def test_a_goal_that_nothing_keeps_is_a_warning_with_numbers() -> None:
    """The layout nearest to it is planned."""
    made = fit(
        recipe(workload={**BUSY, "latency_goal": LatencyGoal(inter_token_seconds=1e-6)}), nodes("H200", 4), layers=280
    )
    (finding,) = [finding for finding in made.findings if finding.id == "workload.latency-goal"]
    assert finding.severity == "warning"
    assert "instead of 0.0 ms" in finding.message
    assert "not even one request" in finding.fix
    assert made.layout.tensor == 4


def test_a_goal_that_fewer_requests_keep_says_how_many() -> None:
    """The number was asked of the same layout again, not guessed."""
    few = fit(recipe(workload={**BUSY, "concurrency": 8}), nodes("H200", 1))
    assert few.speed is not None
    goal = LatencyGoal(inter_token_seconds=few.speed.inter_token_seconds.expected * 1.001)
    made = fit(recipe(workload={**BUSY, "concurrency": 64, "latency_goal": goal}), nodes("H200", 1))
    (finding,) = [finding for finding in made.findings if finding.id == "workload.latency-goal"]
    assert finding.fix.startswith("workload.concurrency: 8 keeps it")


def test_the_price_decides_where_it_is_sought() -> None:
    """Four cheap GPUs before one dear one, and the other way round."""
    pools = (nodes("L40S", 4), nodes("H100", 4))
    for cheap, dear, taken in ((1.0, 9.0, "L40S"), (5.0, 4.0, "H100")):
        prices = Prices(gpu_hour={"l40s": cheap, "H100": dear})
        made = fit(recipe(workload={**BUSY, "objective": "price"}, prices=prices), *pools)
        assert made.gpu.name == taken
        assert made.price_per_hour == min(cheap, dear) * made.layout.world_size
        assert any(one.rule == "objective.price" for one in made.alternatives)


def test_a_price_that_is_missing_is_an_error_that_names_the_gpu() -> None:
    """Nothing is assumed about what a GPU costs."""
    asked = recipe(workload={"objective": "price"}, prices=Prices(gpu_hour={"L40S": 1.0}))
    with pytest.raises(errors.InputError, match="H100") as caught:
        fit(asked, nodes("L40S"), nodes("H100"))
    assert caught.value.path == "prices.gpuHour"


def test_an_odd_number_of_gpus_is_rounded_up_only_on_a_fast_node() -> None:
    """Three do; over NVLink four are taken and the plan says so, over PCIe it stays at three."""
    fast = dataclasses.replace(builders.gpu("L40S"), link="nvlink4")
    asked = recipe(workload={**BUSY, "max_model_len": 2048, "concurrency": 1})
    strict, rounded = (fit(asked, nodes(kind, 8), layers=240) for kind in (builders.gpu("L40S"), fast))
    assert strict.layout.world_size == 3
    assert rounded.layout.world_size == 4
    assert any("power of two" in reason for reason in rounded.reasons)


def test_nodes_auto_says_how_many_and_why_one_fewer_does_not_do() -> None:
    """The number is the answer to "how many of these nodes do I need?"."""
    asked = recipe(hardware={"nodes": "auto"})
    made = fit(asked, nodes("T4", 1, 64))
    assert made.layout.nodes == 2
    assert "nodes: auto gives 2 nodes of 1 GPUs." in made.reasons
    assert any(reason.startswith("1 node does not do: TP1 x PP1") and "GiB" in reason for reason in made.reasons)


def test_copies_of_a_model_without_experts_are_replicas() -> None:
    """Data parallelism of a dense model shares nothing, and the refusal says what to write instead."""
    asked = recipe(parallelism=Parallelism(1, 1, data=2), hardware={"gpus_per_node": 2, "nodes": 1})
    made = plan(asked, builders.llama_shape(), Cluster((nodes("H100", 2),)), ToyEngine())
    assert isinstance(made, Infeasible)
    assert "`replicas: 2`" in made.reasons[0]


def test_only_mixtures_are_looked_at_with_copies_and_whole_experts() -> None:
    """The toy engine refuses neither, so what is looked at is the search's own doing."""
    dense, shape = builders.llama_shape(), builders.llama_shape(mixture=Mixture(8, 2, 14336))
    asked = recipe(engine={"name": "toy", "version": None, "args": {}}, workload={**BUSY, "concurrency": 10_000})
    seen = [
        {(one.layout.data > 1, one.layout.expert) for one in made.alternatives}
        for made in (
            plan(asked, each, Cluster((nodes("H100", 4),)), ToyEngine(), with_front=True) for each in (dense, shape)
        )
    ]
    assert seen[0] == {(False, False)}
    assert (False, True) in seen[1]


def test_the_front_holds_the_chosen_layout_and_nothing_that_another_beats() -> None:
    """In GPUs, tokens, both times, rate and price."""
    cluster = Cluster((nodes("H200", 4), nodes("H100", 8)))
    made = plan(recipe(workload=BUSY), builders.llama_shape(140), cluster, VLLM, with_front=True)
    assert isinstance(made, Plan)
    assert sum(one.rule == "layout.chosen" for one in made.front) == 1
    figures = [
        (
            one.layout.world_size,
            -one.kv_tokens,
            one.speed.time_to_first_token_seconds.expected,
            one.speed.inter_token_seconds.expected,
            -one.speed.output_tokens_per_second.expected,
        )
        for one in made.front
        if one.speed is not None
    ]
    assert len(figures) == len(made.front) > 1
    assert not any(
        one != other and all(a <= b for a, b in zip(one, other, strict=True)) for one in figures for other in figures
    )


def test_one_kind_of_node_is_taken_before_kinds_are_mixed() -> None:
    """Mixing is for what no kind holds alone."""
    asked = recipe(workload=BUSY)
    assert len(fit(asked, nodes("A10G", 1, 2), nodes("L40S", 1, 1)).cluster.pools) == 1
    mixed = fit(recipe(workload={**BUSY, "concurrency": 1}), nodes("A10G", 1, 1), nodes("L40S", 1, 1), layers=110)
    assert [gpu.name for gpu in mixed.gpus] == ["L40S", "A10G"]
    assert mixed.layout.stages[0] > mixed.layout.stages[1]
    assert "layout.mixed-gpus" in {finding.id for finding in mixed.findings}
    for place, rank in zip(mixed.layout.ranks, mixed.ranks, strict=True):
        used = sum(term.bytes for term in rank.terms) + rank.kv_cache_bytes + rank.free_bytes
        assert used == mixed.gpu_of(place).memory_bytes


def test_kinds_with_other_numbers_of_gpus_are_not_mixed() -> None:
    """Every node must hold as many ranks as the others."""
    made = plan(recipe(), builders.llama_shape(110), Cluster((nodes("A10G", 1), nodes("L40S", 2))), ToyEngine())
    assert not isinstance(made, Plan) or len(made.cluster.pools) == 1


def test_stages_of_unequal_length_make_an_unfit_layout_fit() -> None:
    """The engine's own split lacks room on one stage; sized to their room both hold the model, and the plan says so."""
    cards = dataclasses.replace(builders.gpu("A10G"), memory_bytes=int(5.9 * GIB))
    made = fit(recipe(workload={"max_model_len": 2048, "concurrency": 1}), nodes(cards, 1, 3), layers=21)
    first, middle, last = made.layout.stages
    assert first < middle > last
    assert first + middle + last == 21
    assert split_layers(21, 3) == (7, 7, 7)
    assert any("sized to what each has room for" in reason for reason in made.reasons)
    pinned = recipe(parallelism=Parallelism(1, 3), hardware={"nodes": 3}, workload={"max_model_len": 2048})
    refused = plan(pinned, builders.llama_shape(21), Cluster((nodes(cards, 1, 3),)), VLLM)
    assert isinstance(refused, Infeasible)
    assert f"layerPartition: [{first}, {middle}, {last}]" in refused.changes[0].what


def test_a_pinned_layout_keeps_the_split_of_the_engine() -> None:
    """Whoever pins a layout gets the one that the engine would make of it."""
    made = fit(recipe(parallelism=Parallelism(1, 2), hardware={"nodes": 2}), nodes("A10G", 1, 2))
    assert made.layout.stages == split_layers(32, 2)


def test_what_rules_out_all_larger_layouts_is_said_before_the_memory_of_the_smallest() -> None:
    """Ray without an image that has it: one GPU alone may be used, and that is why its memory matters at all."""
    ray: dict[str, object] = {"engine": {"version": "0.24.0", "args": {}, "executor": "ray"}, "workload": BUSY}
    made = plan(recipe(**ray), builders.llama_shape(280), Cluster((nodes("L40S", 2, 2),)), VLLM)
    assert isinstance(made, Infeasible)
    assert made.reasons[0].startswith("images of vLLM 0.24.0 carry no Ray")
    assert "engine.image; all layouts on more than 1 GPU are ruled out" in made.reasons[0]
    assert "The nearest is TP1 x PP1" in made.reasons[1]


def test_layouts_that_are_ruled_out_each_for_its_own_reason_are_not_told_first() -> None:
    """TP3 does not divide the heads; that says nothing of the layouts that lack memory."""
    made = plan(recipe(workload=BUSY), builders.llama_shape(280), Cluster((nodes("A10G", 3),)), VLLM)
    assert isinstance(made, Infeasible)
    assert "The nearest is" in made.reasons[0]
