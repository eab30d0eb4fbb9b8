"""What holds for every plan, whatever the model, the hardware and the engine's overhead are."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from shardwright.core.hardware import Cluster, NodePool
from shardwright.core.layout import Layout, split_layers
from shardwright.core.plan import Plan, plan
from shardwright.core.plan.types import Question
from shardwright.core.recipe.model import Workload
from shardwright.core.shape.base import Split
from shardwright.engines.vllm import ENGINE as VLLM
from shardwright.testing import builders
from shardwright.testing.toy_engine import ToyEngine
from shardwright.units import GIB

if TYPE_CHECKING:
    from shardwright.core.plan import Infeasible
    from shardwright.core.recipe import Recipe

Objective: TypeAlias = Literal["fewest-gpus", "latency", "throughput", "price"]
KINDS = ("T4", "A10G", "L40S", "H100", "H200")


def _pool(kind: str, gpus_per_node: int, nodes: int) -> NodePool:
    return NodePool(builders.gpu(kind), gpus_per_node, nodes)


def _workload(tokens: int, concurrency: int, objective: Objective) -> Workload:
    return Workload(tokens, concurrency, input_tokens=256, output_tokens=64, objective=objective)


POOLS = st.lists(
    st.builds(_pool, st.sampled_from(KINDS), st.sampled_from([1, 2, 4, 8]), st.integers(1, 3)),
    min_size=1,
    max_size=3,
    unique_by=lambda pool: (pool.gpu.name, pool.gpus_per_node),
)
OBJECTIVES: tuple[Objective, ...] = ("fewest-gpus", "latency", "throughput")
WORKLOADS = st.builds(
    _workload, st.sampled_from([512, 2048, 8192]), st.sampled_from([1, 16, 256]), st.sampled_from(OBJECTIVES)
)


def asked(workload: Workload, engine: str = "vllm") -> Recipe:
    """Llama-3-8B with that workload, the layout left open."""
    made = builders.recipe(engine={"name": engine, "version": None, "args": {}}, parallelism="auto")
    return dataclasses.replace(made, workload=workload)


def planned(workload: Workload, found: list[NodePool], layers: int = 32) -> Plan | Infeasible:
    """The plan of vLLM on those nodes."""
    return plan(asked(workload), builders.llama_shape(layers), Cluster(tuple(found)), VLLM)


@settings(max_examples=40, deadline=None)
@given(workload=WORKLOADS, found=POOLS, layers=st.integers(8, 80))
def test_a_plan_never_exceeds_the_memory_of_a_rank(workload: Workload, found: list[NodePool], layers: int) -> None:
    """Terms and cache stay within the device that the rank stands on, and every stage has a layer."""
    made = planned(workload, found, layers)
    if isinstance(made, Plan):
        assert min(made.layout.stages) > 0
        assert sum(made.layout.stages) == layers
        for place, rank in zip(made.layout.ranks, made.ranks, strict=True):
            used = sum(term.bytes for term in rank.terms) + rank.kv_cache_bytes
            assert used + rank.free_bytes == made.gpu_of(place).memory_bytes
            assert rank.free_bytes >= 0


@settings(max_examples=40, deadline=None)
@given(workload=WORKLOADS, found=POOLS)
def test_every_layout_that_is_planned_passes_the_engine(workload: Workload, found: list[NodePool]) -> None:
    """Neither the chosen one nor a fitting alternative is refused by the engine's limits; nodes are there."""
    made = planned(workload, found)
    if not isinstance(made, Plan):
        return
    there = sum(pool.nodes for pool in found)
    for layout, gpus in [(made.layout, made.gpus), *((one.layout, one.gpus) for one in made.alternatives if one.fits)]:
        question = Question(made.recipe, made.shape, layout, gpus, made.engine.version)
        assert VLLM.limits(question) == ()
        assert layout.nodes <= there
        assert len(gpus) in {1, layout.nodes}


@settings(max_examples=40, deadline=None)
@given(workload=WORKLOADS, found=POOLS, more=st.integers(0, 40))
def test_more_memory_never_makes_a_fit_unfit(workload: Workload, found: list[NodePool], more: int) -> None:
    """And never takes more GPUs where the fewest are sought."""

    def larger(pool: NodePool) -> NodePool:
        return dataclasses.replace(
            pool, gpu=dataclasses.replace(pool.gpu, memory_bytes=pool.gpu.memory_bytes + more * GIB)
        )

    def result(nodes: list[NodePool]) -> Plan | Infeasible:
        return plan(asked(workload, "toy"), builders.llama_shape(), Cluster(tuple(nodes)), ToyEngine(GIB))

    small, large = result(found), result([larger(pool) for pool in found])
    if isinstance(small, Plan):
        assert isinstance(large, Plan)
        enough = workload.concurrency * (workload.input_tokens + workload.output_tokens)
        if small.pool.tokens >= enough:
            assert large.pool.tokens >= enough


@settings(max_examples=30, deadline=None)
@given(workload=WORKLOADS, found=POOLS, data=st.data())
def test_the_order_of_pools_does_not_matter(workload: Workload, found: list[NodePool], data: st.DataObject) -> None:
    """The same nodes in another order give the same layout on the same GPUs."""
    shuffled = data.draw(st.permutations(found))
    one, other = planned(workload, found), planned(workload, shuffled)
    assert type(one) is type(other)
    if isinstance(one, Plan) and isinstance(other, Plan):
        assert (one.layout, one.gpus, one.pool) == (other.layout, other.gpus, other.pool)


@settings(max_examples=40, deadline=None)
@given(tensor=st.sampled_from([1, 2, 4, 8, 16, 32]), pipeline=st.integers(1, 8), layers=st.integers(8, 40))
def test_the_ranks_hold_the_whole_model(tensor: int, pipeline: int, layers: int) -> None:
    """Divided weights add up to the whole, within padding; what is repeated is there as often as it is repeated."""
    shape = builders.llama_shape(layers)
    layout = Layout(tensor, pipeline, 1, tensor * pipeline, split_layers(layers, pipeline))
    question = Question(asked(Workload(2048)), shape, layout, (builders.gpu("H200"),), VLLM.versions[-1])
    held = sum(term.bytes for rank in VLLM.memory(question).ranks for term in rank.terms if term.name == "weights")
    weights = [weight for layer in shape.layers for weight in layer.weights]
    weights += [*shape.embedding, *shape.head]
    repeats = {Split.NONE: tensor, Split.KV_HEADS: max(1, tensor // shape.kv_heads)}
    whole = sum(shape.bytes_of(weight) * repeats.get(weight.split, 1) for weight in weights)
    tensors = 12 * layers + 4
    # The allocator rounds every tensor up to 2 MiB at most, the rotary table is no weight of the checkpoint.
    assert whole <= held <= whole + layout.world_size * (tensors * 2**21 + 64 * 2**20)
