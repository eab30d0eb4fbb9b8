"""The real engine on two real nodes, told as two stories in which a start of the engine serves several assertions.

Not told here: a RayCluster with a real Ray (`test_ray_story`: vLLM refuses Ray on a CPU, so its server is a stand-in) and
KServe (`test_kserve_story`).
"""

from __future__ import annotations

import contextlib
import json
import signal
from typing import TYPE_CHECKING, Any

import pytest
import rights_stage
from engine_stage import Shell, engine_place, example, on_processors, on_stage, volume

from shardwright.kubernetes.client import Client, Ref, streams
from shardwright.service import following, reaching, seeing
from shardwright.testing.cluster import images
from waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shardwright.service.seeing import Subject
    from shardwright.testing.cluster.clusters import Running
    from shardwright.testing.cluster.engine_pods import EnginePlace
    from shardwright.testing.cluster.fixtures import Clusters

pytestmark = pytest.mark.timeout(1200)

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
def recipe(client: Client, place: EnginePlace, tmp_path: Path) -> Iterator[str]:
    """The example for processors, its model on a claim."""
    held, claim = volume(client.namespace, tmp_path / "models")
    client.create(held)
    client.create(claim)
    yield str(on_stage(on_processors(client.namespace), place, tmp_path / "recipe.yaml"))
    client.delete(Ref("v1", "PersistentVolume", held["metadata"]["name"]), propagation="Background")


def left(client: Client, namespace: str = "") -> list[str]:
    """All that is in a namespace but what every namespace has."""
    kinds = (*KINDS, SETS, ("coordination.k8s.io/v1", "Lease"), ("apps/v1", "ControllerRevision"))
    found = [each for kind in kinds for each in client.list(Ref(*kind, namespace=namespace or client.namespace))]
    return [
        f"{each['kind']} {each['metadata']['name']}" for each in found if each["metadata"]["name"] != "kube-root-ca.crt"
    ]


def rehearsed_with_rights(cluster: Running, shell: Shell, recipe: Path, folder: Path) -> dict[str, Any]:
    """What is told of a rehearsal by an account with just the printed rights, all of which it uses."""
    with rights_stage.account(cluster, folder) as account:
        objects = rights_stage.printed(account, "-f", str(recipe), "--rehearsal")
        account.give(objects)
        account.forget()
        arguments = ("--on", "cluster", "--kubeconfig", str(account.kubeconfig), "--image", images.HOSTROOT)
        told: dict[str, Any] = json.loads(shell.run("rehearse", "-f", str(recipe), *arguments, "-o", "json"))
        given = {each[:2] for each in rights_stage.rights_of(objects)}
        needed = {each[:2] for each in rights_stage.used(account.proxy.requests)}
    assert needed - given == set()
    assert given - needed <= {("update", "leases.coordination.k8s.io"), ("update", "configmaps")}
    return told


def test_the_manifests_are_rehearsed(
    cluster: Running, client: Client, shell: Shell, place: EnginePlace, tmp_path: Path
) -> None:
    """What will be applied for GPUs runs here without one: answered by the real engine, every change told, nothing left."""
    recipe = on_stage(example(), place, tmp_path / "recipe.yaml")
    before = {each["metadata"]["name"] for each in client.list(Ref("v1", "Namespace"))}
    told = rehearsed_with_rights(cluster, shell, recipe, tmp_path)
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
    made = {each["metadata"]["name"] for each in client.list(Ref("v1", "Namespace"))} - before
    assert not [each for each in made if each.startswith(NAME)]


def the_subject(client: Client) -> Subject:
    return seeing.find(client, client.namespace, NAME)


def uids(client: Client) -> set[str]:
    return {each.uid for each in seeing.look(client, the_subject(client)).members}


