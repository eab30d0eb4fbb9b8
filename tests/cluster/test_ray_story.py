"""A RayCluster with a real Ray on two real nodes, told as one story by the command as users run it.

vLLM refuses Ray on a CPU, so the server on the head is a stand-in that uses Ray as vLLM does (`ray_server`); it is started
by the rendered command. Not told: a RayService, whose Ray Serve LLM needs vLLM on GPUs (`test_manifests` has its
admission).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from ray_stage import on_ray, ray_place

from shardwright.kubernetes.client import Client, Ref, streams
from shardwright.service import following, reaching, seeing

if TYPE_CHECKING:
    from pathlib import Path

    from engine_stage import Shell

    from shardwright.testing.cluster.clusters import Running
    from shardwright.testing.cluster.engine_pods import EnginePlace
    from shardwright.testing.cluster.fixtures import Clusters

pytestmark = pytest.mark.timeout(600)

NAME = "llama-3-8b"
CLUSTERS = ("ray.io/v1", "RayCluster")
KINDS = (CLUSTERS, ("v1", "Service"), ("v1", "Pod"), ("v1", "ConfigMap"), ("coordination.k8s.io/v1", "Lease"))
FEWER, MORE = 170_000, 180_000
"""KV tokens that the server says; both are within what is planned."""
KILL_RAY = "for p in /proc/[0-9]*; do grep -qx raylet $p/comm && kill -9 ${p#/proc/}; done; true"


@pytest.fixture(scope="module")
def cluster(clusters: Clusters) -> Running:
    return clusters.nodes("kuberay")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> EnginePlace:
    return ray_place(tmp_path_factory.mktemp("ray"))


def test_a_ray_cluster_is_applied_broken_changed_and_deleted(
    client: Client, shell: Shell, place: EnginePlace, tmp_path: Path
) -> None:
    """It answers by actors on both nodes; a raylet that dies is made up for; a change needs it anew; nothing is left."""
    recipe = str(on_ray(client.namespace, place, tmp_path / "recipe.yaml", tokens=FEWER))
    changed = str(on_ray(client.namespace, place, tmp_path / "changed.yaml", tokens=MORE))
    shell.run("apply", "-f", recipe, "-y")
    state_is_told(client, shell)
    logs_name_ranks(client, shell)
    others_are_told_of(client, shell)
    shell.run("diff", "-f", recipe)
    a_raylet_dies(client)
    a_change_makes_it_anew(client, shell, changed)
    shell.run("delete", NAME, "-n", client.namespace, "-y")
    assert left(client) == []


def members_of(client: Client) -> list[Any]:
    return list(seeing.look(client, seeing.find(client, client.namespace, NAME)).members)


def state_is_told(client: Client, shell: Shell) -> None:
    """Head and worker on different nodes, ranks ready, and what Ray itself says: both nodes, all GPUs in use."""
    told = json.loads(shell.run("status", NAME, "-n", client.namespace, "--gpu", "-o", "json"))
    assert (told["state"], told["layout"], told["revision"]) == ("ready", "TP1 x PP2 on 2 nodes", 1)
    assert [each["role"] for each in told["members"]] == ["leader", "worker"]
    assert len({each["node"] for each in told["members"]}) == 2
    assert [(each["rank"], each["member"], each["phase"]) for each in told["ranks"]] == [
        (0, 0, "ready"),
        (1, 1, "ready"),
    ]
    assert [[each["rank"] for each in member["devices"]] for member in told["devices"]] == [[0], [1]]
    for line in ("1 headgroup", "1 workers", "2.0/2.0 GPU (2.0 used of 2.0 reserved in placement groups)"):
        assert line in told["ray"]["text"]


def logs_name_ranks(client: Client, shell: Shell) -> None:
    """Ray brings the lines of all actors to the head; the worker's own log is that of its Ray."""
    lines = shell.run("logs", NAME, "-n", client.namespace).splitlines()
    assert {line.partition("]")[0] for line in lines} == {"[0.0 rank 0", "[0.1 rank 1"}
    loaded = [line for line in lines if "Model loading took" in line]
    assert len(loaded) == 2, lines
    for rank, line in enumerate(sorted(loaded, key=lambda each: each.partition("(Worker_")[2])):
        assert line.startswith("[0.0 rank 0] (RayWorkerProc pid=")
        assert f"(Worker_PP{rank} pid=" in line
    assert any(line.startswith("[0.1 rank 1] ") and "Ray runtime started." in line for line in lines)


