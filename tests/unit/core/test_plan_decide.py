"""The decision, with the toy engine: what is chosen, kept, refused and warned of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shardwright import errors
from shardwright.core.hardware import Cluster, NodePool
from shardwright.core.plan import Infeasible, Plan, plan
from shardwright.core.recipe.model import Parallelism
from shardwright.testing import builders
from shardwright.testing.toy_engine import ToyEngine
from shardwright.units import GIB

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe

TOY: dict[str, object] = {"name": "toy", "version": None, "args": {}}


def recipe(**overrides: object) -> Recipe:
    """Llama-3-8B for the toy engine, planned."""
    return builders.recipe(**{"engine": TOY, "parallelism": "auto", **overrides})


def fit(asked: Recipe, cluster: Cluster, overhead_bytes: int = 0, uncertainty_bytes: int = 0) -> Plan:
    """A plan that must fit."""
    made = plan(asked, builders.llama_shape(), cluster, ToyEngine(overhead_bytes, uncertainty_bytes))
    assert isinstance(made, Plan), made
    return made


def unfit(asked: Recipe, cluster: Cluster) -> Infeasible:
    """A plan that must not fit."""
    made = plan(asked, builders.llama_shape(), cluster, ToyEngine())
    assert isinstance(made, Infeasible), made
    return made


def found(made: Plan, rule: str) -> list[str]:
    """Messages of one rule."""
    return [finding.message for finding in made.findings if finding.id == rule]


@pytest.mark.requirement("R049")
def test_the_fewest_gpus_are_taken() -> None:
    """15 GiB of weights fit one A10G; two nodes are not used because they are there."""
    made = fit(recipe(), builders.cluster())
    assert (made.layout.world_size, made.layout.nodes) == (1, 1)


@pytest.mark.requirement("R154")
def test_one_node_is_taken_before_two() -> None:
    """T4s hold no 15 GiB: two of one node do."""
    made = fit(recipe(), builders.cluster("T4", gpus_per_node=4, nodes=4))
    assert (made.layout.tensor, made.layout.nodes) == (2, 1)
    assert any("TP1 x PP1" in reason and "GiB" in reason for reason in made.reasons)


def test_many_nodes_are_taken_where_one_does_not_hold_it() -> None:
    """One T4 a node: the layers are spread."""
    made = fit(recipe(), builders.cluster("T4", nodes=4))
    assert (made.layout.tensor, made.layout.pipeline, made.layout.nodes) == (1, 2, 2)


def test_tensor_groups_span_nodes_only_where_nothing_else_fits() -> None:
    """A model of one layer cannot be spread by layers; the plan says what that costs."""
    shape = builders.llama_shape(layer_count=1)
    made = plan(recipe(), shape, builders.cluster(gpu_memory=2 * GIB, nodes=4), ToyEngine())
    assert isinstance(made, Plan)
    assert (made.layout.tensor, made.layout.nodes) == (2, 2)
    assert found(made, "layout.tensor-spans-nodes")


def test_a_pinned_layout_is_kept_and_a_smaller_one_named_with_its_tokens() -> None:
    """The smaller one is planned, not guessed."""
    made = fit(recipe(parallelism=Parallelism(1, 2)), builders.cluster())
    alone = fit(recipe(), builders.cluster())
    assert made.layout.pipeline == 2
    message = found(made, "layout.larger-than-needed")[0]
    assert message.startswith("1x A10G would do")
    assert f"{alone.pool.tokens:,} KV tokens" in message


def test_no_smaller_layout_is_named_that_cannot_hold_the_workload() -> None:
    """It would fit one request, but not what is asked for."""
    asked = recipe(
        parallelism=Parallelism(1, 2), workload={"concurrency": 128, "input_tokens": 1000, "output_tokens": 200}
    )
    assert found(fit(asked, builders.cluster()), "layout.larger-than-needed") == []


def test_ranks_add_up_and_leave_free_what_they_say() -> None:
    """Terms, cache and free bytes are the device."""
    made = fit(recipe(parallelism=Parallelism(1, 2)), builders.cluster())
    for rank in made.ranks:
        used = sum(term.bytes for term in rank.terms) + rank.kv_cache_bytes
        assert used + rank.free_bytes == made.gpu.memory_bytes


def test_the_model_limit_is_the_default_length() -> None:
    """As engines have it, and the plan says so."""
    made = fit(recipe(workload={"max_model_len": None}), builders.cluster())
    assert made.max_model_len == 8192
    assert any("maxModelLen is not given" in reason for reason in made.reasons)


@pytest.mark.parametrize(
    ("asked", "cluster", "rule"),
    [
        ({"parallelism": Parallelism(2, 1)}, builders.cluster(gpus_per_node=4), "layout.tensor-spans-nodes"),
        ({"parallelism": Parallelism(2, 2)}, builders.cluster(gpus_per_node=4), "layout.partial-nodes"),
        ({"parallelism": Parallelism(1, 3)}, builders.cluster(gpus_per_node=4, nodes=1), "layout.gpu-count"),
        ({"parallelism": Parallelism(2, 1)}, builders.cluster(gpus_per_node=4, nodes=1), "layout.node-not-full"),
        ({"workload": {"concurrency": 1000}}, builders.cluster(), "memory.pool-smaller-than-workload"),
        ({"engine": {**TOY, "version": "1.5.0"}}, builders.cluster(), "engine.version-unknown"),
        (
            {"workload": {"max_model_len": 4096, "input_tokens": 4000, "output_tokens": 97}},
            builders.cluster(),
            "workload.longer-than-context",
        ),
    ],
)
@pytest.mark.requirement("R150")
@pytest.mark.requirement("R151")
@pytest.mark.requirement("R153")
def test_a_plan_that_fits_is_warned_of(asked: dict[str, object], cluster: Cluster, rule: str) -> None:
    """Each neutral rule warns, with a reason and a way out."""
    made = fit(recipe(**asked), cluster)
    warned = [finding for finding in made.findings if finding.id == rule]
    assert len(warned) == 1
    assert warned[0].status == "warn"
    assert warned[0].fix
    assert warned[0].why


@pytest.mark.parametrize(
    "workload",
    [{"max_model_len": 512, "output_tokens": 128}, {"max_model_len": 4096, "input_tokens": 4000, "output_tokens": 96}],
)
def test_requests_that_fit_or_were_never_described_are_not_called_too_long(workload: dict[str, int]) -> None:
    """Lengths that the recipe leaves open are nobody's wish."""
    assert not found(fit(recipe(workload=workload), builders.cluster()), "workload.longer-than-context")


