"""A group on two real nodes, from the start to questions: followed, proven, watched, read, measured, forwarded, asked.

The engine is a stand-in that logs and answers as vLLM does (`stand_in`); everything around it is real.
"""

from __future__ import annotations

import _thread
import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest
import stand_in

from shardwright import errors
from shardwright.cli import waiting
from shardwright.core.lifecycle.parts import Root
from shardwright.kubernetes.client import Client, Place, connect, streams
from shardwright.kubernetes.live import revisions
from shardwright.service import cluster_logs, following, forwarding, gpu_use, proving, reaching, rollout, seeing
from shardwright.service.rollout import Options
from waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from shardwright.cli.waiting import Ended
    from shardwright.service.following import View
    from shardwright.testing.cluster.clusters import Running
    from shardwright.testing.cluster.fixtures import Clusters

KEY = "a-test-key"
SHARDWRIGHT = str(Path(sys.executable).with_name("shardwright"))
SECONDS = 120.0


@pytest.fixture(scope="module")
def cluster(clusters: Clusters) -> Running:
    return clusters.nodes("lws")


@pytest.fixture(scope="module")
def client(cluster: Running) -> Iterator[Client]:
    with cluster.namespace() as namespace, connect(Place(str(cluster.kubeconfig), "", namespace)) as connected:
        yield connected


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("engine")


def started(client: Client, cache: Path, *, key: str = "", **environment: str) -> Ended:
    """Apply the stand-in and wait as `apply --wait` does, with a key if one is known; what came of it."""
    plan = stand_in.planned(client.namespace)
    allowed = Options(force=True)
    wanted = stand_in.wanted(plan, cache, **environment)
    prepared = rollout.prepare_again(wanted, client.namespace, stand_in.NAME, client, allowed)
    old = following.replaced_pods(client, prepared)
    list(rollout.carry_out(prepared, client, allowed) if prepared.is_needed else ())
    ended = waiting.wait(client, client.namespace, stand_in.NAME, seconds=SECONDS, old=old, key=key)
    if ended.outcome != "late":
        rollout.conclude(prepared, client, ended.outcome, ended.why)
    return ended


@pytest.fixture
def group(client: Client, cache: Path) -> str:
    """A group that serves; left as it is if it does already."""
    assert started(client, cache).outcome == "ready"
    return stand_in.NAME


def run(client: Client, cluster: Running, *arguments: str, **environment: str) -> str:
    """What a command prints."""
    command = [SHARDWRIGHT, *arguments, "-n", client.namespace, "--kubeconfig", str(cluster.kubeconfig)]
    given = {**os.environ, **environment}
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=given, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def pods_of(client: Client) -> set[str]:
    subject = seeing.find(client, client.namespace, stand_in.NAME)
    return {each.uid for each in seeing.look(client, subject).members}


