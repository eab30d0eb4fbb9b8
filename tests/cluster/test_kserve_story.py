"""KServe's controllers on two real nodes: a group as an LLMInferenceService, one as an InferenceService, and a rehearsal.

The first and the last run the real engine. The second has its stand-in, and KServe 0.19.0: 0.20.0 takes the workers of an
InferenceService away at each turn, as `test_managers` shows, and `--wait` says.
"""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from engine_stage import Shell, engine_place, example, volume
from kserve_stage import on_stage, recipe_of, with_engine, with_stand_in

from shardwright.kubernetes.client import Client, Place, Ref, connect
from shardwright.service import past, rollout
from shardwright.service.rollout import Options
from shardwright.settings import load_settings
from shardwright.testing import builders
from shardwright.testing.cluster import clusters as whole
from shardwright.testing.cluster import images
from shardwright.testing.cluster.building import Programs
from shardwright.testing.cluster.clusters import Cluster

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from shardwright.testing.cluster.clusters import Running
    from shardwright.testing.cluster.engine_pods import EnginePlace
    from shardwright.testing.cluster.fixtures import Clusters

pytestmark = pytest.mark.timeout(1200)

NAME = "llama-3-8b"
KINDS = (
    *(("v1", kind) for kind in ("Service", "Pod", "ConfigMap")),
    *(("apps/v1", kind) for kind in ("StatefulSet", "Deployment", "ReplicaSet", "ControllerRevision")),
    *(("serving.kserve.io/v1alpha2", kind) for kind in ("LLMInferenceService", "LLMInferenceServiceConfig")),
    ("serving.kserve.io/v1beta1", "InferenceService"),
    ("serving.kserve.io/v1alpha1", "ServingRuntime"),
    ("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet"),
    ("coordination.k8s.io/v1", "Lease"),
)
OTHERS = frozenset({"kube-root-ca.crt"})
SECONDS = 60.0


@pytest.fixture(scope="module")
def cluster(clusters: Clusters) -> Running:
    return clusters.nodes("lws", "llmisvc", "kserve")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> EnginePlace:
    return engine_place(tmp_path_factory.mktemp("engine"))


@contextlib.contextmanager
def prepared(cluster: Running, shelf: Path) -> Generator[tuple[Client, Shell]]:
    """A namespace with the model on a claim, and the command."""
    with cluster.namespace() as namespace, connect(Place(str(cluster.kubeconfig), namespace=namespace)) as client:
        held, claim = volume(namespace, shelf / "models")
        client.create(held)
        client.create(claim)
        yield client, Shell(cluster.kubeconfig, shelf)
        client.delete(Ref("v1", "PersistentVolume", held["metadata"]["name"]), propagation="Background")


def left(client: Client) -> list[str]:
    """All that is in the namespace but what every namespace has, once the garbage collector is done."""
    deadline = time.monotonic() + SECONDS
    while True:
        kinds = (kind for kind in KINDS if client.kinds.served(kind[0].rpartition("/")[0], kind[1]))
        every = (each for kind in kinds for each in client.list(Ref(*kind, namespace=client.namespace)))
        found = [
            f"{each['kind']} {each['metadata']['name']}" for each in every if each["metadata"]["name"] not in OTHERS
        ]
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


def told(shell: Shell, client: Client, name: str) -> dict[str, Any]:
    return json.loads(shell.run("status", name, "-n", client.namespace, "-o", "json"))


def test_a_group_is_served_by_the_engine(cluster: Running, place: EnginePlace, tmp_path: Path) -> None:
    """An LLMInferenceService over two nodes: made ready and asked, read, changed and taken back; nothing of it is left."""
    with prepared(cluster, tmp_path) as (client, shell):
        recipe = recipe_of("llmisvc", client.namespace)
        path = on_stage(recipe, place, tmp_path / "recipe.yaml", with_engine(place))
        members, service = (f"{NAME}-kserve-mn-0", f"{NAME}-kserve-mn-0-1"), f"{NAME}-kserve-workload-svc"
        from_the_first_to_the_last(
            shell, client, str(path), foreign=f"llmisvc/{NAME}", members=members, service=service, anew=False
        )


def test_a_service_over_nodes_is_served(clusters: Clusters, place: EnginePlace, tmp_path: Path) -> None:
    """The same for an InferenceService with its runtime: a Deployment of the head and one of the workers."""
    programs = Programs(clusters.programs("kserve-spread", nodes=2))
    runs = load_settings().cache_dir / "test-cluster" / "runs"
    with (
        whole.running(Cluster(("kserve-spread",), nodes=2), programs, runs) as cluster,
        prepared(cluster, tmp_path) as (client, shell),
    ):
        recipe = recipe_of("kserve", client.namespace, "0.19")
        path = on_stage(recipe, place, tmp_path / "recipe.yaml", with_stand_in)
        members, service = (f"{NAME}-predictor-", f"{NAME}-predictor-worker-"), f"{NAME}-predictor"
        from_the_first_to_the_last(
            shell, client, str(path), foreign=f"isvc/{NAME}", members=members, service=service, anew=True
        )


def test_workers_that_are_remade_without_end_are_never_ready(
    cluster: Running, place: EnginePlace, tmp_path: Path
) -> None:
    """KServe 0.20.0 takes the workers away at each turn: late in the end, with how many there were and who makes them."""
    with prepared(cluster, tmp_path) as (client, shell):
        path = on_stage(recipe_of("kserve", client.namespace), place, tmp_path / "recipe.yaml", with_stand_in)
        done = shell.done("apply", "-f", str(path), "-y", "--timeout", "25")
        assert done.returncode == 124, done.stderr
        assert "pods in the place of 1 worker, made by ReplicaSet llama-3-8b-predictor-worker-" in done.stderr
        shell.run("delete", NAME, "-n", client.namespace, "-y")