def test_a_pool_that_may_be_too_small_is_warned_of() -> None:
    """It fits by the prediction, but not at the lower end of the interval."""
    asked = recipe(workload={"concurrency": 1})
    made = fit(asked, builders.cluster(nodes=1), overhead_bytes=3 * GIB, uncertainty_bytes=2 * GIB)
    assert found(made, "memory.near-limit")


def test_no_plan_names_fields_that_nothing_uses_yet() -> None:
    """What is read has an effect."""
    asked = recipe(expose={"dashboard": True})
    made = fit(asked, builders.cluster())
    assert [finding.path for finding in made.findings if finding.id == "recipe.not-used-yet"] == []


def test_an_unknown_version_is_planned_by_older_rules_and_said_so() -> None:
    """Version and rules stand in the reasons."""
    made = fit(recipe(engine={**TOY, "version": "9.9"}), builders.cluster())
    assert made.engine.version == "9.9"
    assert any("9.9" in reason and "2.0.0" in reason for reason in made.reasons)


def test_the_version_argument_overrides_the_recipe() -> None:
    """A rehearsal plans for the engine that is installed."""
    made = plan(recipe(), builders.llama_shape(), builders.cluster(), ToyEngine(), "1.0.0")
    assert made.engine.version == "1.0.0"


def test_a_gpu_of_unknown_memory_is_an_input_error() -> None:
    """Nothing is assumed; the field to give is named."""
    with pytest.raises(errors.InputError) as caught:
        plan(recipe(), builders.llama_shape(), builders.cluster(gpu_memory=0), ToyEngine())
    assert "gpuMemory" in caught.value.hint


