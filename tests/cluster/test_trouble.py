"""Single troubles on a real API server: what the user is told, and that the same command again finishes the work."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import fault_runs
import pytest
import stamina

from shardwright import errors
from shardwright.kubernetes.client import Client, Place, Ref, connect
from shardwright.kubernetes.client.refs import ref_of
from shardwright.kubernetes.client.watching import follow
from shardwright.kubernetes.live import downloading, leases
from shardwright.service import past, rollout
from shardwright.service.rollout import Options
from shardwright.testing.cluster import fault_proxy
from shardwright.testing.cluster.faults import Storm

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from shardwright.testing.cluster.clusters import Running
    from shardwright.testing.cluster.fixtures import Clusters

NAME = "llama"
LEASE = "coordination.k8s.io/v1"


@pytest.fixture
def running(clusters: Clusters) -> Running:
    return clusters.api()


@pytest.fixture
def namespace(running: Running) -> Iterator[str]:
    with running.namespace("trouble") as name:
        yield name


@pytest.fixture
def client(running: Running, namespace: str) -> Iterator[Client]:
    with connect(Place(kubeconfig=str(running.kubeconfig), namespace=namespace)) as connected:
        yield connected


@pytest.fixture
def proxy(running: Running) -> Iterator[fault_proxy.Proxy]:
    with fault_proxy.running(running.plane) as proxy:
        yield proxy


def prepared(client: Client, recipe: str = "plain") -> rollout.Rollout:
    plan = fault_runs.planned(NAME, client.namespace, **fault_runs.RECIPES[recipe])
    return rollout.prepare(plan, client, Options())


def applied(client: Client, recipe: str = "plain") -> None:
    list(rollout.carry_out(prepared(client, recipe), client, Options()))


def numbers(client: Client) -> list[tuple[int, str]]:
    return [(each.number, each.outcome) for each in past.history(client, client.namespace, NAME)]


def test_the_api_server_starts_anew_mid_apply(running: Running, client: Client) -> None:
    """A command that has begun waits for it, and does everything once."""
    steps = rollout.carry_out(prepared(client), client, Options())
    assert next(iter(steps)).action == "revision"
    with ThreadPoolExecutor(1) as pool:
        running.processes.stop("kube-apiserver")
        rest = pool.submit(list, steps)
        time.sleep(1)
        running.processes.start_again("kube-apiserver")
        assert [step.action for step in rest.result(timeout=90)] == ["apply", "apply"]
    assert numbers(client) == [(1, "applied")]
    assert not prepared(client).is_needed
    assert client.find(Ref(LEASE, "Lease", leases.name_of(NAME), client.namespace)) is None


def test_a_server_that_never_answers_is_not_waited_for_long(tmp_path: Path, running: Running) -> None:
    """The address may be wrong: that is said after seconds, with what to look at."""
    with fault_proxy.running(running.plane) as gone:
        place = Place(kubeconfig=str(gone.write_kubeconfig(tmp_path / "kubeconfig")), namespace="default")
    began = time.monotonic()
    with connect(place) as client, pytest.raises(errors.TemporaryError, match="cannot be reached") as refused:
        past.history(client, "default", NAME)
    assert time.monotonic() - began < 15
    assert "address in the kubeconfig" in refused.value.hint


def test_credentials_expire_mid_apply(
    proxy: fault_proxy.Proxy, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost: with new ones the same command goes on, once the lease of the first has ended."""
    monkeypatch.setattr(leases, "DURATION_SECONDS", 6)
    place = Place(kubeconfig=str(proxy.write_kubeconfig(tmp_path / "kubeconfig")), namespace=client.namespace)
    with connect(place) as expiring:
        steps = iter(rollout.carry_out(prepared(expiring), expiring, Options()))
        assert next(steps).action == "revision"
        proxy.storm = Storm(seed=1, share=0, expires_from=0)
        with pytest.raises(errors.AccessError, match="does not accept the credentials") as refused:
            list(steps)
    assert "log in again" in refused.value.hint
    with pytest.raises(errors.Conflict, match="is being changed by") as held:
        applied(client)
    assert "its lease ends" in held.value.hint
    time.sleep(6.5)
    applied(client)
    assert [number for number, _ in numbers(client)] == [1, 2]
    assert not prepared(client).is_needed


