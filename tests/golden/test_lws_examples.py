"""The multi-node examples with RDMA, from recipe to manifest, word for word.

After an intended change: `SHARDWRIGHT_UPDATE_GOLDEN=1 .venv/bin/pytest tests/golden`, then read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from shardwright import registry
from shardwright.core.plan import Plan
from shardwright.models import load
from shardwright.service import deploying, planning, recipes, rendering
from shardwright.settings import load_hub_settings

FOLDER = Path(__file__).parent / "lws"
EXAMPLES = Path(__file__).parents[2] / "examples"
ENGINES = ["sglang", "vllm"]


def rendered(engine: str, *overrides: str) -> dict[str, Any]:
    """Manifests by kind, as a tree and as a text."""
    path = EXAMPLES / f"llama-3.3-70b-two-nodes-rdma-{engine}.yaml"
    (loaded,) = recipes.load_recipes([str(path)], list(overrides))
    recipe = loaded.recipe
    plan = planning.plan_shape(recipe, load.load_shape(recipe.model.shape or "", settings=load_hub_settings()))
    assert isinstance(plan, Plan)
    target = registry.load_target("lws")
    manifests = rendering.render(deploying.deployment_of(plan, target), target)
    return {made.kind: made.body for made in manifests} | {"text": rendering.as_stream(manifests)}


def pods(engine: str, *overrides: str) -> list[dict[str, Any]]:
    both = rendered(engine, *overrides)["LeaderWorkerSet"]["spec"]["leaderWorkerTemplate"]
    return [both["leaderTemplate"], both["workerTemplate"]]


def commands(engine: str, *overrides: str) -> list[list[str]]:
    return [pod["spec"]["containers"][0]["command"] for pod in pods(engine, *overrides)]


@pytest.mark.parametrize("engine", ENGINES)
def test_examples_are_rendered_as_before(engine: str) -> None:
    """What is rendered changes only when we mean it to."""
    path = FOLDER / f"rdma-{engine}-0.7.yaml"
    text = rendered(engine)["text"]
    if os.environ.get("SHARDWRIGHT_UPDATE_GOLDEN"):
        path.write_text(text, "utf-8")
        pytest.skip("written anew")
    assert text == path.read_text("utf-8")


@pytest.mark.requirement("R117", "R122", "R125", "R127", "R133", "R156")
@pytest.mark.parametrize("engine", ENGINES)
def test_two_nodes_with_four_gpus_and_two_fabrics_each(engine: str) -> None:
    """A group of two pods, every GPU of a node in one, both fabrics on both."""
    spec = rendered(engine)["LeaderWorkerSet"]["spec"]
    assert (spec["replicas"], spec["leaderWorkerTemplate"]["size"]) == (1, 2)
    for pod in pods(engine):
        limits = pod["spec"]["containers"][0]["resources"]["limits"]
        assert limits == {"nvidia.com/gpu": "4", "rdma/rdma_shared_device_a": "1", "rdma/rdma_shared_device_b": "1"}
        assert pod["metadata"]["annotations"]["k8s.v1.cni.cncf.io/networks"].endswith("-a, " + NETWORK + "-b")


NETWORK = "nvidia-network-operator/nv-ipam-macvlannetwork"


@pytest.mark.requirement("R131", "R136")
@pytest.mark.parametrize("engine", ENGINES)
def test_one_name_of_the_claim_and_one_cache(engine: str) -> None:
    """Job and group mount the same claim at the same place, which is HF_HOME of both."""
    made = rendered(engine)
    job = made["Job"]["spec"]["template"]
    for pod in (job, *pods(engine)):
        (volume,) = (entry for entry in pod["spec"]["volumes"] if entry["name"] == "model")
        assert volume["persistentVolumeClaim"]["claimName"] == "models-pvc"
        env = pod["spec"]["containers"][0]["env"]
        assert {"name": "HF_HOME", "value": "/models"} in env


@pytest.mark.requirement("R139", "R144", "R145")
def test_members_are_started_alike_and_without_a_shell() -> None:
    """No script of the image that moves between versions, nothing chained by `;`; members differ by their rank alone."""
    leader, worker = commands("sglang")
    assert leader == worker
    assert "$(LWS_WORKER_INDEX)" in leader
    leader, worker = commands("vllm")
    assert worker == [*leader, "--headless"]
    assert leader[leader.index("--distributed-executor-backend") + 1] == "mp"
    assert not {"sh", "bash", ";"} & {*leader, *worker}


@pytest.mark.requirement("R144", "R145")
def test_the_guides_own_version_is_spanned_by_ray() -> None:
    """Its image has Ray and its engine knows no other way; the server is started when all nodes have joined."""
    leader, worker = commands("vllm", "engine.version=0.10.2", "engine.executor=ray")
    assert leader[:2] == worker[:2] == ["sh", "-c"]
    assert leader[2].startswith("set -eu\n")
    assert leader.index("vllm") > leader.index("ray-head")
    assert "$(LWS_LEADER_ADDRESS):6379" in worker


@pytest.mark.requirement("R166")
def test_examples_are_plain_text() -> None:
    """No signs that a copy has broken."""
    for path in EXAMPLES.glob("*.yaml"):
        assert path.read_text("utf-8").isascii()


@pytest.mark.requirement("R141", "R146")
def test_flags_of_the_engine_are_passed_on_in_its_own_spelling() -> None:
    """With hyphens, whichever way they are written."""
    (leader, _) = commands("sglang", "engine.args.max_running_requests=400", "engine.args.max-running-requests=null")
    assert leader[leader.index("--max-running-requests") + 1] == "400"


@pytest.mark.requirement("R149")
@pytest.mark.parametrize(("engine", "flag"), [("sglang", "--dist-init-addr"), ("vllm", "--master-addr")])
def test_members_meet_under_the_name_of_the_headless_service(engine: str, flag: str) -> None:
    """The controller's own variable, and no Service of ours has the set's name."""
    made = rendered(engine)
    (leader, worker) = commands(engine)
    assert leader[leader.index(flag) + 1].startswith("$(LWS_LEADER_ADDRESS)")
    assert worker[worker.index(flag) + 1] == leader[leader.index(flag) + 1]
    assert made["Service"]["metadata"]["name"] != made["LeaderWorkerSet"]["metadata"]["name"]


@pytest.mark.requirement("R123", "R124")
@pytest.mark.parametrize("engine", ENGINES)
def test_no_token_and_no_debugging_is_left_in_the_manifests(engine: str) -> None:
    """The token is referred to, in the Job alone; the collective library is silent."""
    made = rendered(engine)
    assert "NCCL_DEBUG" not in made["text"]
    assert made["text"].count("HF_TOKEN") == 1
    assert "secretKeyRef" in str(made["Job"])