def test_a_figure_that_is_not_predicted_cannot_be_sought_and_the_plan_says_so() -> None:
    """The toy engine has no speed: the fewest GPUs are taken, with the reason."""
    made = fit(recipe(workload={"objective": "latency"}), builders.cluster())
    assert made.speed is None
    assert made.speed_reason
    assert any("latency cannot be sought" in reason and made.speed_reason in reason for reason in made.reasons)


def test_alternatives_say_why_they_were_not_taken() -> None:
    """Unfit ones with the lack, fitting ones with their price."""
    made = fit(recipe(), builders.cluster("T4", gpus_per_node=4, nodes=1))
    unfit_ones = [one for one in made.alternatives if not one.fits]
    fitting = [one for one in made.alternatives if one.fits]
    assert "GiB" in unfit_ones[0].reason
    assert unfit_ones[0].rule == "memory.budget"
    assert any("longer pipeline" in one.reason and one.rule == "layout.preference" for one in fitting)
    assert any("2 are enough" in one.reason and one.rule == "objective.fewest-gpus" for one in fitting)


def test_no_gpu_is_no_layout() -> None:
    """An empty cluster is unfit, not a crash."""
    assert "no GPU" in unfit(recipe(), Cluster(())).reasons[0]


@settings(max_examples=40, deadline=None)
@given(
    kinds=st.permutations(["A10G", "T4", "L40S", "H100"]),
    nodes=st.lists(st.integers(1, 3), min_size=4, max_size=4),
    overhead=st.integers(0, 10),
)
def test_the_order_of_nodes_does_not_matter(kinds: list[str], nodes: list[int], overhead: int) -> None:
    """Pools in any order, or the same pool in pieces, give the same layout on the same GPU."""
    counted = dict(zip(sorted(kinds), nodes, strict=True))

    def cluster(names: list[str], *, split: bool) -> Cluster:
        whole = [NodePool(builders.gpu(name), 2, counted[name]) for name in names]
        single = [NodePool(pool.gpu, 2, 1) for pool in whole for _ in range(pool.nodes)]
        return Cluster(tuple(single if split else whole))

    plans = [
        plan(recipe(), builders.llama_shape(), one, ToyEngine(overhead_bytes=overhead * GIB))
        for one in (cluster(sorted(kinds), split=False), cluster(kinds, split=False), cluster(kinds, split=True))
    ]
    assert len({(type(made), getattr(made, "layout", None), getattr(made, "gpu", None)) for made in plans}) == 1


@settings(max_examples=60, deadline=None)
@given(memory=st.integers(2, 90), more=st.integers(0, 60), gpus=st.integers(1, 4), nodes=st.integers(1, 3))
def test_more_memory_never_makes_a_fit_unfit(memory: int, more: int, gpus: int, nodes: int) -> None:
    """And never takes more GPUs."""

    def made(gib: int) -> Plan | Infeasible:
        cluster = builders.cluster("H100", gpus_per_node=gpus, nodes=nodes, gpu_memory=gib * GIB)
        return plan(recipe(), builders.llama_shape(), cluster, ToyEngine(overhead_bytes=GIB))

    small, large = made(memory), made(memory + more)
    if isinstance(small, Plan):
        assert isinstance(large, Plan)
        assert large.layout.world_size <= small.layout.world_size
        assert all(rank.free_bytes >= 0 for rank in large.ranks)
