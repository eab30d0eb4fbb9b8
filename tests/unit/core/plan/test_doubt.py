"""What is little known does not win: doubtful speeds, pools that may be too small, goals that only the expected speed keeps."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from shardwright.core.hardware import Cluster, NodePool
from shardwright.core.plan import Infeasible, Plan, plan
from shardwright.core.plan.objectives import figure
from shardwright.core.plan.search import Ask, Candidate, Trials
from shardwright.core.plan.version import resolve_version
from shardwright.core.recipe.model import LatencyGoal
from shardwright.engines.vllm import ENGINE as VLLM
from shardwright.testing import builders
from shardwright.testing.toy_engine import ToyEngine
from shardwright.units import GIB

if TYPE_CHECKING:
    from shardwright.core.hardware import Gpu
    from shardwright.core.memory import Demand
    from shardwright.core.plan.types import Question
    from shardwright.core.plugins import Engine
    from shardwright.core.recipe import Recipe

BUSY: dict[str, object] = {"max_model_len": 8192, "concurrency": 64, "input_tokens": 512, "output_tokens": 128}


def recipe(**overrides: object) -> Recipe:
    """Llama for vLLM, the layout left open."""
    open_ended: dict[str, object] = {"engine": {"version": None, "args": {}}, "parallelism": "auto"}
    return builders.recipe(**{**open_ended, **overrides})


def fit(asked: Recipe, kind: str | Gpu, gpus: int, *, layers: int = 32, engine: Engine = VLLM) -> Plan:
    """A plan on one node that must fit."""
    cluster = Cluster((NodePool(builders.gpu(kind) if isinstance(kind, str) else kind, gpus, 1),))
    made = plan(asked, builders.llama_shape(layers), cluster, engine)
    assert isinstance(made, Plan), made.reasons
    return made


@dataclass(frozen=True, slots=True)
class DoubtfulTensor(ToyEngine):
    """vLLM's answers, where nobody timed tensor parallelism: its range is a hundredfold."""

    def memory(self, question: Question) -> Demand:
        """As vLLM's, with a wide range for TP > 1."""
        demand = VLLM.memory(question)
        if question.layout.tensor == 1 or demand.pace is None:
            return demand
        return dataclasses.replace(demand, pace=dataclasses.replace(demand.pace, uncertainty_share=9.0))


@pytest.mark.parametrize("objective", ["fewest-gpus", "latency", "throughput"])
def test_a_layout_of_doubtful_speed_does_not_win_over_a_known_one(objective: str) -> None:
    """TP2 is expected to be faster than PP2; where it may also be far slower, PP2 is taken."""
    asked = recipe(workload={**BUSY, "objective": objective})
    assert fit(asked, "H200", 2, layers=280).layout.tensor == 2
    assert fit(asked, "H200", 2, layers=280, engine=DoubtfulTensor()).layout.tensor == 1


@pytest.mark.parametrize("objective", ["fewest-gpus", "latency", "throughput"])
def test_the_figure_is_the_pessimistic_end(objective: str) -> None:
    """The highest time, the lowest rate."""
    asked = recipe(workload={**BUSY, "objective": objective})
    pool, shape = NodePool(builders.gpu("H200"), 1, 1), builders.llama_shape()
    ask = Ask(asked, shape, Cluster((pool,)), VLLM, resolve_version(None, VLLM.versions))
    trial = Trials(ask).of(Candidate((pool,), builders.layout(1, 1, nodes=1)))
    speed = trial.speed
    assert speed is not None
    request = speed.time_to_first_token_seconds.high + 127 * speed.inter_token_seconds.high
    rate = 1 / speed.output_tokens_per_second.low
    wanted = {"fewest-gpus": speed.batch_seconds.high, "latency": request, "throughput": rate}
    assert figure(ask, trial) == pytest.approx(wanted[objective])


def test_a_goal_is_kept_by_the_expected_speed_and_doubted_by_the_slow_end() -> None:
    """The layout counts as good, and a warning says how slow it may be."""
    free = fit(recipe(workload=BUSY), "H200", 1)
    assert free.speed is not None
    between = free.speed.inter_token_seconds
    goal = LatencyGoal(inter_token_seconds=(between.expected + between.high) / 2)
    made = fit(recipe(workload={**BUSY, "latency_goal": goal}), "H200", 1)
    (finding,) = [one for one in made.findings if one.id == "workload.latency-goal"]
    assert (finding.status, finding.severity) == ("unknown", "warning")
    assert "expected, up to" in finding.message
    assert "and keep the latency goal" in made.reasons[0]
    easy = LatencyGoal(inter_token_seconds=between.high * 1.01)
    sure = fit(recipe(workload={**BUSY, "latency_goal": easy}), "H200", 1)
    assert not [one for one in sure.findings if one.id == "workload.latency-goal"]


