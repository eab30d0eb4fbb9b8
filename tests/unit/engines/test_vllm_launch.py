"""How members start: the same flags on all of them, those of the plan written out."""

from __future__ import annotations

import dataclasses

import pytest

from shardwright.core.deployment import Launch, LaunchOrder, Wiring
from shardwright.core.plan import Plan, plan
from shardwright.core.recipe.model import KeyRef, Parallelism
from shardwright.engines.vllm import ENGINE, arguments
from shardwright.testing import builders

LEADER = [
    *("vllm", "serve", "meta-llama/Meta-Llama-3-8B-Instruct"),
    *("--served-model-name", "llama-3-8b"),
    *("--port", "8000"),
    *("--tensor-parallel-size", "1"),
    *("--pipeline-parallel-size", "2"),
    *("--dtype", "bfloat16"),
    *("--max-model-len", "8192"),
    *("--max-num-batched-tokens", "2048"),
    *("--max-num-seqs", "256"),
    *("--gpu-memory-utilization", "0.9"),
    *("--nnodes", "2"),
    *("--node-rank", "$(LWS_WORKER_INDEX)"),
    *("--master-addr", "$(LWS_LEADER_ADDRESS)"),
    *("--master-port", "29501"),
    *("--distributed-executor-backend", "mp"),
]


def planned(*, gpu: str = "A10G", nodes: int = 2, layers: int = 32, **recipe: object) -> Plan:
    """A plan with the real rules."""
    cluster = builders.cluster(gpu, nodes=nodes)
    made = plan(builders.recipe(**recipe), builders.llama_shape(layers), cluster, ENGINE)
    assert isinstance(made, Plan), made
    return made


def member(made: Plan, wiring: Wiring | None = None) -> Launch:
    """The leader."""
    return ENGINE.launch(LaunchOrder(made, "leader", wiring or builders.wiring()))


def variables(launch: Launch) -> dict[str, object]:
    """Environment by name."""
    return {variable.name: variable.value for variable in launch.environment}


def value_of(launch: Launch, flag: str) -> str:
    """The argument after a flag."""
    return launch.argv[launch.argv.index(flag) + 1]


def test_the_leader_is_started_with_all_that_was_planned() -> None:
    """The whole command line, as it is."""
    assert list(member(planned()).argv) == LEADER


def test_a_worker_differs_by_headless_alone() -> None:
    """All other arguments have to be equal; the node's rank is filled in where it starts."""
    worker = ENGINE.launch(LaunchOrder(planned(), "worker", builders.wiring()))
    assert list(worker.argv) == [*LEADER, "--headless"]
    assert variables(worker) == variables(member(planned()))


def test_ranks_written_by_a_target_differ_by_their_place_alone() -> None:
    """Where indices are known beforehand the member's index is all that changes besides."""
    made = planned()
    leader = member(made, builders.wiring(member_index="0")).argv
    worker = ENGINE.launch(LaunchOrder(made, "worker", builders.wiring(member_index="1"))).argv
    different = [(one, other) for one, other in zip(leader, worker, strict=False) if one != other]
    assert different == [("0", "1")]


def test_one_node_needs_no_group_flags() -> None:
    """No rendezvous, no follower, no second port."""
    launch = member(planned(parallelism="auto", nodes=1, hardware={"nodes": 1}))
    assert not {"--nnodes", "--master-addr", "--headless", "--distributed-executor-backend"} & set(launch.argv)
    assert [port.name for port in launch.ports] == ["http"]


def test_the_environment_holds_address_and_token_but_never_its_value() -> None:
    """The token is a reference to a Secret."""
    found = variables(member(planned()))
    assert found["VLLM_HOST_IP"] == "$(POD_IP)"
    assert found["HF_TOKEN"] == KeyRef("hf-token", "token")
    assert found["HF_HOME"] == "/models"


