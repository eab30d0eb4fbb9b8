"""Rights where pods run: a real pod that asks for a deployment with its own service account, and with nothing else.

The engine is the stand-in of `stand_in`; the pod runs the program itself, from this machine's environment.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import rights_stage
import stand_in

import shardwright
from shardwright import errors
from shardwright.cli import waiting
from shardwright.kubernetes.client import Client, Place, connect, streams
from shardwright.service import checking, gpu_use, rollout, seeing
from shardwright.service.rollout import Options
from shardwright.testing.cluster import engine_pods
from shardwright.testing.cluster.engine_pods import EnginePlace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.testing.cluster.clusters import Running
    from shardwright.testing.cluster.fixtures import Clusters

SECONDS = 120.0
SCRIPT = """
set -e
shardwright chat llama Hello -n {namespace}
KEY=any shardwright chat llama Hello -n {namespace} --key-from KEY
shardwright logs llama -n {namespace} --tail 1
shardwright check lws/llama > /dev/null || test $? = 4
shardwright history llama -n {namespace} > /dev/null
echo status:
shardwright status llama -n {namespace} --gpu -o json
"""


@pytest.fixture(scope="module")
def cluster(clusters: Clusters) -> Running:
    return clusters.nodes("lws")


@pytest.fixture(scope="module")
def roles(cluster: Running) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A namespace with an account, and the Roles that are printed for it."""
    with cluster.namespace("rights") as namespace, cluster.api() as api:
        metadata = {"name": rights_stage.ACCOUNT, "namespace": namespace}
        api.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
        needs = checking.needs_of_plan(stand_in.planned(namespace))
        objects = checking.rbac(needs, {"kind": "ServiceAccount", **metadata})
        for body in objects:
            api.apply(body)
        yield namespace, objects


@pytest.fixture(scope="module")
def served(
    cluster: Running, roles: tuple[str, list[dict[str, Any]]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Client]:
    """As the account: the stand-in is applied and serves."""
    namespace, _ = roles
    folder = tmp_path_factory.mktemp("rights")
    with cluster.api() as api:
        asked: dict[str, Any] = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{rights_stage.ACCOUNT}/token"
        token = api.connection.ask("POST", path, {}, json=asked)["status"]["token"]
    config = json.loads(cluster.kubeconfig.read_text("utf-8"))
    config["users"][0]["user"] = {"token": token}
    (folder / "kubeconfig").write_text(json.dumps(config), "utf-8")
    with connect(Place(str(folder / "kubeconfig"), "", namespace)) as client:
        wanted = stand_in.wanted(stand_in.planned(namespace), folder)
        prepared = rollout.prepare_again(wanted, namespace, stand_in.NAME, client, Options())
        list(rollout.carry_out(prepared, client, Options()))
        ended = waiting.wait(client, namespace, stand_in.NAME, seconds=SECONDS)
        assert ended.outcome == "ready", ended.why
        yield client


def in_a_pod(cluster: Running, namespace: str, script: str, cache: Path) -> str:
    """What a script says in a pod of the account that sees this program and no kubeconfig."""
    source = Path(shardwright.__file__).parents[1]
    place = EnginePlace(Path(sys.prefix), cache, shown=(source,), cpu="100m", memory="64Mi")
    container = {"name": "shell", "command": ["/bin/sh", "-c", script]}
    spec = {"serviceAccountName": rights_stage.ACCOUNT, "restartPolicy": "Never", "containers": [container]}
    metadata = {"name": "shell", "namespace": namespace}
    path = f"/api/v1/namespaces/{namespace}/pods/shell"
    with cluster.api() as api, connect(Place(str(cluster.kubeconfig), "", namespace)) as admin:
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": engine_pods.adapted(spec, place)}
        api.create(body)
        ends = {"Succeeded", "Failed"}
        cluster.wait_until(
            lambda: api.get(path)["status"]["phase"] in ends, "the pod has ended", timeout_seconds=SECONDS
        )
        said = "\n".join(text for _, text in streams.log_lines(admin, namespace, "shell"))
        assert api.get(path)["status"]["phase"] == "Succeeded", said
    return said


@pytest.mark.requirement("R120")
@pytest.mark.requirement("R121")
def test_a_pod_works_with_its_service_account(
    cluster: Running, served: Client, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Without a kubeconfig: questions by the proxy and by a forwarded port, logs, a check, and what the drivers say."""
    script = SCRIPT.format(namespace=served.namespace)
    said, _, status = in_a_pod(cluster, served.namespace, script, tmp_path_factory.mktemp("cache")).partition("status:")
    assert said.count("Mount Everest is.") == 2
    found = json.loads(status)
    assert found["state"] == "ready"
    assert [each["reason"] for each in found["devices"]] == [None, None]


@pytest.mark.parametrize(("verb", "resource"), [("get", "pods/exec"), ("create", "pods/exec"), ("get", "pods/log")])
def test_each_right_to_pods_is_missed(
    cluster: Running, served: Client, roles: tuple[str, list[dict[str, Any]]], verb: str, resource: str
) -> None:
    """Without one of them what needs it says so; the rest goes on."""
    namespace, objects = roles
    try:
        with cluster.api() as api:
            for body in rights_stage.without(objects, verb, resource):
                api.apply(body)
        subject = seeing.find(served, namespace, stand_in.NAME)
        if resource == "pods/exec":
            reasons = [str(each["reason"]) for each in gpu_use.devices_of(served, subject)]
            assert all(f"not allowed: create {resource}" in each for each in reasons), reasons
        else:
            with pytest.raises(errors.AccessError, match=f"not allowed: {verb} {resource}"):
                list(streams.log_lines(served, namespace, seeing.look(served, subject).members[0].name))
    finally:
        with cluster.api() as api:
            for body in objects:
                api.apply(body)