def test_a_goal_that_is_missed_is_not_called_the_fewest_that_fit() -> None:
    """Fewer GPUs fit as well; what was taken comes nearest to the goal."""
    goal = LatencyGoal(inter_token_seconds=1e-6)
    made = fit(recipe(workload={**BUSY, "latency_goal": goal}), "H200", 4, layers=280)
    assert "comes nearest to it" in made.reasons[0]
    assert not any("fewest that fit" in reason for reason in made.reasons)


def test_a_pool_that_may_not_hold_one_request_is_taken_only_where_nothing_surer_is() -> None:
    """One GPU would do by the prediction, not surely: two are taken where they are, one where it is alone."""
    asked = recipe(engine={"name": "toy", "version": None, "args": {}}, workload={**BUSY, "concurrency": 1})
    engine = ToyEngine(overhead_bytes=3 * GIB, uncertainty_bytes=GIB + GIB // 5)
    alone, free = (fit(asked, "A10G", gpus, engine=engine) for gpus in (1, 2))
    assert (alone.layout.world_size, free.layout.world_size) == (1, 2)
    (finding,) = [one for one in alone.findings if one.id == "memory.near-limit"]
    assert finding.fix.startswith("workload.maxModelLen: ")
    assert not [one for one in free.findings if one.id == "memory.near-limit"]
    assert any("may be as small as" in reason for reason in free.reasons)


def test_a_rounded_number_of_gpus_is_not_called_the_fewest() -> None:
    """The plan names the odd number that would do, and what lies below that one."""
    asked = recipe(workload={**BUSY, "max_model_len": 2048, "concurrency": 1})
    fabric = builders.gpu("H200", link="infinity-fabric4")
    made = fit(asked, fabric, 8, layers=800)
    assert made.layout.world_size in {4, 8}
    assert "rounded up to a power of two" in made.reasons[0]
    below = next(reason for reason in made.reasons if reason.startswith("Next below"))
    assert "1 node" in below
    assert "infinity-fabric" in " ".join(made.reasons)


def test_gpus_of_other_vendors_can_be_searched_for_mixtures_of_nodes() -> None:
    """Their compute capability is a name, not a number."""
    other = builders.gpu("H200", name="MI300X", compute_capability="gfx942", device="rocm", resource="amd.com/gpu")
    pools = (NodePool(other, 1, 1), NodePool(builders.gpu("H200"), 1, 1))
    made = plan(recipe(workload={**BUSY, "concurrency": 100_000}), builders.llama_shape(), Cluster(pools), VLLM)
    assert isinstance(made, Plan)


def test_a_length_that_alone_asks_for_more_gpus_is_said() -> None:
    """With the length that is named one GPU is enough."""
    asked = recipe(workload={"max_model_len": None, "concurrency": 1})
    shape = builders.llama_shape(max_positions=131072)
    cluster = Cluster((NodePool(builders.gpu("A10G"), 4, 1),))
    made = plan(asked, shape, cluster, VLLM)
    assert isinstance(made, Plan)
    (finding,) = [one for one in made.findings if one.id == "workload.length-costs-gpus"]
    length = int(finding.fix.removeprefix("workload.maxModelLen: ").partition(",")[0])
    again = plan(recipe(workload={"max_model_len": length, "concurrency": 1}), shape, cluster, VLLM)
    assert isinstance(again, Plan)
    assert again.layout.world_size < made.layout.world_size


def test_a_flag_that_the_engine_refuses_here_may_be_left_out() -> None:
    """One reason, not one for every size that does not divide either; and the change that helps."""
    asked = recipe(engine={"version": None, "args": {"kv-cache-dtype": "fp8"}}, workload=BUSY)
    made = plan(asked, builders.llama_shape(), Cluster((NodePool(builders.gpu("T4"), 8, 1),)), VLLM)
    assert isinstance(made, Infeasible)
    (reason,) = made.reasons
    assert reason.startswith("kv-cache-dtype fp8 needs")
    assert made.changes[0].what == "engine.args: without kv-cache-dtype"


def test_larger_nodes_are_offered_before_groups_that_span_single_gpus() -> None:
    """Tensor-parallel groups over the network are the last thing to buy."""
    asked = recipe(workload={**BUSY, "concurrency": 1, "max_model_len": 32768})
    made = plan(
        asked, builders.llama_shape(360, max_positions=32768), Cluster((NodePool(builders.gpu("T4"), 1, 1),)), VLLM
    )
    assert isinstance(made, Infeasible)
    assert "gpusPerNode: 8" in made.changes[0].what
    assert "gpusPerNode: 1," in made.changes[1].what
    assert "network between the nodes" in made.changes[1].cost
