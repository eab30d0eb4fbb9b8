"""The real engine on two real nodes, told as two stories in which a start of the engine serves several assertions.

Not told here: a RayCluster with a real Ray (vLLM refuses Ray on a CPU, so that its server would be a stand-in) and an
LLMInferenceService made Ready; that KubeRay and KServe take our manifests is shown in `test_managers`.
"""

from __future__ import annotations

import contextlib
import json
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
from engine_stage import VERSION, Shell, engine_place, example, on_stage, twin_folder

from shardwright.kubernetes.client import Client, Place, Ref, connect, streams
from shardwright.service import following, reaching, seeing
from shardwright.testing.cluster import images

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shardwright.service.seeing import Subject
    from shardwright.testing.cluster.clusters import Running
    from shardwright.testing.cluster.engine_pods import EnginePlace
    from shardwright.testing.cluster.fixtures import Clusters

pytestmark = pytest.mark.timeout(600)

NAME = "llama-3-8b"
KINDS = (("v1", "Service"), ("v1", "Pod"), ("v1", "ConfigMap"), ("apps/v1", "StatefulSet"))
SETS = ("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet")
# Ends all that runs in a container but what it was started with, and the shell itself.
KILL = 'for p in /proc/[0-9]*; do n=${p#/proc/}; [ "$n" -gt 1 ] && [ "$n" != $$ ] && kill -9 "$n"; done; true'


@pytest.fixture(scope="module")
def cluster(clusters: Clusters) -> Running:
    return clusters.nodes("lws")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> EnginePlace:
    return engine_place(tmp_path_factory.mktemp("engine"))


@pytest.fixture
def shell(cluster: Running, tmp_path: Path) -> Shell:
    return Shell(cluster.kubeconfig, tmp_path)


@pytest.fixture
def client(cluster: Running) -> Iterator[Client]:
    with cluster.namespace() as namespace, connect(Place(str(cluster.kubeconfig), namespace=namespace)) as connected:
        yield connected


def left(client: Client, namespace: str = "") -> list[str]:
    """All that is in a namespace but what every namespace has."""
    kinds = (*KINDS, SETS, ("coordination.k8s.io/v1", "Lease"), ("apps/v1", "ControllerRevision"))
    found = [each for kind in kinds for each in client.list(Ref(*kind, namespace=namespace or client.namespace))]
    return [f"{each['kind']} {each['metadata']['name']}" for each in found if each["metadata"]["name"] != "kube-root-ca.crt"]


def test_the_manifests_are_rehearsed(
    cluster: Running, client: Client, shell: Shell, place: EnginePlace, tmp_path: Path
) -> None:
    """What will be applied for GPUs runs here without one: answered by the real engine, every change told, nothing left."""
    recipe = on_stage(example(), place, tmp_path / "recipe.yaml")
    before = {each["metadata"]["name"] for each in client.list(Ref("v1", "Namespace"))}
    arguments = ("--on", "cluster", "--kubeconfig", str(cluster.kubeconfig), "--image", images.HOSTROOT, "-o", "json")
    told: dict[str, Any] = json.loads(shell.run("rehearse", "-f", str(recipe), *arguments))
    proof = {each["name"]: each for each in told["proof"]}
    assert {name: each["status"] for name, each in proof.items()} == dict.fromkeys(
        ("members", "health", "models", "KV tokens"), "pass"
    )
    assert f"{told['kvTokens']:,}, planned {told['kvTokens']:,}" in proof["KV tokens"]["text"]
    assert told["answer"]
    exercised, missing = "\n".join(told["exercised"]), "\n".join(told["notExercised"])
    assert f"LeaderWorkerSet {NAME}" in exercised
    assert "2 pods on 2 nodes" in exercised
    assert f"services/{NAME}-api:8080" in exercised
    assert f"Job {NAME}-download" in missing
    paths = {each["path"].partition("leaderTemplate.spec.")[2] for each in told["changes"]["changed"]}
    assert {"containers[name=vllm].image", "containers[name=vllm].command"} <= paths
    assert not any("robe" in path or "ports" in path or path.startswith("metadata") for path in paths)
    assert {each["metadata"]["name"] for each in client.list(Ref("v1", "Namespace"))} == before