def from_the_first_to_the_last(
    shell: Shell, client: Client, recipe: str, *, foreign: str, members: tuple[str, str], service: str, anew: bool
) -> None:
    """`anew`: whether annotations of the object come to its pods, which are then made anew."""
    inside = ("-n", client.namespace)
    shell.run("apply", "-f", recipe, "-y")
    for name in (NAME, foreign):
        is_told(shell, client, name, members, service)
    shell.run("diff", "-f", recipe)
    before = uids(shell, client)
    shell.run("apply", "-f", recipe, "-y")
    more = ("--set", "metadata.annotations.team=search")
    assert "team" in shell.run("diff", "-f", recipe, *more, code=5)
    history = json.loads(shell.run("history", NAME, *inside, "-o", "json"))
    assert [(each["revision"], each["outcome"]) for each in history] == [(1, "ready")]
    changed_and_back(shell, client, recipe)
    assert uids(shell, client).isdisjoint(before) if anew else uids(shell, client) == before
    shell.run("delete", NAME, *inside, "-y")
    assert left(client) == []


def is_told(shell: Shell, client: Client, name: str, members: tuple[str, str], service: str) -> None:
    """By its name and as anybody's object: members on both nodes, the Service that KServe made; lines of both ranks."""
    found = told(shell, client, name)
    assert found["state"] == "ready"
    assert all(each["name"].startswith(begin) for each, begin in zip(found["members"], members, strict=True))
    assert len({each["node"] for each in found["members"]}) == 2
    assert f"{service}.{client.namespace}.svc" in json.dumps(found)
    lines = shell.run("logs", name, "-n", client.namespace).splitlines()
    assert {line[:4] for line in lines if line.startswith("[0.")} == {"[0.0", "[0.1"}


def uids(shell: Shell, client: Client) -> set[str]:
    return {f"{each['name']} {each['startedAt']}" for each in told(shell, client, NAME)["members"]}


def changed_and_back(shell: Shell, client: Client, recipe: str) -> None:
    """An annotation of the recipe more is a revision of its own; the way back is a third."""
    inside = ("-n", client.namespace)
    shell.run("apply", "-f", recipe, "--set", "metadata.annotations.team=search", "-y")
    shell.run("rollback", NAME, *inside, "-y")
    history = json.loads(shell.run("history", NAME, *inside, "-o", "json"))
    assert [each["outcome"] for each in history] == ["ready"] * 3
    shell.run("diff", "-f", recipe)


def test_an_inference_service_is_rehearsed(cluster: Running, place: EnginePlace, tmp_path: Path) -> None:
    """The very manifests for a GPU, on KServe 0.20 and the engine on processors: answered, every change told, nothing left."""
    recipe = example()
    recipe["target"] = {"kind": "kserve", "version": "0.20"}
    recipe["storage"] = {"claim": "models", "download": "never"}
    recipe["parallelism"], recipe["hardware"]["nodes"] = {"tensor": 1, "pipeline": 1}, 1
    path = on_stage(recipe, place, tmp_path / "recipe.yaml", with_engine(place))
    shell = Shell(cluster.kubeconfig, tmp_path)
    arguments = ("--on", "cluster", "--kubeconfig", str(cluster.kubeconfig), "--image", images.HOSTROOT, "-o", "json")
    found: dict[str, Any] = json.loads(shell.run("rehearse", "-f", str(path), *arguments))
    points = {each["name"]: each["status"] for each in found["proof"]}
    assert points == dict.fromkeys(("members", "health", "models", "KV tokens"), "pass")
    assert found["answer"]
    assert f"InferenceService {NAME}" in "\n".join(found["exercised"])
    paths = {each["path"] for each in found["changes"]["changed"]}
    assert {"spec.predictor.model.resources", "spec.containers[name=kserve-container].command"} <= paths
    with connect(Place(str(cluster.kubeconfig))) as client:
        names = [each["metadata"]["name"] for each in client.list(Ref("v1", "Namespace"))]
    assert not [name for name in names if "rehearsal" in name]


def test_a_preset_stays_as_long_as_another_group_has_applied_it(cluster: Running) -> None:
    """KServe would hold its removal for ever; with the last of the deployments that rendered it, it goes."""
    with cluster.namespace() as namespace, connect(Place(str(cluster.kubeconfig), namespace=namespace)) as client:
        for name in ("first", "second"):
            roll_out(client, name)
        presets = Ref("serving.kserve.io/v1alpha2", "LLMInferenceServiceConfig", namespace=namespace)
        (preset,) = client.list(presets)
        other = Ref("serving.kserve.io/v1alpha2", "LLMInferenceService", "first", namespace)
        is_applied = lambda: preset["metadata"]["name"] in json.dumps(client.get(other).get("status", {}))  # noqa: E731 - asked again
        cluster.wait_until(is_applied, "the preset is applied", of="llmisvc-manager")
        steps = list(past.delete(client, namespace, "second", with_claims=False, timeout_seconds=SECONDS))
        assert any("kept" in step.subject and "needs it" in step.subject for step in steps)
        roll_out(client, "first")
        list(past.delete(client, namespace, "first", with_claims=False, timeout_seconds=SECONDS))
        assert list(client.list(presets)) == []


def roll_out(client: Client, name: str) -> None:
    """A group on two nodes; its pods are made, and find no image of the engine for GPUs."""
    head, model = {"name": name, "namespace": client.namespace}, {"source": "pvc://models/llama", "token": None}
    asked = builders.recipe(metadata=head, model=model, target={"kind": "llmisvc", "version": "0.20"})
    prepared = rollout.prepare(builders.plan(asked), client, Options(force=True))
    list(rollout.carry_out(prepared, client, Options(force=True)))
