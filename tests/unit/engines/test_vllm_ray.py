"""A group that Ray spans: who starts Ray, who waits for whom, and where Ray cannot be had."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Literal

import pytest

from shardwright.core.deployment import Launch, LaunchOrder, Variable
from shardwright.core.plan import Infeasible, Plan, plan
from shardwright.core.recipe.model import Auth, Expose, KeyRef
from shardwright.engines import sglang
from shardwright.engines.vllm import ENGINE
from shardwright.testing import builders

if TYPE_CHECKING:
    from pathlib import Path

RAY = {"executor": "ray", "image": "registry.example.org/vllm-with-ray:1"}

RAY_PROGRAM = """#!/bin/sh
echo "ray $*" >> "$LOG"
if [ "$1" = health-check ]; then
    test -e "$LOG.head" || { touch "$LOG.head"; exit 1; }
fi
"""
RAY_MODULE = """
calls = []
def init(**_): pass
def nodes():
    calls.append(1)
    return [{"Alive": True}] * len(calls) + [{"Alive": False}]
"""


def made(nodes: int = 2, **engine: str | None) -> Plan | Infeasible:
    given = {"parallelism": {"pipeline": nodes}, "hardware": {"nodes": nodes}, "engine": {**RAY, **engine}}
    return plan(builders.recipe(**given), builders.llama_shape(), builders.cluster(nodes=nodes), ENGINE)


def launch(role: Literal["leader", "worker"], *, nodes: int = 2, ray_port: str = "6379") -> Launch:
    planned = made(nodes)
    assert isinstance(planned, Plan), planned
    return ENGINE.launch(LaunchOrder(planned, role, builders.wiring(ray_port=ray_port)))


def run(argv: tuple[str, ...], folder: Path) -> tuple[int, str, list[str]]:
    """A member's command with a made-up Ray: exit status, output, calls of the program."""
    (folder / "ray").write_text(RAY_PROGRAM, "utf-8")
    (folder / "ray").chmod(0o755)
    (folder / "ray.py").write_text(RAY_MODULE, "utf-8")
    env = {"PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(folder), "LOG": str(folder / "log")}
    done = subprocess.run(argv, env=env, text=True, capture_output=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr, (folder / "log").read_text("utf-8").splitlines()


@pytest.mark.requirement("R145")
def test_the_leader_serves_when_all_nodes_have_joined(tmp_path: Path) -> None:
    """Head first, then the count, then the server in the shell's place."""
    argv = launch("leader").argv
    server = argv.index("vllm")
    assert "$(" not in argv[2]
    code, said, calls = run((*argv[:server], "echo", "serving", *argv[server + 1 :]), tmp_path)
    assert code == 0, said
    start = "ray start --head --port=6379 --node-ip-address=$(POD_IP) --num-gpus=1 --disable-usage-stats"
    assert calls == [start]
    assert said.splitlines()[:2] == ["1 of 2 nodes have joined Ray", "2 of 2 nodes have joined Ray"]
    assert said.splitlines()[2].startswith("serving serve ")


@pytest.mark.requirement("R145")
def test_the_leader_does_not_serve_where_ray_does_not_start(tmp_path: Path) -> None:
    """A server without its workers would look alive and answer nothing."""
    argv = launch("leader").argv
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "ray").write_text("#!/bin/sh\nexit 3\n", "utf-8")
    (tmp_path / "bad" / "ray").chmod(0o755)
    env = {"PATH": f"{tmp_path / 'bad'}:{os.environ['PATH']}"}
    server = argv.index("vllm")
    command = (*argv[:server], "echo", "serving")
    done = subprocess.run(command, env=env, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (3, "")


def test_a_worker_waits_for_the_head_and_ends_with_it(tmp_path: Path) -> None:
    """Its name may not resolve yet and its port not be open; afterwards Ray stands in the shell's place."""
    code, said, calls = run(launch("worker").argv, tmp_path)
    address = "$(LWS_LEADER_ADDRESS):6379"
    assert (code, said) == (0, f"waiting for the head of Ray at {address}\n")
    assert calls[:2] == [f"ray health-check --address {address}"] * 2
    assert calls[2].endswith("--num-gpus=1 --disable-usage-stats --block")


def test_the_server_is_told_of_ray_and_of_nothing_else() -> None:
    """Flags of the other executor would stop it."""
    leader = launch("leader")
    serve = leader.argv[leader.argv.index("vllm") :]
    assert serve[serve.index("--distributed-executor-backend") + 1] == "ray"
    assert not {"--nnodes", "--node-rank", "--master-addr", "--headless"} & set(serve)
    assert {variable.name for variable in leader.environment} >= {"VLLM_HOST_IP"}
    assert [(port.name, port.number) for port in leader.ports] == [("http", "8000"), ("ray", "6379")]


def test_a_platform_that_has_ray_starts_only_the_server() -> None:
    """The head is the platform's, and so are its workers."""
    leader, worker = launch("leader", ray_port=""), launch("worker", ray_port="")
    assert leader.argv[:2] == ("vllm", "serve")
    assert (worker.argv, [port.name for port in leader.ports]) == ((), ["http"])


@pytest.mark.requirement("R144")
@pytest.mark.parametrize(
    ("engine", "rule"),
    [
        ({"version": "0.24.0", "image": None}, "vllm.ray-image"),
        ({"version": "0.18.0", "image": None}, "vllm.ray-image"),
        ({"version": "0.17.1", "image": None}, None),
        ({"version": "0.10.2", "image": None}, None),
        ({"version": "0.24.0"}, None),
        ({"version": "0.10.2", "executor": "mp"}, "vllm.nodes-need-0.11.1"),
    ],
)
def test_images_carry_ray_up_to_a_version(engine: dict[str, str | None], rule: str | None) -> None:
    """Later ones end with `ray: command not found`; whoever names an image says that it has Ray."""
    found = made(2, **engine)
    rules = {entry.rule for entry in found.alternatives} if isinstance(found, Infeasible) else set[str]()
    assert rules == ({rule} if rule else set())


@pytest.mark.requirement("R144")
def test_an_image_of_the_platforms_own_may_have_ray() -> None:
    """OpenShift AI 3.4 has vLLM 0.18 with Ray in its image, and spans nodes by it; a version that is pinned is vLLM's image."""
    given: dict[str, object] = {"parallelism": {"pipeline": 2}, "hardware": {"nodes": 2}}
    given |= {"engine": {"executor": "ray", "version": None}, "target": {"kind": "openshift-ai", "version": "3.4"}}
    for own, version in ((True, "0.18.0"), (False, "0.24.0")):
        recipe = builders.recipe(**given)
        found = plan(recipe, builders.llama_shape(), builders.cluster(nodes=2), ENGINE, version)
        assert isinstance(found, Plan) == own, found


def test_the_leaders_log_has_all_lines_of_all_ranks() -> None:
    """Ray merges lines of ranks and leaves them in a buffer, unless it is told otherwise."""
    names = {variable.name: variable.value for variable in launch("leader").environment}
    assert (names["RAY_DEDUP_LOGS"], names["PYTHONUNBUFFERED"]) == ("0", "1")
    alone = made(2, executor="mp")
    assert isinstance(alone, Plan)
    order = LaunchOrder(alone, "leader", builders.wiring(ray_port=""))
    assert "RAY_DEDUP_LOGS" not in {variable.name for variable in ENGINE.launch(order).environment}


def test_a_key_reaches_the_server_of_each_engine_by_reference() -> None:
    """The leader checks it; it stands in no command."""
    key = KeyRef("llm", "key")
    for engine, name, version in ((ENGINE, "VLLM_API_KEY", "0.24.0"), (sglang.ENGINE, "SGLANG_API_KEY", "0.5.16")):
        asked: dict[str, object] = {"name": engine.name, "version": version, "executor": None, "args": {}}
        recipe = builders.recipe(engine=asked, expose=Expose(auth=Auth(api_key=key)))
        planned = plan(recipe, builders.llama_shape(), builders.cluster(), engine)
        assert isinstance(planned, Plan), planned
        leader, worker = (engine.launch(LaunchOrder(planned, role, builders.wiring())) for role in ("leader", "worker"))
        assert Variable(name, key) in leader.environment
        assert name not in {variable.name for variable in worker.environment}
        assert ("--api-key" in leader.argv) == (name == "SGLANG_API_KEY")
