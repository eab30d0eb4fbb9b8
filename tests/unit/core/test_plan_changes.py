"""Why nothing fits, and which changes would help: each was planned, cheapest first."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shardwright.core.plan import Infeasible, Plan, plan
from shardwright.core.plan.types import Saving
from shardwright.core.recipe.model import Parallelism
from shardwright.testing import builders
from shardwright.testing.toy_engine import ToyEngine
from shardwright.units import GIB

if TYPE_CHECKING:
    from shardwright.core.hardware import Cluster
    from shardwright.core.plan.types import Change

TOY: dict[str, object] = {"name": "toy", "version": None, "args": {}}


def unfit(cluster: Cluster, engine: ToyEngine | None = None, **overrides: object) -> Infeasible:
    """A plan that must not fit."""
    asked = builders.recipe(**{"engine": TOY, "parallelism": "auto", **overrides})
    made = plan(asked, builders.llama_shape(), cluster, engine or ToyEngine())
    assert isinstance(made, Infeasible), made
    return made


def change(made: Infeasible, part: str) -> Change:
    """The change whose words contain `part`."""
    return next(one for one in made.changes if part in one.what)


def test_reasons_name_the_rank_with_what_it_needs_and_has() -> None:
    """GiB needed and there, and the terms that make it up."""
    reason = unfit(builders.cluster("T4", nodes=1)).reasons[0]
    assert re.search(r"rank 0 needs 14\.96 GiB .*weights 14\.96.*13\.14 GiB of the 14\.60 of T4", reason)


def test_a_request_that_does_not_fit_is_told_apart() -> None:
    """Weights fit, one request does not."""
    made = unfit(builders.cluster(nodes=1), ToyEngine(overhead_bytes=int(4.2 * GIB)))
    assert re.search(r"GiB left for the KV cache; one request of 8,192 tokens needs 1\.00 GiB", made.reasons[0])


def test_a_shorter_context_is_offered_with_the_length_that_fits() -> None:
    """Whole steps, checked by planning."""
    made = unfit(builders.cluster(nodes=1), ToyEngine(overhead_bytes=int(4.2 * GIB)))
    shorter = change(made, "maxModelLen")
    length = int(shorter.what.split(": ")[1])
    assert length % 1024 == 0
    assert 0 < length <= shorter.kv_tokens < 8192
    assert "8,192 were asked for" in shorter.cost


def test_no_context_is_offered_that_is_shorter_than_the_workload() -> None:
    """It would refuse the very requests that are expected."""
    made = unfit(
        builders.cluster(nodes=1),
        ToyEngine(overhead_bytes=int(4.2 * GIB)),
        workload={"input_tokens": 7000, "output_tokens": 1000},
    )
    assert not any("maxModelLen" in one.what for one in made.changes)


def test_a_context_beyond_the_model_is_cut_to_its_positions() -> None:
    """The model's own limit is what helps there."""
    made = unfit(builders.cluster(), workload={"max_model_len": 10000})
    assert "10000 is more than the 8192 positions" in made.reasons[0]
    assert change(made, "maxModelLen").what == "workload.maxModelLen: 8192"


def test_the_layout_that_fits_the_hardware_there_comes_first() -> None:
    """It costs nothing."""
    made = unfit(builders.cluster("T4", gpus_per_node=4, nodes=1), parallelism=Parallelism(1, 1), hardware={"nodes": 1})
    assert made.changes[0].what == "parallelism: {tensor: 2, pipeline: 1}"
    assert made.changes[0].gpus == 2


@pytest.mark.requirement("R050")
def test_what_the_engine_offers_is_tried_and_its_cost_said() -> None:
    """Half of the weights fit one T4."""
    saving = change(unfit(builders.cluster("T4", nodes=1)), "engine.args")
    assert saving.what == "engine.args: {half-weights: true}"
    assert saving.cost == "half of the precision"
    assert saving.kv_tokens > 8192


def test_more_hardware_says_how_much_more() -> None:
    """More nodes of the same kind, or more GPUs in one node, with the layout that goes with it."""
    made = unfit(builders.cluster("T4", nodes=1), ToyEngine(savings=()))
    whats = [one.what for one in made.changes]
    assert "hardware: {gpu: T4, gpusPerNode: 1, nodes: 2}, parallelism: {tensor: 1, pipeline: 2}" in whats
    assert "hardware: {gpu: T4, gpusPerNode: 2, nodes: 1}, parallelism: {tensor: 2, pipeline: 1}" in whats
    assert all(one.cost == "1 more T4 (2 instead of 1)" for one in made.changes)


