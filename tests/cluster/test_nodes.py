"""Pods on two real nodes: groups, names, what the machine has installed, and that nothing of a node stays."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from shardwright.testing.cluster import cgroups, engine_pods, images, nodes
from shardwright.testing.cluster.engine_pods import EnginePlace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.testing.cluster.api import Api, Tree
    from shardwright.testing.cluster.clusters import Running
    from shardwright.testing.cluster.fixtures import Clusters

SETS = "/apis/leaderworkerset.x-k8s.io/v1"
PORT, END_PORT = 8080, 9999

# Each pod serves the leader's page once it has it, by the leader's name, and ends when someone connects to the other port.
SERVE = f"""
if [ "$LWS_WORKER_INDEX" = 0 ]; then echo "the leader's page" > /tmp/page; fi
until [ -s /tmp/page ]; do wget -q -O /tmp/page "http://$LWS_LEADER_ADDRESS:{PORT}/page" || sleep 0.2; done &
httpd -p {PORT} -h /tmp
nc -l -p {END_PORT}
exit 7
"""


@pytest.fixture(scope="module")
def cluster(clusters: Clusters) -> Running:
    return clusters.nodes("lws")


@pytest.fixture
def namespace(cluster: Running) -> Iterator[str]:
    with cluster.namespace() as name:
        yield name


@pytest.fixture
def api(cluster: Running) -> Iterator[Api]:
    with cluster.api() as connected:
        yield connected


def group(namespace: str) -> dict[str, Any]:
    container = {
        "name": "main",
        "image": images.BUSYBOX,
        "imagePullPolicy": "Never",
        "command": ["sh", "-c", SERVE],
        "resources": {"limits": {"nvidia.com/gpu": "1"}},
        "readinessProbe": {"httpGet": {"path": "/page", "port": PORT}, "periodSeconds": 1},
    }
    pod = {"spec": {"terminationGracePeriodSeconds": 1, "containers": [container]}}
    template = {"size": 2, "restartPolicy": "RecreateGroupOnPodRestart", "leaderTemplate": pod, "workerTemplate": pod}
    metadata = {"name": "pair", "namespace": namespace}
    spec = {"replicas": 1, "leaderWorkerTemplate": template}
    return {"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet", "metadata": metadata, "spec": spec}


def pods(api: Api, namespace: str) -> dict[str, Tree]:
    return {pod["metadata"]["name"]: pod for pod in api.items(f"/api/v1/namespaces/{namespace}/pods")}


def ready_pods(api: Api, namespace: str) -> dict[str, Tree]:
    found = pods(api, namespace)
    return {
        name: pod
        for name, pod in found.items()
        if any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", ()))
    }


def test_a_group_runs_over_two_nodes_and_is_made_anew_when_a_worker_dies(
    cluster: Running, api: Api, namespace: str
) -> None:
    """Leader and worker, a GPU each, are on different nodes and find each other by name; they live and die together."""
    api.create(group(namespace))
    cluster.wait_until(lambda: len(ready_pods(api, namespace)) == 2, "both pods are ready", of="lws-manager")
    first = ready_pods(api, namespace)
    assert set(first) == {"pair-0", "pair-0-1"}
    assert {pod["spec"]["nodeName"] for pod in first.values()} == {node.name for node in cluster.nodes}
    page = api.connection.text(f"/api/v1/namespaces/{namespace}/pods/pair-0-1:{PORT}/proxy/page")
    assert page == "the leader's page\n"

    socket.create_connection((first["pair-0-1"]["status"]["podIP"], END_PORT), 5).close()
    old = {pod["metadata"]["uid"] for pod in first.values()}

    def is_new() -> bool:
        uids = {pod["metadata"]["uid"] for pod in ready_pods(api, namespace).values()}
        return len(uids) == 2 and not uids & old

    cluster.wait_until(is_new, "the group is made anew", of="lws-manager")
    api.delete(f"{SETS}/namespaces/{namespace}/leaderworkersets/pair", policy="Foreground")
    cluster.wait_until(lambda: not pods(api, namespace), "the pods are gone", of="node-1")


# Reads its own service account, asks the API server for its own namespace, and says what came back.
ASK = """
import json, os, pathlib, ssl, sys, urllib.error, urllib.request
account = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount")
url = "https://{KUBERNETES_SERVICE_HOST}:{KUBERNETES_SERVICE_PORT}/api/v1/namespaces/default".format(**os.environ)
request = urllib.request.Request(url, headers={"Authorization": "Bearer " + (account / "token").read_text()})
try:
    code = urllib.request.urlopen(request, context=ssl.create_default_context(cafile=account / "ca.crt")).status