def test_a_local_model_needs_no_hub() -> None:
    """A path is read offline, and no token is handed out for it."""
    found = variables(member(planned(), builders.wiring(model="/models/llama", cache_dir="")))
    assert found["HF_HUB_OFFLINE"] == "1"
    assert not {"HF_TOKEN", "HF_HOME"} & set(found)


def test_an_interface_and_debugging_reach_the_collective_library() -> None:
    """Given by the target, else by the recipe."""
    made = planned(network={"debug": True, "interface": "eth1"})
    found = variables(member(made))
    assert (found["NCCL_SOCKET_IFNAME"], found["GLOO_SOCKET_IFNAME"], found["NCCL_DEBUG"]) == ("eth1", "eth1", "INFO")
    assert variables(member(made, builders.wiring(interface="net1")))["NCCL_SOCKET_IFNAME"] == "net1"


@pytest.mark.parametrize(
    ("device", "interface", "debug"),
    [
        ("rocm", "NCCL_SOCKET_IFNAME", "NCCL_DEBUG"),
        ("xpu", "CCL_KVS_IFACE", "CCL_LOG_LEVEL"),
        ("hpu", "HCCL_SOCKET_IFNAME", ""),
    ],
)
def test_each_device_has_a_collective_library_of_its_own(device: str, interface: str, debug: str) -> None:
    """NCCL's variables say nothing to those of Intel and Habana."""
    made = planned(network={"debug": True, "interface": "eth1"})
    gpus = tuple(dataclasses.replace(gpu, device=device) for gpu in made.gpus)
    found = variables(member(dataclasses.replace(made, gpus=gpus)))
    assert found[interface] == "eth1"
    assert {name for name in found if name.startswith(("NCCL_", "CCL_", "HCCL_"))} == {interface, debug} - {""}


def test_a_layer_partition_is_handed_on() -> None:
    """Only where it is not vLLM's own split."""
    made = planned(parallelism=Parallelism(1, 2, layer_partition=(17, 15)))
    assert variables(member(made))["VLLM_PP_LAYER_PARTITION"] == "17,15"
    assert "VLLM_PP_LAYER_PARTITION" not in variables(member(planned()))


def test_the_recipe_has_the_last_word_on_the_environment() -> None:
    """What it sets replaces ours; nothing is set twice."""
    made = planned(engine={"env": {"VLLM_HOST_IP": "10.0.0.9", "MY": "1"}})
    names = [variable.name for variable in member(made).environment]
    assert len(names) == len(set(names))
    assert variables(member(made))["VLLM_HOST_IP"] == "10.0.0.9"
    assert variables(member(made))["MY"] == "1"


def written(given: dict[str, object]) -> list[str]:
    """Flags of a recipe as arguments."""
    return list(arguments.as_argv(arguments.normalized(given).items()))


@pytest.mark.requirement("R146")
def test_flags_are_written_with_hyphens_and_switches_without_values() -> None:
    """Whatever spelling the recipe has; `--no-` only where there is such a form, nothing for what is left out."""
    given: dict[str, object] = {"enable_prefix_caching": False, "enforce-eager": True, "served": None, "seed": 7}
    assert written(given) == ["--no-enable-prefix-caching", "--enforce-eager", "--seed", "7"]
    assert written({"disable-log-stats": False}) == []


@pytest.mark.requirement("R146")
@pytest.mark.parametrize(
    ("name", "value", "argv"),
    [
        ("limit-mm-per-prompt", {"image": 2, "audio": 0}, ["--limit-mm-per-prompt", '{"audio":0,"image":2}']),
        ("allowed-origins", ["a", "b"], ["--allowed-origins", '["a","b"]']),
        ("cudagraph-capture-sizes", [1, 2], ["--cudagraph-capture-sizes", "1", "2"]),
        ("middleware", ["m.a", "m.b"], ["--middleware", "m.a", "--middleware", "m.b"]),
        ("api-key", "-secret", ["--api-key=-secret"]),
        ("max-logprobs", -1, ["--max-logprobs", "-1"]),
    ],
)
def test_objects_lists_and_dashes_are_written_as_the_parser_reads_them(
    name: str, value: object, argv: list[str]
) -> None:
    """Objects as JSON, lists in the form that the flag has, and no value that looks like a flag."""
    assert written({name: value}) == argv