@contextlib.contextmanager
def hanging_webhook(client: Client) -> Generator[None]:
    """A validating webhook for Deployments of the namespace that takes calls and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hook: dict[str, Any] = {
            "name": "slow.example.org",
            "clientConfig": {"url": f"https://127.0.0.1:{silent.getsockname()[1]}/"},
            "rules": [
                {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["deployments"]}
            ],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": client.namespace}},
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "timeoutSeconds": 1,
        }
        body = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": client.namespace},
            "webhooks": [hook],
        }
        client.create(body)
        try:
            yield
        finally:
            client.delete(ref_of(body))


def test_a_webhook_that_hangs_is_named(client: Client) -> None:
    """Mid-apply: what was done stays done, and the same command goes on when it answers again."""
    first = prepared(client)
    with stamina.set_testing(True, attempts=2), hanging_webhook(client):
        time.sleep(1)  # the server learns of it by a watch of its own
        with pytest.raises(errors.TemporaryError, match=r"failed calling webhook") as refused:
            list(rollout.carry_out(first, client, Options()))
    assert "slow.example.org" in refused.value.hint
    time.sleep(1)
    applied(client)
    assert [number for number, _ in numbers(client)] == [1, 2]


def test_a_namespace_that_is_being_deleted(client: Client) -> None:
    """Said before anything is tried, and as plainly where it begins during an apply."""
    held = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held", "finalizers": ["example.org/hold"]}}
    client.create(held)
    applied(client)
    begun = prepared(client, "zone")
    client.delete(Ref("v1", "Namespace", client.namespace), propagation="Background")
    try:
        with pytest.raises(errors.Conflict, match="is being deleted") as refused:
            prepared(client, "zone")
        assert "wait until it is gone" in refused.value.hint
        with pytest.raises(errors.Conflict) as late:
            list(rollout.carry_out(begun, client, Options()))
        assert late.value.hint
    finally:
        path = f"/api/v1/namespaces/{client.namespace}/configmaps/held"
        unheld = [{"op": "remove", "path": "/metadata/finalizers"}]
        headers = {"Content-Type": "application/json-patch+json"}
        client.http.patch(path, headers=headers, json=unheld).raise_for_status()


def pods(client: Client) -> list[dict[str, Any]]:
    return list(client.list(Ref("v1", "Pod", namespace=client.namespace)))


def set_finalizers(client: Client, pod: str, finalizers: list[str]) -> None:
    headers = {"Content-Type": "application/merge-patch+json"}
    path = f"/api/v1/namespaces/{client.namespace}/pods/{pod}"
    client.http.patch(path, headers=headers, json={"metadata": {"finalizers": finalizers}}).raise_for_status()


def test_a_pod_that_does_not_end_is_named(running: Running, client: Client) -> None:
    """The history stays until all is gone; the same command again finishes."""
    applied(client)
    running.wait_until(lambda: bool(pods(client)), "the Deployment has a pod")
    pod = pods(client)[0]["metadata"]["name"]
    set_finalizers(client, pod, ["example.org/hold"])
    with pytest.raises(errors.TargetError, match=rf"{pod}.*example.org/hold") as refused:
        list(past.delete(client, client.namespace, NAME, with_claims=False, timeout_seconds=2))
    assert "same command" in refused.value.hint
    assert numbers(client) == [(1, "applied")]
    set_finalizers(client, pod, [])
    list(past.delete(client, client.namespace, NAME, with_claims=False, timeout_seconds=30))
    with pytest.raises(errors.NotFound):
        numbers(client)


def test_a_lease_that_was_lost_ends_the_command(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was out of reach for too long writes nothing more: another may be at work."""
    monkeypatch.setattr(leases, "DURATION_SECONDS", 2)
    steps = iter(rollout.carry_out(prepared(client), client, Options()))
    assert [next(steps).action for _ in range(2)] == ["revision", "apply"]
    lease = client.get(Ref(LEASE, "Lease", leases.name_of(NAME), client.namespace))
    lease["spec"]["holderIdentity"] = "bob@desk (process 2)"
    client.replace(lease)
    time.sleep(2.5)
    with pytest.raises(errors.Conflict, match="taken over by bob@desk"):
        list(steps)
    assert client.find(Ref("apps/v1", "Deployment", NAME, client.namespace)) is None
    kept = client.get(Ref(LEASE, "Lease", leases.name_of(NAME), client.namespace))
    assert kept["spec"]["holderIdentity"] == "bob@desk (process 2)"


