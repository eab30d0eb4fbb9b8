"""How members of a group of SGLang start."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

import pytest
from sglang_questions import asked, shape_named

from shardwright.core import memory
from shardwright.core.deployment import LaunchOrder
from shardwright.core.plan.types import EngineChoice
from shardwright.engines.sglang import ENGINE
from shardwright.testing import builders

if TYPE_CHECKING:
    from shardwright.core.deployment import Launch, Wiring


def launched(
    role: Literal["leader", "worker"] = "leader",
    *,
    model: str = "llama-3.1-8b",
    wiring: Wiring | None = None,
    model_fields: dict[str, Any] | None = None,
    **sizes: Any,  # noqa: ANN401 - what `asked` takes
) -> Launch:
    question = asked(shape_named(model), model=model_fields, **sizes)
    demand = ENGINE.memory(question)
    pool = memory.pool_of(demand)
    plan = builders.plan(
        question.recipe,
        shape=question.shape,
        layout=question.layout,
        engine=EngineChoice("sglang", question.version, demand.runner, "mp", demand.settings),
        ranks=memory.settle(demand, pool.blocks),
        pool=pool,
    )
    return ENGINE.launch(LaunchOrder(plan, role, wiring or builders.wiring()))


def flags_of(launch: Launch) -> dict[str, str]:
    pairs = zip(launch.argv, (*launch.argv[1:], ""), strict=True)
    return {name[2:]: "" if value.startswith("--") else value for name, value in pairs if name.startswith("--")}


def test_every_member_runs_the_same_command_with_its_rank() -> None:
    """No headless form: leader and workers differ in nothing that is written."""
    leader, worker = (launched(role, tensor=2, pipeline=2, nodes=2) for role in ("leader", "worker"))
    assert leader.argv == worker.argv
    assert leader.argv[:3] == ("python3", "-m", "sglang.launch_server")
    flags = flags_of(leader)
    assert (flags["tp-size"], flags["pp-size"], flags["nnodes"]) == ("2", "2", "2")
    assert flags["dist-init-addr"] == "$(LWS_LEADER_ADDRESS):29501"
    assert flags["node-rank"] == "$(LWS_WORKER_INDEX)"
    assert flags["host"] == "0.0.0.0"  # noqa: S104 - what must be written


def test_one_node_needs_no_rendezvous() -> None:
    """Only groups over nodes are told of each other; an IPv6 leader is put in brackets."""
    assert not {"nnodes", "node-rank", "dist-init-addr"} & set(flags_of(launched(tensor=2)))
    wired = builders.wiring(leader_address="fd00::1")
    assert flags_of(launched(pipeline=2, nodes=2, wiring=wired))["dist-init-addr"] == "[fd00::1]:29501"


def test_copies_share_layers_where_that_is_what_is_planned() -> None:
    """SGLang's tp counts the ranks of all copies of a mixture; copies of a dense model are processes of their own."""
    shared = flags_of(launched(model="deepseek-v3", data=8, expert=True, length=4096))
    assert (shared["tp-size"], shared["dp-size"], shared["ep-size"]) == ("8", "8", "8")
    assert "enable-dp-attention" in shared
    dense = flags_of(launched(data=2))
    assert (dense["tp-size"], dense["dp-size"]) == ("1", "2")
    assert "enable-dp-attention" not in dense


def test_uneven_stages_are_written_out() -> None:
    """SGLang gives the remainder to other stages than the plan."""
    variables = {one.name: one.value for one in launched(pipeline=2, nodes=2, stages=(17, 15)).environment}
    assert variables["SGLANG_PP_LAYER_PARTITION"] == "17,15"
    even = {one.name for one in launched(pipeline=2, nodes=2).environment}
    assert "SGLANG_PP_LAYER_PARTITION" not in even


def test_the_recipes_own_flags_follow_and_metrics_are_on() -> None:
    """Objects are JSON, lists are words, switches stand alone; what the plan resolved is written once."""
    args = {
        "json-model-override-args": {"rope_theta": 5},
        "cuda-graph-bs": [1, 2],
        "disable-radix-cache": True,
        "disable-overlap-schedule": False,
        "mem-fraction-static": 0.8,
    }
    argv = launched(args=args).argv
    assert '{"rope_theta":5}' in argv
    assert argv[argv.index("--cuda-graph-bs") + 1 :][:2] == ("1", "2")
    assert (
        argv.count("--mem-fraction-static")
        == argv.count("--enable-metrics")
        == argv.count("--disable-radix-cache")
        == 1
    )
    assert "--disable-overlap-schedule" not in argv


@pytest.mark.parametrize(
    ("name", "rank"),
    [("sglang::scheduler_TP3", "3"), ("sglang::scheduler_DP1_PP0_TP12_EP12", "12"), ("sglang::detokenizer", None)],
)
def test_processes_are_told_apart_by_their_name(name: str, rank: str | None) -> None:
    """The place among the ranks of a stage."""
    match = re.search(launched().rank_pattern, name)
    assert (match[1] if match else None) == rank


def test_images_carry_the_release() -> None:
    """Post releases have images of their own."""
    assert launched(version="0.5.6.post2").image == "docker.io/lmsysorg/sglang:v0.5.6.post2"


def test_the_first_answer_may_take_hours_over_nodes() -> None:
    """Two and a half hours for groups, as SGLang's own examples allow."""
    probe, alone = launched(pipeline=2, nodes=2).probe, launched().probe
    assert probe is not None
    assert alone is not None
    assert (probe.path, probe.startup_budget_seconds) == ("/health", 9000)
    assert 1800 <= alone.startup_budget_seconds < 9000


def test_adapter_slots_are_asked_for_with_the_projections_they_were_counted_for() -> None:
    """SGLang makes slots without adapters only where rank and projections are given."""
    launch = launched(model_fields={"lora_slots": 2}, args={"max-lora-rank": 32})
    flags = flags_of(launch)
    assert (flags["enable-lora"], flags["max-loras-per-batch"], flags["max-lora-rank"]) == ("", "2", "32")
    start = launch.argv.index("--lora-target-modules") + 1
    assert launch.argv[start : start + 7] == (
        *("q_proj", "k_proj", "v_proj", "o_proj"),
        *("gate_proj", "up_proj", "down_proj"),
    )
    assert launch.argv.count("--max-lora-rank") == 1