def test_no_flag_is_written_twice() -> None:
    """What the plan resolved is not repeated from the recipe, in either spelling."""
    made = planned(engine={"args": {"gpu_memory_utilization": 0.85, "max-num-seqs": 64, "seed": 1}})
    flags = [part for part in member(made).argv if part.startswith("--")]
    assert len(flags) == len(set(flags))
    assert value_of(member(made), "--gpu-memory-utilization") == "0.85"
    assert value_of(member(made), "--seed") == "1"


def test_quantization_and_cache_dtype_are_written_out() -> None:
    """They decide the memory that was planned."""
    made = planned(gpu="H100", engine={"args": {"quantization": "fp8", "kv_cache_dtype": "fp8"}})
    launch = member(made)
    assert (value_of(launch, "--quantization"), value_of(launch, "--kv-cache-dtype")) == ("fp8", "fp8")


@pytest.mark.requirement("R140")
def test_remote_code_and_revision_come_from_the_model() -> None:
    """Only on demand, with a warning."""
    made = planned(model={"trust_remote_code": True, "revision": "abc"})
    assert "--trust-remote-code" in member(made).argv
    assert value_of(member(made), "--revision") == "abc"
    assert any(finding.id == "vllm.trust-remote-code" for finding in made.findings)
    assert "--trust-remote-code" not in member(planned()).argv


@pytest.mark.requirement("R026")
@pytest.mark.parametrize(("nodes", "least"), [(1, 1260), (2, 3620)])
def test_a_start_may_take_as_long_as_loading_needs(nodes: int, least: int) -> None:
    """Never less than the floor; a large model on a slow volume gets more."""
    pinned = Parallelism(1, nodes)
    probe = member(planned(parallelism=pinned, nodes=nodes, hardware={"nodes": nodes})).probe
    assert probe is not None
    assert (probe.path, probe.startup_budget_seconds) == ("/health", least)


def test_a_large_model_gets_more_time() -> None:
    """400 GB over a busy volume are more than an hour."""
    made = planned()
    term = dataclasses.replace(made.ranks[0].terms[0], bytes=400 * 10**9)
    huge = dataclasses.replace(made, ranks=(dataclasses.replace(made.ranks[0], terms=(term,)), made.ranks[1]))
    probe = member(huge).probe
    assert probe is not None
    assert probe.startup_budget_seconds == 4900
    assert variables(member(huge))["VLLM_ENGINE_READY_TIMEOUT_S"] == "4900"


def test_the_image_is_the_engine_own_of_that_release() -> None:
    """Build suffixes are no tags."""
    assert member(planned()).image == "docker.io/vllm/vllm-openai:v0.24.0"
    assert member(planned(engine={"version": "0.32.0+cu130"})).image.endswith(":v0.32.0")


def test_an_address_to_listen_on_is_handed_on() -> None:
    """Hosts on loopback addresses must not serve on all interfaces."""
    assert value_of(member(planned(), builders.wiring(listen_address="127.0.0.2")), "--host") == "127.0.0.2"
    assert "--host" not in member(planned()).argv


def test_a_cpu_member_has_the_flags_of_a_cpu() -> None:
    """No utilization, a fixed pool, threads left unbound."""
    made = planned(
        gpu="cpu",
        layers=2,
        engine={"version": "0.32.0", "args": {"gpu-memory-utilization": 0.9}},
        model={"dtype": "float32"},
    )
    launch = member(made)
    assert "--gpu-memory-utilization" not in launch.argv
    assert value_of(launch, "--dtype") == "float32"
    assert int(value_of(launch, "--kv-cache-memory-bytes")) > 0
    assert variables(launch)["VLLM_CPU_OMP_THREADS_BIND"] == "nobind"
    assert not [name for name in variables(launch) if name.startswith("NCCL")]
