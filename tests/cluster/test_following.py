"""What is seen of a deployment while it changes, on a real API server where pods are made and moved by hand."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from shardwright import errors
from shardwright.core.lifecycle.parts import Parts, Root
from shardwright.kubernetes.client import Client, Place, Ref, connect
from shardwright.kubernetes.live import feed as feeds
from shardwright.kubernetes.live.pod_table import heads_of, lines_of, pod_of
from shardwright.kubernetes.live.seen import members_of
from shardwright.service import following, seeing
from shardwright.service.seeing import Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from shardwright.service.following import View
    from shardwright.testing.cluster.clusters import Running
    from shardwright.testing.cluster.fixtures import Clusters

SECONDS = 60.0
BUSY = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}


@pytest.fixture(scope="module")
def cluster(clusters: Clusters) -> Running:
    return clusters.api()


@pytest.fixture
def subject(client: Client) -> Subject:
    """A root that nothing acts on, with two members by their labels."""
    root = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "llama", "namespace": client.namespace}}
    client.create(root)
    parts = Parts(
        root=Root("v1", "ConfigMap", "llama"), pod_selector="group=llama", leader_labels={"index": "0"}, size=2,
        index_label="index",
    )  # fmt: skip
    return Subject(namespace=client.namespace, name="llama", target="lws", parts=parts)


def make_pod(client: Client, index: int) -> str:
    """A pod that no scheduler takes; its uid."""
    metadata = {
        "name": f"llama-{index}",
        "namespace": client.namespace,
        "labels": {"group": "llama", "index": str(index)},
    }
    spec = {"containers": [{"name": "engine", "image": "none"}], "schedulerName": "nobody"}
    made = client.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    return str(made["metadata"]["uid"])


def set_status(client: Client, index: int, **status: object) -> None:
    path = f"/api/v1/namespaces/{client.namespace}/pods/llama-{index}/status"
    headers = {"Content-Type": "application/merge-patch+json"}
    client.tree("patch", path, headers=headers, content=msgspec.json.encode({"status": status}))


def container(state: Mapping[str, object], *, ready: bool = False, restarts: int = 0) -> dict[str, object]:
    return {
        "name": "engine", "ready": ready, "restartCount": restarts, "image": "none", "imageID": "", "state": state,
    }  # fmt: skip


def set_ready(client: Client, index: int, *, ready: bool = True) -> None:
    conditions = [{"type": "Ready", "status": str(ready)}]
    told = [container({"running": {"startedAt": "2026-11-21T12:00:00Z"}}, ready=ready)]
    set_status(client, index, phase="Running", conditions=conditions, containerStatuses=told)


def remove(client: Client, index: int) -> None:
    path = f"/api/v1/namespaces/{client.namespace}/pods/llama-{index}"
    client.tree("delete", path, content=b'{"gracePeriodSeconds": 0}')


class Looked:
    """Views, read in a thread of their own until they are not needed any more."""

    def __init__(self, views: Iterator[View]) -> None:
        self.found: list[View] = []
        self.problem: BaseException | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(views,), daemon=True)
        self._thread.start()

    def _run(self, views: Iterator[View]) -> None:
        try:
            for view in views:
                self.found.append(view)
                if self._stopped.is_set():
                    return
        except (errors.ShardwrightError, TimeoutError) as problem:
            self.problem = problem

    def texts(self) -> list[str]:
        """All that happened."""
        return [str(news) for view in self.found for news in view.news]

    def until(self, is_so: Callable[[], object]) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + SECONDS
        while not is_so():
            assert time.monotonic() < deadline, self.texts()
            time.sleep(0.05)

    def end(self) -> None:
        """Stop, or see that it stopped by itself."""
        self._stopped.set()
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()


@pytest.fixture
def looked(client: Client, subject: Subject) -> Iterator[Looked]:
    made = Looked(following.follow(client, subject))
    made.until(lambda: made.found)
    yield made
    made.end()


def test_a_pod_is_followed_from_its_place_to_its_end(client: Client, looked: Looked) -> None:
    """Why it waits, where it is, how it ended: each once, in order."""
    make_pod(client, 0)
    set_status(client, 0, conditions=[BUSY])
    looked.until(lambda: "llama-0: pending: Unschedulable: 0/3 nodes are available" in looked.texts())
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    set_status(client, 0, conditions=[], containerStatuses=[container(waiting)])
    looked.until(lambda: "llama-0: creating: ImagePullBackOff: no such image" in looked.texts())
    ended = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    set_status(client, 0, phase="Running", containerStatuses=[container(ended, restarts=1)])
    looked.until(lambda: any("llama-0: ended: restart 1: OOMKilled" in text for text in looked.texts()))
    remove(client, 0)
    looked.until(lambda: "llama-0: gone" in looked.texts())


def test_a_pod_of_the_same_name_is_another_life(client: Client, looked: Looked) -> None:
    """Uids tell them apart: the old one goes, the new one begins."""
    make_pod(client, 0)
    looked.until(lambda: looked.found[-1].snapshot.members)
    remove(client, 0)
    uid = make_pod(client, 0)
    looked.until(lambda: [each.uid for each in looked.found[-1].snapshot.members] == [uid])
    looked.until(lambda: looked.texts().count("llama-0: gone") == 1)


def test_a_watch_outlives_the_server(cluster: Running, client: Client, looked: Looked) -> None:
    """The server goes and comes back; what changed meanwhile is told, and nothing twice."""
    make_pod(client, 0)
    make_pod(client, 1)
    looked.until(lambda: len(looked.found[-1].snapshot.members) == 2)
    cluster.restart()
    with connect(Place(str(cluster.kubeconfig), "", client.namespace)) as fresh:
        remove(fresh, 1)
        set_ready(fresh, 0)
    looked.until(lambda: "llama-1: gone" in looked.texts())
    looked.until(lambda: [each.state for each in looked.found[-1].snapshot.members] == ["ready"])
    assert looked.texts().count("llama-1: gone") == 1


def test_ready_is_waited_for_with_new_pods_only(client: Client, subject: Subject) -> None:
    """Old pods that are to go do not count, however ready they are."""
    old = frozenset({make_pod(client, 0), make_pod(client, 1)})
    for index in (0, 1):
        set_ready(client, index)
    waiting = Looked(following.until_ready(client, subject, timeout_seconds=SECONDS, old=old))
    waiting.until(lambda: waiting.found and waiting.found[-1].state == "ready")
    for index in (0, 1):
        remove(client, index)
        make_pod(client, index)
    waiting.until(lambda: waiting.found[-1].state != "ready")
    for index in (0, 1):
        set_ready(client, index)
    waiting.end()
    assert waiting.problem is None
    assert not {each.uid for each in waiting.found[-1].snapshot.members} & old


def test_waiting_ends(client: Client, subject: Subject) -> None:
    """After its time, or when there is nothing left to wait for."""
    late = Looked(following.until_ready(client, subject, timeout_seconds=0.5))
    late.until(lambda: isinstance(late.problem, TimeoutError))
    gone = Looked(following.until_ready(client, subject, timeout_seconds=SECONDS))
    gone.until(lambda: gone.found)
    client.delete(Ref("v1", "ConfigMap", "llama", client.namespace), propagation="Background")
    gone.until(lambda: gone.problem)
    assert "was deleted" in str(gone.problem)


def test_more_members_than_logs_are_said_to_be_left_out(
    client: Client, looked: Looked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bound, and no silence about it."""
    monkeypatch.setattr(feeds, "MAX_LOGS", 0)
    make_pod(client, 0)
    set_ready(client, 0)
    looked.until(lambda: looked.found[-1].unfollowed == ("llama-0",))


def test_the_servers_own_table_says_the_same_of_a_pod(client: Client, subject: Subject) -> None:
    """States, restarts and nodes from a list's line are those from the pod itself."""
    running: dict[str, Any] = {"running": {"startedAt": "2026-11-21T12:00:00Z"}}
    crash = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    for index in range(3):
        make_pod(client, index)
    set_ready(client, 0)
    set_status(client, 1, phase="Running", containerStatuses=[container(running, restarts=3)])
    for states in ((container(crash, restarts=4),), (container({"waiting": {"reason": "ContainerCreating"}}),)):
        set_status(client, 2, phase="Running", containerStatuses=list(states))
        whole = {each.name: each for each in seeing.look(client, subject).members}
        deadline = time.monotonic() + SECONDS
        while True:
            lines = lines_of(client, client.namespace, "group")
            pods = [pod_of(head, lines[head.name]) for head in heads_of(client, client.namespace, "group")]
            rows = {each.name: each for each in members_of(pods, subject.parts)}
            same = [
                (rows[name].state, rows[name].restarts) == (whole[name].state, whole[name].restarts) for name in whole
            ]
            if all(same):
                break
            assert time.monotonic() < deadline, (rows, whole)