@pytest.mark.requirement("R078")
def test_a_start_is_followed_until_a_request_is_answered(
    client: Client, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not merely Ready: ranks are in place, the model is served by its name, and a completion has text."""
    assert started(client, cache).outcome == "ready"
    told = capsys.readouterr()
    for wanted in ("rank 1 in llama-0-1: loaded (58 %): 7.5 GiB in 3 s, 2.7 GB/s", "rank 0 in llama-0: ready (100 %)"):
        assert wanted in told.err
    for name in ("members", "GPUs", "health", "models", "completion", "KV tokens"):
        assert f"proof: {name}: pass" in told.err
    assert f"curl http://llama-api.{client.namespace}.svc:{stand_in.PORT}/v1/completions" in told.out
    assert revisions.newest(client, client.namespace, stand_in.NAME).outcome == "ready"


def test_a_second_wait_proves_again_and_changes_nothing(group: str, client: Client, cache: Path) -> None:
    """The same recipe restarts nothing, and is still asked."""
    before = pods_of(client)
    assert started(client, cache).outcome == "ready"
    assert (pods_of(client), revisions.newest(client, client.namespace, group).number) == (before, 1)


def test_an_update_is_not_proven_by_the_old_pods(
    group: str, client: Client, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For a moment the old group looks ready; the answer is the new one's."""
    before = pods_of(client)
    assert started(client, cache, WORDS="Mauna Kea, from its foot.", TOKENS="100,000").outcome == "ready"
    told = capsys.readouterr().err
    assert "Mauna Kea" in told
    assert "proof: KV tokens: warn: 100,000, planned 190,704" in told
    assert not pods_of(client) & before
    assert group == stand_in.NAME


@contextlib.contextmanager
def watched(client: Client, cluster: Running, name: str) -> Generator[list[View]]:
    """Views of a deployment as they come, from a thread of their own."""
    found: list[View] = []
    stopped = threading.Event()

    def look() -> None:
        with connect(Place(str(cluster.kubeconfig), "", client.namespace)) as own:
            for view in following.follow(own, seeing.find(own, client.namespace, name)):
                found.append(view)
                if stopped.is_set():
                    return

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        stopped.set()
        thread.join(10)


def texts_of(views: list[View]) -> list[str]:
    return [str(news) for view in views for news in view.news]


def test_a_killed_worker_is_seen_and_its_group_made_anew(group: str, client: Client, cluster: Running) -> None:
    """The watch tells the death, the end of the old pods, and the phases of the new ones from the beginning."""
    before = pods_of(client)
    with watched(client, cluster, group) as views:
        wait_for(lambda: bool(views) and views[-1].state == "ready", SECONDS, lambda: texts_of(views))
        streams.run_in(client, client.namespace, "llama-0-1", ["touch", "/tmp/die"])
        wait_for(lambda: views[-1].state != "ready", SECONDS, lambda: texts_of(views))

        def is_new() -> bool:
            uids = {each.uid for each in views[-1].snapshot.members}
            return views[-1].state == "ready" and len(uids) == 2 and not uids & before

        wait_for(is_new, SECONDS, lambda: texts_of(views))
    told = texts_of(views)
    ended = next(place for place, text in enumerate(told) if "llama-0-1: ended" in text and "exit 3" in text)
    gone = next(place for place, text in enumerate(told) if place > ended and "llama-0: gone" in text)
    assert any("rank 0 in llama-0: ready" in text for text in told[gone:])


@pytest.mark.requirement("R025", "R027")
def test_logs_of_all_members_are_one(group: str, client: Client, cluster: Running) -> None:
    """Each line after the replica, the member and its ranks; by time, and of one rank if that is asked for."""
    lines = run(client, cluster, "logs", group).splitlines()
    assert {line.partition("] ")[0] for line in lines} == {"[0.0 rank 0", "[0.1 rank 1"}
    assert any("Application startup complete." in line for line in lines)
    assert {line[:5] for line in run(client, cluster, "logs", f"lws/{group}", "--rank", "1").splitlines()} == {"[0.1]"}
    assert len(run(client, cluster, "logs", group, "--tail", "1").splitlines()) == 2
    subject = seeing.find(client, client.namespace, group)
    notes = cluster_logs.read(client, subject, cluster_logs.Wanted(previous=True))
    assert {each.text.partition(";")[0] for each in notes} == {
        f"{name} had no run before this one" for name in ("llama-0", "llama-0-1")
    }


@pytest.mark.requirement("R028")
def test_used_memory_stands_beside_the_planned(group: str, client: Client, cluster: Running) -> None:
    """The driver is asked in every pod; ranks stand beside their devices."""
    found = json.loads(run(client, cluster, "status", group, "--gpu", "-o", "json"))
    devices = [device for member in found["devices"] for device in member["devices"]]
    assert [device["rank"] for device in devices] == [0, 1]
    assert {device["usedBytes"] for device in devices} == {20000 << 20}
    assert all(device["plannedBytes"] > 1 << 30 for device in devices)
    assert (found["access"]["basePath"], found["access"]["servedName"], found["ray"]) == ("/v1", "llama", None)


def without_exec(client: Client, cluster: Running, folder: Path) -> Path:
    """A kubeconfig of someone who may read pods and no more."""
    namespace = client.namespace
    metadata = {"name": "reader", "namespace": namespace}
    group, resources = "rbac.authorization.k8s.io", ["pods", "pods/log", "services", "events", "configmaps"]
    rules = [
        {"apiGroups": [""], "resources": resources, "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["leaderworkerset.x-k8s.io", "batch"], "resources": ["*"], "verbs": ["get", "list", "watch"]},
    ]
    who = [{"kind": "ServiceAccount", **metadata}]
    role = {"apiGroup": group, "kind": "Role", "name": "reader"}
    client.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    client.apply({"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata, "rules": rules})
    binding = {"metadata": metadata, "subjects": who, "roleRef": role}
    client.apply({"apiVersion": f"{group}/v1", "kind": "RoleBinding", **binding})
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/reader/token"
    made = client.tree("create", path, content=b'{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"}')
    loaded = json.loads(cluster.kubeconfig.read_text("utf-8"))
    loaded["users"][0]["user"] = {"token": made["status"]["token"]}
    (folder / "reader").write_text(json.dumps(loaded), "utf-8")
    return folder / "reader"


def test_who_may_not_run_programs_is_told_so(group: str, client: Client, cluster: Running, tmp_path: Path) -> None:
    """Without pods/exec memory cannot be told; all else is."""
    place = Place(str(without_exec(client, cluster, tmp_path)), "", client.namespace)
    with connect(place) as reader:
        found = seeing.status(reader, client.namespace, group, with_devices=True)
    assert found["state"] == "ready"
    for member in found["devices"]:
        assert "could not tell: not allowed: create pods/exec" in member["reason"]


@pytest.mark.requirement("R032")
def test_rays_own_status_is_asked_in_the_head(group: str, client: Client) -> None:
    """Where Ray spans the nodes; here by a program of its name, for the group has none."""
    subject = seeing.find(client, client.namespace, group)
    members = seeing.look(client, subject).members
    assert gpu_use.ray_of(client, subject, members) is None
    root = Root("ray.io/v1", "RayCluster", group)
    on_ray = dataclasses.replace(subject, parts=dataclasses.replace(subject.parts, root=root))
    assert gpu_use.ray_of(client, on_ray, members) == {"text": "2 node(s) active", "reason": None}


@pytest.mark.requirement("R081")
def test_a_forwarded_port_answers_side_by_side(group: str, client: Client) -> None:
    """Several connections at once, one after another, and one that goes nowhere is told."""
    subject = seeing.find(client, client.namespace, group)
    problems: list[str] = []
    with forwarding.forwarded(client, subject) as (url, _), httpx2.Client(base_url=url, trust_env=False) as http:
        answers = [http.get("/v1/models").json()["data"][0]["id"] for _ in range(5)]
        threads = [threading.Thread(target=lambda: answers.append(httpx2.get(f"{url}/health").text)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == ["llama"] * 5 + ["{}"] * 8
    nowhere = forwarding.forwarded(client, subject, remote_port=999, tell=lambda each: problems.append(each.message))
    with nowhere as (url, _):
        with pytest.raises(httpx2.TransportError):
            httpx2.get(url, trust_env=False)
        wait_for(lambda: problems, SECONDS, lambda: problems)
    assert "connection refused" in problems[0]


def test_no_connection_takes_from_another(group: str, client: Client) -> None:
    """One ends while the next begins, each with sockets of its own; answers stay whole; more than may be open at once."""
    subject = seeing.find(client, client.namespace, group)
    with forwarding.forwarded(client, subject) as (url, _):
        answers = [httpx2.get(f"{url}/health", trust_env=False).text for _ in range(120)]
    assert answers == ["{}"] * 120


def test_a_program_that_hangs_is_not_waited_for(group: str, client: Client) -> None:
    """As a driver's tool does where its device is lost."""
    with pytest.raises(errors.TargetError, match="sleep has not ended in 1 s"):
        streams.run_in(client, client.namespace, f"{group}-0", ["sleep", "30"], timeout_seconds=1)


def test_a_program_that_does_not_stop_talking_is_cut_off(group: str, client: Client) -> None:
    """Memory is this machine's, and what a pod says is not trusted."""
    with pytest.raises(errors.TargetError, match="yes says more than 4 MiB"):
        streams.run_in(client, client.namespace, f"{group}-0", ["yes"])


def test_a_proof_wants_the_key_of_what_wants_one(client: Client, cache: Path) -> None:
    """With it a request is answered; a wrong one is a failure; without one it is ready, and the history says of what kind."""
    assert started(client, cache, KEY=KEY, key=KEY).why == ""
    wrong = started(client, cache, KEY=KEY, key="another")
    assert (wrong.outcome, "completion: the key was refused: 401" in wrong.why) == ("failed", True)
    assert started(client, cache, KEY=KEY) == waiting.Ended("ready", "no request was answered: a key is wanted")
    last = revisions.newest(client, client.namespace, stand_in.NAME)
    assert (last.outcome, last.message) == ("ready", "no request was answered: a key is wanted")


def test_questions_are_answered_with_and_without_a_key(client: Client, cluster: Running, cache: Path) -> None:
    """Through the API server's proxy; where a key is wanted, by a forwarded port, for the proxy would keep the key."""
    assert started(client, cache, KEY=KEY).outcome == "ready"
    answer = run(client, cluster, "chat", "llama", "Which is the highest?", "--key-from", "ENGINE_KEY", ENGINE_KEY=KEY)
    assert answer.strip() == "Mount Everest is."
    with pytest.raises(AssertionError, match="--key-from VARIABLE"):
        run(client, cluster, "chat", "llama", "Which is the highest?")
    assert started(client, cache, WORDS="Chimborazo, from the middle.").outcome == "ready"
    assert run(client, cluster, "chat", "lws/llama", "And else?").strip() == "Chimborazo, from the middle."


def test_streamed_answers_are_whole(group: str, client: Client) -> None:
    """Through the API server's proxy, which breaks some off that begin before it has seen the question's end."""
    subject = seeing.find(client, client.namespace, group)
    way = reaching.ThroughServer(client, client.namespace, reaching.entrance_of(client, subject).through)
    body: dict[str, object] = {"model": "llama", "stream": True, "messages": list[object]()}
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(lambda: [*way.lines("/v1/chat/completions", body)]) for _ in range(60)]
    assert {each.result()[-2] for each in asked} == {"data: [DONE]"}


def test_watch_ends_with_ctrl_c(group: str, client: Client, cluster: Running) -> None:
    """One JSON value a line, all keys always there; nothing is left running."""
    command = [
        SHARDWRIGHT,
        "watch",
        group,
        "-n",
        client.namespace,
        "--kubeconfig",
        str(cluster.kubeconfig),
        "-o",
        "json",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    assert (first["what"], first["state"], first["rank"]) == ("state", "ready", None)


def test_waiting_ends_with_its_time_or_with_ctrl_c(
    client: Client, cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was started goes on; both say how to go on looking."""
    monkeypatch.setitem(globals(), "SECONDS", 3.0)
    late = started(client, cache, STEP="20")
    assert (late.outcome, "after 3 s" in late.why) == ("late", True)
    threading.Timer(3, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        waiting.wait(client, client.namespace, stand_in.NAME, seconds=60)
    assert f"shardwright watch llama -n {client.namespace}" in capsys.readouterr().err
    assert revisions.newest(client, client.namespace, stand_in.NAME).outcome == "applied"


def test_an_answer_without_sense_is_a_failure(client: Client, cache: Path) -> None:
    """Ready, healthy, and of no use: what was found stands in the history."""
    ended = started(client, cache, WORDS="!!!!!!!!!!")
    assert (ended.outcome, "completion" in ended.why) == ("failed", True)
    newest = revisions.newest(client, client.namespace, stand_in.NAME)
    assert (newest.outcome, "completion" in newest.message) == ("failed", True)
    assert proving.failure([]) == ""
