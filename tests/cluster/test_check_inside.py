"""What pods on real nodes see from inside: the leader's address by the cluster's DNS, and the model's files on a claim."""

from __future__ import annotations

import dataclasses
import json
import struct
from typing import TYPE_CHECKING, Any

import pytest
import rights_stage
import stand_in

from shardwright.cli import waiting
from shardwright.kubernetes.client import Client, Place, Ref, connect
from shardwright.service import checking, inside, rollout
from shardwright.service.rollout import Options

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shardwright.core.rules import Finding
    from shardwright.testing.cluster.clusters import Running
    from shardwright.testing.cluster.fixtures import Clusters

SECONDS = 120.0
OBJECT = f"lws/{stand_in.NAME}"
BLIND = {"dnsPolicy": "None", "dnsConfig": {"nameservers": ["127.0.0.1"]}}
"""Of pods that ask a server for names which is not there."""


@pytest.fixture(scope="module")
def cluster(clusters: Clusters) -> Running:
    return clusters.nodes("lws")


@pytest.fixture
def client(cluster: Running) -> Iterator[Client]:
    with cluster.namespace("inside") as namespace, connect(Place(str(cluster.kubeconfig), "", namespace)) as connected:
        yield connected


def shard(path: Path, size: int, *, cut: int = 0) -> None:
    """A file of safetensors with one tensor, whose end may be missing."""
    head = json.dumps({"a": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + bytes(size - cut))


def shelf(folder: Path) -> Path:
    """A model of two files in the folder `llama`, and another one beside it that is not whole and nobody's business."""
    for name in ("llama", "other"):
        (folder / name).mkdir(parents=True)
        names = {"a.weight": f"{name}-1.safetensors", "b.weight": f"{name}-2.safetensors"}
        (folder / name / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    shard(folder / "llama" / "llama-1.safetensors", 64)
    shard(folder / "llama" / "llama-2.safetensors", 64)
    return folder


def claim(client: Client, folder: Path) -> Iterator[dict[str, Any]]:
    """The claim that the stand-in's recipe names, and a folder of this machine behind it."""
    common: dict[str, Any] = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    name = f"models-{client.namespace}"
    volume = {"capacity": {"storage": "1Gi"}, "hostPath": {"path": str(folder)}}
    yield {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": common | volume}
    wanted = {"resources": {"requests": {"storage": "1Gi"}}, "volumeName": name}
    metadata = {"name": "models", "namespace": client.namespace}
    yield {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": common | wanted}


def served(client: Client, folder: Path, worker: dict[str, Any] | None = None) -> None:
    """The stand-in serves, its pods with the claim where the recipe has it; workers may have fields of their own."""
    revision = stand_in.wanted(stand_in.planned(client.namespace), folder)
    bodies: list[Any] = json.loads(json.dumps(revision.manifests))
    template = next(each for each in bodies if each["kind"] == "LeaderWorkerSet")["spec"]["leaderWorkerTemplate"]
    for role in ("leaderTemplate", "workerTemplate"):
        spec = template[role]["spec"]
        spec["volumes"].append({"name": "model", "persistentVolumeClaim": {"claimName": "models"}})
        spec["containers"][0]["volumeMounts"].append({"name": "model", "mountPath": "/models", "readOnly": True})
        spec["containers"][0]["args"] = ["serve", "/models/llama"]
    template["workerTemplate"]["spec"] |= worker or {}
    wanted = dataclasses.replace(revision, manifests=tuple(bodies))
    prepared = rollout.prepare_again(wanted, client.namespace, stand_in.NAME, client, Options())
    list(rollout.carry_out(prepared, client, Options()))
    ended = waiting.wait(client, client.namespace, stand_in.NAME, seconds=SECONDS)
    assert ended.outcome == "ready", ended.why


def seen(client: Client) -> dict[str, Finding]:
    return {each.id.partition(".")[2]: each for each in inside.look(client, client.namespace, OBJECT)}


@pytest.mark.requirement("R149")
@pytest.mark.requirement("R163")
def test_the_leader_and_the_model_are_seen_from_inside(client: Client, tmp_path: Path) -> None:
    """The address resolves to the leader's pod; files of the index are all there and whole, or named; another model's are not."""
    files = shelf(tmp_path / "shelf")
    for body in claim(client, files):
        client.create(body)
    try:
        served(client, tmp_path)
        leader = client.get(Ref("v1", "Pod", f"{stand_in.NAME}-0", client.namespace))
        found = seen(client)
        assert found["leader-address"].status == "pass"
        assert f"resolves in 1 worker: {stand_in.NAME}-0.{stand_in.NAME}" in found["leader-address"].message
        assert found["leader-address"].message.endswith(f" is {leader['status']['podIP']}")
        told = "all 2 files in /models/llama/model.safetensors.index.json are there and whole"
        assert found["model-files"].message.startswith(told)
        (files / "llama" / "llama-1.safetensors").unlink()
        shard(files / "llama" / "llama-2.safetensors", 64, cut=1)
        broken = seen(client)["model-files"]
        assert broken.status == "fail"
        assert "1 of 2 are missing: llama-1.safetensors; 1 are cut off: llama-2.safetensors" in broken.message
        assert "other" not in broken.message
    finally:
        client.delete(Ref("v1", "PersistentVolume", f"models-{client.namespace}"))


@pytest.mark.requirement("R149")
def test_a_worker_that_does_not_find_its_leader_is_named(cluster: Running, client: Client, tmp_path: Path) -> None:
    """With the address, and the command that shows it; who may not run programs in pods is told that, and nothing fails."""
    for body in claim(client, shelf(tmp_path / "shelf")):
        client.create(body)
    try:
        served(client, tmp_path, worker=BLIND)
        lost = seen(client)["leader-address"]
        assert (lost.status, f"does not resolve in {stand_in.NAME}-0-1" in lost.message) == ("fail", True)
        assert f"kubectl exec {stand_in.NAME}-0-1 -n {client.namespace} -- getent hosts {lost.value}" in lost.fix
        with connect(as_reader(client, cluster.kubeconfig, tmp_path)) as reader:
            untold = seen(reader)
        assert {each.status for each in untold.values()} == {"unknown"}
        assert all("not allowed: create pods/exec" in each.message for each in untold.values())
    finally:
        client.delete(Ref("v1", "PersistentVolume", f"models-{client.namespace}"))


def as_reader(client: Client, kubeconfig: Path, folder: Path) -> Place:
    """An account with the printed rights but for pods/exec."""
    namespace = client.namespace
    metadata = {"name": "reader", "namespace": namespace}
    client.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    needs = checking.needs_of_plan(stand_in.planned(namespace))
    objects = checking.rbac(needs, {"kind": "ServiceAccount", **metadata})
    for body in rights_stage.without(rights_stage.without(objects, "create", "pods/exec"), "get", "pods/exec"):
        client.apply(body)
    asked = json.dumps({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}).encode()
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/reader/token"
    token = client.tree("create", path, content=asked)["status"]["token"]
    config = json.loads(kubeconfig.read_text("utf-8"))
    config["users"][0]["user"] = {"token": token}
    (folder / "kubeconfig").write_text(json.dumps(config), "utf-8")
    return Place(str(folder / "kubeconfig"), "", namespace)