def answered(client: Client) -> str:
    """What the model says, by the API server's proxy."""
    subject = the_subject(client)
    way = reaching.ThroughServer(client, client.namespace, reaching.entrance_of(client, subject).through)
    body = {"model": NAME, "prompt": "one two three", "max_tokens": 16, "temperature": 0}
    answer = way.ask("/v1/completions", body)
    assert answer.status == 200, answer.text
    return str(answer.tree["choices"][0]["text"])


class Watched:
    """`watch` in the background, and what it told so far."""

    def __init__(self, shell: Shell, namespace: str, out: Path) -> None:
        self._out = out
        self._process = shell.start("watch", NAME, "-n", namespace, "-o", "json", out=out)

    def told(self) -> list[dict[str, Any]]:
        """One value a thing that happened."""
        return [json.loads(line) for line in self._out.read_text("utf-8").splitlines() if line.endswith("}")]

    def close(self) -> None:
        """End it as users do."""
        self._process.send_signal(signal.SIGINT)
        assert self._process.wait(20) == 130


def test_the_example_is_applied_changed_broken_and_deleted(
    client: Client, shell: Shell, recipe: str, tmp_path: Path
) -> None:
    """By the command alone: an answer, status, logs, diff, rollback; a killed worker makes a new group; nothing is left."""
    namespace = client.namespace
    shell.run("apply", "-f", recipe, "-y")
    text = answered(client)
    assert len(set(text)) > 3
    first = uids(client)
    state_is_told(client, shell)
    another_revision_and_back(client, shell, recipe)
    assert uids(client) == first  # labels of objects restart nothing
    with contextlib.closing(Watched(shell, namespace, tmp_path / "watch")) as watched:
        wait_for(lambda: bool(watched.told()), 30)
        streams.run_in(client, namespace, f"{NAME}-0-1", ["sh", "-c", KILL])
        views = following.until_ready(client, the_subject(client), timeout_seconds=400, old=frozenset(first))
        assert {each.uid for each in list(views)[-1].snapshot.members}.isdisjoint(first)
        wait_for(lambda: any(each["what"] == "member" and each["state"] == "gone" for each in watched.told()), 30)
    assert answered(client) == text
    shell.run("delete", NAME, "-n", namespace, "-y")
    assert left(client) == []
    assert client.get(Ref("v1", "PersistentVolumeClaim", "models", namespace))


def state_is_told(client: Client, shell: Shell) -> None:
    """Members on both nodes, all ranks ready, lines of both ranks, a history of one that serves, and no difference."""
    inside = ("-n", client.namespace)
    told = json.loads(shell.run("status", NAME, *inside, "-o", "json"))
    assert (told["state"], told["layout"], told["revision"]) == ("ready", "TP1 x PP2 on 2 nodes", 1)
    assert len({each["node"] for each in told["members"]}) == 2
    assert {each["phase"] for each in told["ranks"]} == {"ready"}
    lines = shell.run("logs", NAME, *inside).splitlines()
    assert {line.partition("]")[0] for line in lines if line.startswith("[0.")} == {"[0.0 rank 0", "[0.1 rank 1"}
    (revision,) = json.loads(shell.run("history", NAME, *inside, "-o", "json"))
    assert revision["outcome"] == "ready"


def another_revision_and_back(client: Client, shell: Shell, recipe: str) -> None:
    """Nothing differs; with a label of the recipe more it does, which is applied and taken back."""
    inside, more = ("-n", client.namespace), ("--set", "metadata.labels.team=search")
    shell.run("diff", "-f", recipe)
    assert "team" in shell.run("diff", "-f", recipe, *more, code=5)
    shell.run("apply", "-f", recipe, *more, "-y")
    label = lambda: client.get(Ref(*SETS, NAME, client.namespace))["metadata"]["labels"].get("team")  # noqa: E731 - asked twice
    assert label() == "search"
    shell.run("rollback", NAME, *inside, "-y")
    assert label() is None
    numbers = [each["revision"] for each in json.loads(shell.run("history", NAME, *inside, "-o", "json"))]
    assert numbers == [1, 2, 3]