@pytest.mark.parametrize("moment", ["2026-01-01T00:00:00.000000Z", "2099-01-01T00:00:00.000000Z"])
def test_a_holder_whose_clock_is_wrong(client: Client, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """Dead, it is waited for no longer than its lease lasts; alive, it is respected, and that is said soon."""
    monkeypatch.setattr(leases, "DURATION_SECONDS", 2)
    ref, place = Ref(LEASE, "Lease", leases.name_of(NAME), client.namespace), (NAME, client.namespace)
    client.create(leases.body_of(*place, "bob@desk", moment))
    with leases.held(client, client.namespace, NAME, "ada@desk"):
        assert client.get(ref)["spec"]["holderIdentity"] == "ada@desk"
    client.create(leases.body_of(*place, "bob@desk", moment))
    stopped = threading.Event()

    def renew() -> None:
        while not stopped.wait(0.4):
            current = client.get(ref)
            client.replace(current | {"spec": current["spec"] | {"leaseTransitions": time.monotonic_ns() % 1_000_000}})

    with ThreadPoolExecutor(1) as pool:
        renewing = pool.submit(renew)
        try:
            with pytest.raises(errors.Conflict, match="bob@desk"), leases.held(client, place[1], place[0], "ada@desk"):
                pass
        finally:
            stopped.set()
        renewing.result()


def test_waiting_for_a_holder_that_may_be_dead_is_told(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a minute without a word would look like a command that hangs."""
    monkeypatch.setattr(leases, "DURATION_SECONDS", 2)
    client.create(leases.body_of(NAME, client.namespace, "bob@desk", "2026-01-01T00:00:00.000000Z"))
    first, *others = rollout.carry_out(prepared(client), client, Options())
    assert (first.action, "bob@desk" in first.message) == ("wait", True)
    assert "wait" not in {each.action for each in others}


def test_what_a_broken_off_apply_did_not_remove_is_removed_later(client: Client) -> None:
    """Its revision names the object no more; an earlier one does."""
    applied(client)
    steps = iter(rollout.carry_out(prepared(client, "closed"), client, Options()))
    assert [next(steps).action for _ in range(2)] == ["revision", "apply"]
    steps.close()  # type: ignore[attr-defined]
    again = prepared(client, "closed")
    assert [change.action for change in again.changes] == ["unchanged"]
    assert [change.kind for change in again.stale] == ["Service"]
    list(rollout.carry_out(again, client, Options()))
    assert client.find(Ref("v1", "Service", NAME, client.namespace)) is None


def test_an_apply_that_is_given_up_for_what_was_before(client: Client) -> None:
    """No object differs, and yet the newest revision would tell of something that is not there."""
    applied(client)
    steps = iter(rollout.carry_out(prepared(client, "zone"), client, Options()))
    assert next(steps).action == "revision"
    steps.close()  # type: ignore[attr-defined]
    again = prepared(client)
    assert ({change.action for change in again.changes}, again.is_needed) == ({"unchanged"}, True)
    list(rollout.carry_out(again, client, Options()))
    assert [number for number, _ in numbers(client)] == [1, 2, 3]
    assert not prepared(client).is_needed


def test_a_failed_apply_is_told_by_the_history(client: Client) -> None:
    """With what the server said; a rollback after it leads to what was before."""
    applied(client)
    second = prepared(client, "zone")
    broken = [dict(body) for body in second.wanted.manifests]
    broken[-1] = broken[-1] | {"spec": broken[-1]["spec"] | {"replicas": -1}}
    wanted = dataclasses.replace(second.wanted, manifests=tuple(broken))
    with pytest.raises(errors.ShardwrightError, match="replicas"):
        list(rollout.carry_out(dataclasses.replace(second, wanted=wanted), client, Options()))
    kept = past.history(client, client.namespace, NAME)
    assert [(each.number, each.outcome) for each in kept] == [(1, "applied"), (2, "failed")]
    assert "replicas" in kept[-1].message
    back, _ = past.prepare_rollback(client, client.namespace, NAME, None, Options())
    list(rollout.carry_out(back, client, Options()))
    assert numbers(client)[-1] == (3, "applied")


def test_a_download_that_failed_is_begun_anew(running: Running, client: Client) -> None:
    """A Job that failed never runs again by itself."""
    container = {"name": "fetch", "image": "example.org/fetch"}
    body: dict[str, Any] = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "fetch", "labels": {"app.kubernetes.io/component": "download"}},
        "spec": {
            "backoffLimit": 0,
            "template": {"spec": {"containers": [container], "restartPolicy": "Never"}},
        },
    }
    client.apply(body)
    assert (downloading.is_download(body), downloading.is_complete(client, body)) == (True, False)
    running.wait_until(lambda: bool(pods(client)), "the Job has a pod")
    path = f"/api/v1/namespaces/{client.namespace}/pods/{pods(client)[0]['metadata']['name']}/status"
    headers = {"Content-Type": "application/merge-patch+json"}
    client.http.patch(path, headers=headers, json={"status": {"phase": "Failed"}}).raise_for_status()
    with pytest.raises(errors.TargetError, match="download of the model failed") as refused:
        list(downloading.wait(client, body, timeout_seconds=60))
    assert "same command again" in refused.value.hint
    downloading.remove_failed(client, body)
    assert client.find(Ref("batch/v1", "Job", "fetch", client.namespace)) is None


def test_a_watch_in_a_storm_misses_nothing(proxy: fault_proxy.Proxy, client: Client, tmp_path: Path) -> None:
    """Each watch is cut off, gone or refused after a while: whoever follows sees every object as it came to be."""
    proxy.storm = Storm(seed=1, share=1, kinds=("watch-cut", "watch-gone", "gone"))
    place = Place(kubeconfig=str(proxy.write_kubeconfig(tmp_path / "kubeconfig")), namespace=client.namespace)
    ref, seen = Ref("v1", "ConfigMap", namespace=client.namespace), dict[str, str]()
    names = {f"c{number}" for number in range(12)}

    def watch() -> None:
        with connect(place) as watching:
            for event in follow(watching, ref, labels="storm=yes"):
                if event.kind != "listed":
                    seen[event.object["metadata"]["name"]] = event.kind
                if seen == dict.fromkeys(names, "gone"):
                    return

    with ThreadPoolExecutor(1) as pool:
        watched = pool.submit(watch)
        for name in sorted(names):
            client.create(
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"storm": "yes"}}}
            )
            time.sleep(0.3)
        while seen.keys() != names and not watched.done():
            time.sleep(0.1)
        for name in sorted(names):
            client.delete(Ref("v1", "ConfigMap", name, client.namespace))
        watched.result(timeout=60)
    assert proxy.counts.total() > 2, proxy.counts