except urllib.error.HTTPError as refused:
    code = refused.code
import click
print(json.dumps([sys.executable, code, click.__file__, os.listdir(os.environ["PYTHONPYCACHEPREFIX"])]))
"""


def test_a_pod_runs_what_the_machine_has_installed(cluster: Running, api: Api, namespace: str, tmp_path: Path) -> None:
    """An environment of this machine runs in a pod, keeps its byte code, and knows the API server as any pod does."""
    environment = Path(sys.prefix)
    container = {"name": "main", "image": "registry.example.org/engine:1", "command": ["python", "-c", ASK]}
    pod = {"restartPolicy": "Never", "containers": [container]}
    metadata = {"name": "asks", "namespace": namespace}
    body: dict[str, Any] = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod}
    api.create(engine_pods.templates_adapted(body, EnginePlace(environment, tmp_path / "cache")))
    path = f"/api/v1/namespaces/{namespace}/pods/asks"
    cluster.wait_until(lambda: api.get(path)["status"]["phase"] in {"Succeeded", "Failed"}, "it ends", of="node-1")
    said = api.connection.text(f"{path}/log")
    program, code, library, kept = json.loads(said.splitlines()[-1])
    assert program == str(environment / "bin/python")
    assert library.startswith(str(environment))
    assert code == 403  # known, and without rights
    assert kept
    assert list((tmp_path / "cache" / "byte-code").rglob("*.pyc"))


def test_a_node_that_says_nothing_is_not_ready(cluster: Running, api: Api) -> None:
    """After the grace period the cluster no longer counts on it; when it speaks again it does."""
    node = cluster.nodes[1].name
    with cluster.hanging(node):
        cluster.wait_until(lambda: not nodes.is_ready(api, node), f"{node} is given up")
    cluster.wait_until(lambda: nodes.is_ready(api, node), f"{node} is back", of=node)


# Starts a cluster with a node, says which processes and network it has, and stays as long as it is let.
START = """
import json, sys
from pathlib import Path
from shardwright.testing.cluster import building, clusters
wanted = clusters.Cluster(nodes=1)
programs = building.Programs({name: Path(path) for name, path in json.loads(sys.argv[1]).items()})
with clusters.running(wanted, programs, Path(sys.argv[2])) as cluster:
    print(json.dumps([cluster.plane.url, list(cluster.processes.pids.values())]), flush=True)
    sys.stdin.read()
"""


def links() -> set[str]:
    return {place.name for place in Path("/sys/class/net").iterdir()}


@pytest.mark.parametrize("end", ["closed", "killed"])
def test_nothing_of_a_node_stays(clusters: Clusters, cluster: Running, tmp_path: Path, end: str) -> None:
    """A second cluster beside the first has everything of its own and takes it along, also when its starter is killed."""
    programs = {name: str(path) for name, path in clusters.programs(nodes=1).items()}
    own_groups, own_links = cgroups.others(), links()
    command = [sys.executable, "-c", START, json.dumps(programs), str(tmp_path / "runs")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd="/") as starter:
        assert starter.stdout is not None
        url, pids = json.loads(starter.stdout.readline())
        below = [child.pid for pid in pids for child in psutil.Process(pid).children(recursive=True)]
        assert url != cluster.plane.url
        assert cgroups.others() > own_groups
        if end == "killed":
            starter.send_signal(signal.SIGKILL)
        else:
            starter.communicate("")
    deadline = time.monotonic() + 20
    while any(map(psutil.pid_exists, [*pids, *below])) or links() - own_links:
        assert time.monotonic() < deadline, f"still there: {links() - own_links}"
        time.sleep(0.05)
    if end == "killed":
        cgroups.sweep()  # as the next start does
    assert cgroups.others() == own_groups
    assert str(tmp_path) not in Path("/proc/mounts").read_text("utf-8")
