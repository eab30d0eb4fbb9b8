"""How copies, whole experts, adapters and drafts are asked for when members start."""

from __future__ import annotations

import json

from shardwright.core.deployment import Launch, LaunchOrder, Wiring
from shardwright.core.plan import Plan, plan
from shardwright.core.recipe.model import Draft, Parallelism
from shardwright.core.shape.base import Mixture
from shardwright.engines.vllm import ENGINE
from shardwright.testing import builders

MIXTURE = Mixture(experts=8, experts_per_token=2, intermediate_size=14336)


def started(
    *, nodes: int, role: str = "leader", asked: Parallelism, wiring: Wiring | None = None, **model: object
) -> Launch:
    """A member of a planned group of H100 nodes with two GPUs each."""
    recipe = builders.recipe(
        engine={"version": "0.24.0", "args": {}},
        parallelism=asked,
        hardware={"nodes": nodes, "gpus_per_node": 2},
        model=model,
    )
    shape = builders.llama_shape(32, mixture=MIXTURE)
    made = plan(recipe, shape, builders.cluster("H100", gpus_per_node=2, nodes=nodes), ENGINE)
    assert isinstance(made, Plan), made
    wired = wiring or builders.wiring()
    return ENGINE.launch(LaunchOrder(made, "worker" if role == "worker" else "leader", wired))


def value_of(launch: Launch, flag: str) -> str:
    """The argument after a flag."""
    return launch.argv[launch.argv.index(flag) + 1]


def test_copies_and_whole_experts_on_one_node() -> None:
    """No rendezvous is needed; vLLM starts both copies itself."""
    launch = started(nodes=1, asked=Parallelism(1, 1, data=2, expert=True))
    assert value_of(launch, "--data-parallel-size") == "2"
    assert "--enable-expert-parallel" in launch.argv
    assert "--nnodes" not in launch.argv
    assert "--data-parallel-address" not in launch.argv


def test_copies_on_two_nodes_meet_at_the_leader() -> None:
    """Members differ by `--headless` alone: which copies a node runs follows from its rank."""
    leader, worker = (
        started(nodes=2, role=role, asked=Parallelism(2, 1, data=2, expert=True)) for role in ("leader", "worker")
    )
    assert value_of(leader, "--data-parallel-address") == value_of(leader, "--master-addr")
    assert value_of(leader, "--nnodes") == "2"
    assert worker.argv == (*leader.argv, "--headless")


def test_a_single_copy_asks_for_nothing() -> None:
    """The flags of older recipes stay as they were."""
    launch = started(nodes=1, asked=Parallelism(2, 1))
    assert not [argument for argument in launch.argv if "data-parallel" in argument or "expert" in argument]


def test_adapter_slots_are_asked_for() -> None:
    """With the rank that they were counted with."""
    launch = started(nodes=1, asked=Parallelism(2, 1), lora_slots=3)
    assert "--enable-lora" in launch.argv
    assert value_of(launch, "--max-loras") == "3"
    assert value_of(launch, "--max-lora-rank") == "16"


def test_a_draft_is_asked_for_on_the_same_tensor_parallel_ranks() -> None:
    """No other split is taken."""
    launch = started(nodes=1, asked=Parallelism(2, 1), draft=Draft("hf://test/small", 4))
    config = json.loads(value_of(launch, "--speculative-config"))
    assert config == {
        "draft_tensor_parallel_size": 2,
        "method": "draft_model",
        "model": "test/small",
        "num_speculative_tokens": 4,
    }


def test_a_draft_is_read_from_where_the_target_finds_it() -> None:
    """A name of the catalogue is no name of the hub; the hub is needed while either model comes from there."""
    wired = builders.wiring(model="/models/big", draft="meta-llama/Llama-3.2-1B")
    launch = started(nodes=1, asked=Parallelism(2, 1), draft=Draft("llama-3.2-1b", 4), wiring=wired)
    assert json.loads(value_of(launch, "--speculative-config"))["model"] == "meta-llama/Llama-3.2-1B"
    assert "HF_HUB_OFFLINE" not in {variable.name for variable in launch.environment}