def others_are_told_of(client: Client, shell: Shell) -> None:
    """The same object as if somebody else had made it: its state, and what is to be checked for it."""
    inside = ("-n", client.namespace)
    told = json.loads(shell.run("status", f"raycluster/{NAME}", *inside, "--gpu", "-o", "json"))
    assert (told["state"], told["revision"], len(told["members"])) == ("ready", None, 2)
    assert "1 headgroup" in told["ray"]["text"]
    found: Any = json.loads(shell.run("check", f"raycluster/{NAME}", *inside, "-o", "json"))
    statuses = {each["id"]: each["status"] for each in found}
    assert statuses["cluster.kind"] == statuses["cluster.gpus"] == "pass"


def answered(client: Client) -> str:
    """What all actors say together, by the API server's proxy."""
    subject = seeing.find(client, client.namespace, NAME)
    way = reaching.ThroughServer(client, client.namespace, reaching.entrance_of(client, subject).through)
    answer = way.ask("/v1/completions", {"model": "llama", "prompt": "Which?", "max_tokens": 8})
    assert answer.status == 200, answer.text
    return str(answer.tree["choices"][0]["text"])


def a_raylet_dies(client: Client) -> None:
    """The server ends with its rank, as vLLM does; containers start again, Ray forms anew, and it answers: same pods."""
    before = members_of(client)
    worker = next(each.name for each in before if each.role == "worker")
    streams.run_in(client, client.namespace, worker, ["sh", "-c", KILL_RAY])
    subject, told = seeing.find(client, client.namespace, NAME), list[str]()
    for view in following.follow(client, subject):
        told += [str(each) for each in view.news]
        members = view.snapshot.members
        if view.state == "ready" and all(each.restarts for each in members):
            break
        assert view.seconds < 150, told
    assert answered(client) == "Mount Everest "
    after = members_of(client)
    assert [each.uid for each in after] == [each.uid for each in before]
    assert any("RayWorkerProc rank=[1] died unexpectedly" in each for each in told)
    assert any(worker in each and "exit" in each for each in told)


def a_change_makes_it_anew(client: Client, shell: Shell, changed: str) -> None:
    """KubeRay 1.5 would leave the pods as they are, so that is told, and refused until it may be made anew; and back."""
    inside = ("-n", client.namespace)
    assert "KubeRay does not replace the pods" in shell.run("diff", "-f", changed, code=5)
    shell.run("apply", "-f", changed, "-y", code=2)
    before = {each.uid for each in members_of(client)}
    shell.run("apply", "-f", changed, "-y", "--recreate")
    assert not before & {each.uid for each in members_of(client)}
    assert f"{MORE:,} tokens" in shell.run("logs", NAME, *inside)
    shell.run("rollback", NAME, *inside, "-y", "--recreate", "--no-wait")
    numbers = [each["revision"] for each in json.loads(shell.run("history", NAME, *inside, "-o", "json"))]
    assert numbers == [1, 2, 3]


def left(client: Client) -> list[str]:
    """All that is in the namespace but what every namespace has."""
    found = [each for kind in KINDS for each in client.list(Ref(*kind, namespace=client.namespace))]
    return [
        f"{each['kind']} {each['metadata']['name']}" for each in found if each["metadata"]["name"] != "kube-root-ca.crt"
    ]