def test_there_are_at_most_three_changes_cheapest_first() -> None:
    """Context before precision before hardware; of four that help the dearest is left out."""
    made = unfit(builders.cluster(nodes=1), ToyEngine(overhead_bytes=int(4.2 * GIB)))
    assert [one.what.split(":")[0] for one in made.changes] == ["workload.maxModelLen", "engine.args", "hardware"]


def test_what_is_more_than_enough_is_left_out() -> None:
    """Where half of the weights help, half of them and something else is no news; what does not help is not offered."""
    half = (("half-weights", True),)
    savings = (
        Saving((*half, ("slow", True)), "slow and half", 7),
        Saving(half, "half", 6),
        Saving((("slow", True),), "slow", 1),
    )
    made = unfit(
        builders.cluster("T4", gpus_per_node=2, nodes=1),
        ToyEngine(savings=savings),
        parallelism=Parallelism(1, 1),
        hardware={"nodes": 1, "gpus_per_node": 2},
    )
    assert [one.cost.split(":")[0] for one in made.changes] == ["no cost", "half"]


def test_more_nodes_with_more_gpus_each_are_offered_where_neither_alone_is_enough() -> None:
    """A model of many GPUs, asked for on one: 16 of them are too few, in one node or in sixteen."""
    made = unfit(builders.cluster(gpu_memory=GIB, nodes=1), ToyEngine(savings=()), hardware={"nodes": 1})
    assert [one.what.split(", parallelism")[0] for one in made.changes] == [
        "hardware: {gpu: A10G, gpusPerNode: 8, nodes: 3}"
    ]
    assert made.changes[0].gpus > 16


def test_nothing_is_offered_where_nothing_helps() -> None:
    """A tenth of a GiB holds no layer, however many there are."""
    assert unfit(builders.cluster(gpu_memory=GIB // 10, nodes=1)).changes == ()


def test_every_refusal_is_listed_once_where_no_layout_is_possible() -> None:
    """All reasons at once, with numbers."""
    made = unfit(
        builders.cluster(gpus_per_node=4, nodes=1), parallelism=Parallelism(3, 1, data=2), hardware={"nodes": 1}
    )
    assert any("parallelism.data: 2" in reason for reason in made.reasons)
    made = unfit(builders.cluster(gpus_per_node=4, nodes=1), parallelism=Parallelism(3, 1), hardware={"nodes": 1})
    assert made.reasons == ("TP3 does not divide 32 heads",)


@settings(max_examples=30, deadline=None)
@given(memory=st.integers(4, 16), gpus=st.sampled_from([1, 2]), overhead=st.integers(0, 3))
def test_every_change_fits_when_it_is_made(memory: int, gpus: int, overhead: int) -> None:
    """A change is applied as it is written, and the plan holds the tokens it promised."""
    cluster = builders.cluster("A10G", gpus_per_node=gpus, nodes=1, gpu_memory=memory * GIB)
    engine = ToyEngine(overhead_bytes=overhead * GIB)
    asked = builders.recipe(engine=TOY, parallelism=Parallelism(1, 1), hardware={"nodes": 1, "gpus_per_node": gpus})
    made = plan(asked, builders.llama_shape(), cluster, engine)
    for one in made.changes if isinstance(made, Infeasible) else ():
        changed, usable = asked, cluster
        if length := re.search(r"maxModelLen: (\d+)", one.what):
            changed = dataclasses.replace(
                changed, workload=dataclasses.replace(changed.workload, max_model_len=int(length[1]))
            )
        if "half-weights" in one.what:
            changed = dataclasses.replace(
                changed, engine=dataclasses.replace(changed.engine, args={"half-weights": True})
            )
        if sizes := re.search(r"tensor: (\d+), pipeline: (\d+)", one.what):
            changed = dataclasses.replace(changed, parallelism=Parallelism(int(sizes[1]), int(sizes[2])))
        if more := re.search(r"gpusPerNode: (\d+), nodes: (\d+)", one.what):
            usable = builders.cluster("A10G", gpus_per_node=int(more[1]), nodes=int(more[2]), gpu_memory=memory * GIB)
        result = plan(changed, builders.llama_shape(), usable, engine)
        assert isinstance(result, Plan), one
        assert result.pool.tokens == one.kv_tokens
