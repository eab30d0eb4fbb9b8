"""Applying, going back and deleting on a real API server with its controllers."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest
from rollout_stage import applied, planned

from shardwright import errors
from shardwright.kubernetes.client import Client, Place, Ref, connect
from shardwright.kubernetes.client.refusals import Asked, FieldConflict, Forbidden, Invalid
from shardwright.kubernetes.live import applying, leases, revisions
from shardwright.service import past, rollout
from shardwright.service.rollout import Options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.testing.cluster.fixtures import Clusters

DEPLOYMENT = "apps/v1"


@pytest.fixture
def client(clusters: Clusters) -> Iterator[Client]:
    running = clusters.api()
    with running.namespace() as namespace:
        place = Place(kubeconfig=str(running.plane.kubeconfig), namespace=namespace)
        with connect(place) as connected:
            yield connected


def the_deployment(client: Client) -> dict[str, Any]:
    return client.get(Ref(DEPLOYMENT, "Deployment", "llama", client.namespace))


def numbers(client: Client) -> list[tuple[int, str]]:
    return [(each.number, each.outcome) for each in past.history(client, client.namespace, "llama")]


def test_a_second_apply_changes_nothing(client: Client) -> None:
    """What the server defaults or others add beside our fields is no difference."""
    first = applied(client, planned(client))
    assert {change.action for change in first.changes} == {"create"}
    again = rollout.prepare(planned(client), client, Options())
    assert not again.is_needed
    assert {change.action for change in again.changes} == {"unchanged"}
    assert numbers(client) == [(1, "applied")]


def test_going_back_is_a_new_revision_with_the_old_manifests(client: Client) -> None:
    """Nothing is planned anew; the history says what was gone back to."""
    applied(client, planned(client))
    applied(client, planned(client, engine={"env": {"TZ": "UTC"}}))
    prepared, wanted = past.prepare_rollback(client, client.namespace, "llama", 1, Options())
    assert wanted.number == 1
    assert prepared.is_needed
    list(rollout.carry_out(prepared, client, Options()))
    assert numbers(client) == [(1, "applied"), (2, "applied"), (3, "applied")]
    environment = the_deployment(client)["spec"]["template"]["spec"]["containers"][0]["env"]
    assert "TZ" not in {each["name"] for each in environment}
    assert past.history(client, client.namespace, "llama")[-1].message == "back to revision 1"


def test_fields_of_somebody_else_are_left_to_them(client: Client) -> None:
    """A conflict names the owner and the field; it is taken over only when that is asked for."""
    applied(client, planned(client))
    body = {"apiVersion": DEPLOYMENT, "kind": "Deployment", "metadata": {"name": "llama"}, "spec": {"replicas": 3}}
    path = f"/apis/apps/v1/namespaces/{client.namespace}/deployments/llama"
    headers = {"Content-Type": "application/apply-patch+yaml"}
    client.http.patch(
        path, params={"fieldManager": "scaler", "force": "true"}, headers=headers, json=body
    ).raise_for_status()
    with pytest.raises(FieldConflict, match=r"scaler") as refused:
        rollout.prepare(planned(client), client, Options())
    assert (".spec.replicas" in str(refused.value), "--force-conflicts" in refused.value.hint) == (True, True)
    applied(client, planned(client), force=True)
    assert the_deployment(client)["spec"]["replicas"] == 1


def test_what_cannot_be_changed_is_made_anew_when_asked(client: Client) -> None:
    """The diff shows it, nothing is written without leave, and with it the object is another one."""
    applied(client, planned(client))
    body = client.get(Ref(DEPLOYMENT, "Deployment", "llama", client.namespace))
    selector = {"matchLabels": {"app": "other"}}
    client.delete(Ref(DEPLOYMENT, "Deployment", "llama", client.namespace))
    body["metadata"] = {"name": "llama", "namespace": client.namespace, "labels": body["metadata"]["labels"]}
    body["spec"] |= {"selector": selector}
    body["spec"]["template"]["metadata"]["labels"] |= {"app": "other"}
    _until_gone(client)
    client.create({key: value for key, value in body.items() if key != "status"})
    prepared = rollout.prepare(planned(client), client, Options(force=True))
    assert [change.name for change in prepared.to_recreate] == ["llama"]
    with pytest.raises(errors.InputError, match="immutable") as refused:
        list(rollout.carry_out(prepared, client, Options(force=True)))
    assert "--recreate" in refused.value.hint
    before = the_deployment(client)["metadata"]["uid"]
    list(rollout.carry_out(prepared, client, Options(force=True, recreate=True)))
    assert the_deployment(client)["metadata"]["uid"] != before


def _until_gone(client: Client) -> None:
    applying.wait_until_gone(client, [Ref(DEPLOYMENT, "Deployment", "llama", client.namespace)], timeout_seconds=30)


def test_what_left_the_recipe_is_removed(client: Client) -> None:
    """Only ours, and no claim."""
    applied(client, planned(client))
    service = Ref("v1", "Service", "llama", client.namespace)
    assert client.find(service) is not None
    prepared = applied(client, planned(client, expose={"kind": "none"}))
    assert [str(change) for change in prepared.stale] == [f"prune Service {client.namespace}/llama"]
    assert client.find(service) is None


def test_two_people_at_once(client: Client) -> None:
    """The second is told who works on it; who looked before somebody else applied looks again."""
    prepared = rollout.prepare(planned(client), client, Options())
    with leases.held(client, client.namespace, "llama", "ada@desk"), pytest.raises(errors.Conflict, match="ada@desk"):
        list(rollout.carry_out(prepared, client, Options()))
    applied(client, planned(client))
    with pytest.raises(errors.Conflict, match="meanwhile"):
        list(rollout.carry_out(prepared, client, Options()))


def test_a_dead_holder_is_waited_for_no_longer_than_its_lease(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease that is not renewed is taken over after its length, here a short one."""
    monkeypatch.setattr(leases, "DURATION_SECONDS", 2)
    body = leases.body_of("llama", client.namespace, "gone@desk", "2026-01-01T00:00:00.000000Z")
    client.create(body)
    with leases.held(client, client.namespace, "llama", "ada@desk"):
        found = client.get(Ref("coordination.k8s.io/v1", "Lease", leases.name_of("llama"), client.namespace))
        assert found["spec"]["holderIdentity"] == "ada@desk"
    assert client.find(Ref("coordination.k8s.io/v1", "Lease", leases.name_of("llama"), client.namespace)) is None


def test_what_others_keep_is_not_touched(client: Client) -> None:
    """Argo CD would undo it: the hint is where to put the manifests instead."""
    applied(client, planned(client))
    patch = {"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "apps:llama"}}}
    path = f"/apis/apps/v1/namespaces/{client.namespace}/deployments/llama"
    client.http.patch(path, headers={"Content-Type": "application/merge-patch+json"}, json=patch).raise_for_status()
    with pytest.raises(errors.Conflict, match="Argo CD") as refused:
        rollout.prepare(planned(client, engine={"env": {"TZ": "UTC"}}), client, Options())
    assert "render" in refused.value.hint
    with pytest.raises(errors.Conflict, match="is kept by Argo CD"):
        list(past.delete(client, client.namespace, "llama", with_claims=True, timeout_seconds=60))
    assert the_deployment(client)
    assert numbers(client) == [(1, "applied")]


def test_a_namespace_that_is_not_there(client: Client) -> None:
    """Said before anything else; made when that is asked for."""
    plan = planned(client, metadata={"name": "llama", "namespace": f"{client.namespace}-new"})
    with pytest.raises(errors.NotFound, match="no namespace"):
        rollout.prepare(plan, client, Options())
    prepared = rollout.prepare(plan, client, Options(create_namespace=True))
    steps = [step.subject for step in rollout.carry_out(prepared, client, Options(create_namespace=True))]
    assert steps[0] == f"create Namespace {client.namespace}-new"
    client.delete(Ref("v1", "Namespace", f"{client.namespace}-new"), propagation="Background")


def test_nothing_is_left_but_the_claim(client: Client) -> None:
    """Deleting removes every object of every revision, the history and the lease; a claim stays unless asked."""
    claim = {"claim": "models", "size": 10 * 2**30, "download": "never"}
    applied(client, planned(client, storage=claim))
    list(past.delete(client, client.namespace, "llama", with_claims=False, timeout_seconds=60))
    left = [
        str(found["metadata"]["name"])
        for kind in (("v1", "Service"), ("apps/v1", "Deployment"), ("v1", "ConfigMap"), ("v1", "PersistentVolumeClaim"))
        for found in client.list(Ref(*kind, namespace=client.namespace))
        if found["metadata"]["name"] != "kube-root-ca.crt"
    ]
    assert left == ["models"]
    with pytest.raises(errors.NotFound, match="no deployment"):
        past.history(client, client.namespace, "llama")


@pytest.mark.parametrize(
    "labels", [{}, {"app.kubernetes.io/managed-by": "shardwright", "app.kubernetes.io/instance": "other"}]
)
def test_a_claim_of_somebody_else_is_used_as_it_is(client: Client, labels: dict[str, str]) -> None:
    """Made by hand or for another deployment: it keeps its labels, is said to be used, and is not deleted."""
    metadata = {"name": "models", "namespace": client.namespace, "labels": labels}
    spec = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "10Gi"}}}
    client.create({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec})
    plan = planned(client, storage={"claim": "models", "size": 10 * 2**30, "download": "never"})
    made = applied(client, plan)
    assert ["models is there and" in note for note in made.notes] == [True]
    assert not rollout.prepare(plan, client, Options()).is_needed
    list(past.delete(client, client.namespace, "llama", with_claims=True, timeout_seconds=60))
    found = client.get(Ref("v1", "PersistentVolumeClaim", "models", client.namespace))
    assert found["metadata"].get("labels", {}) == labels


def test_a_claim_that_another_deployment_names_is_kept(client: Client) -> None:
    """However a deletion is asked for: the model on it is the other one's too."""
    claim = {"claim": "models", "size": 10 * 2**30, "download": "never"}
    other = {"name": "other", "namespace": client.namespace}
    applied(client, planned(client, storage=claim))
    applied(client, planned(client, storage=claim, metadata=other))
    steps = list(past.delete(client, client.namespace, "llama", with_claims=True, timeout_seconds=60))
    assert [step.subject for step in steps if "kept" in step.subject] == [
        f"kept PersistentVolumeClaim {client.namespace}/models: other of the namespace needs it"
    ]
    found = client.get(Ref("v1", "PersistentVolumeClaim", "models", client.namespace))
    assert "deletionTimestamp" not in found["metadata"]


def test_a_namespace_that_was_forgotten_is_named(client: Client) -> None:
    """Who asks for it elsewhere is told where it is, and of a damaged revision where that is."""
    applied(client, planned(client))
    with pytest.raises(errors.NotFound, match="no deployment default/llama") as refused:
        past.history(client, "default", "llama")
    assert client.namespace in refused.value.hint
    ref = Ref("v1", "ConfigMap", "shardwright-llama-v1", client.namespace)
    client.change(ref, lambda found: found | {"data": {"revision": "AAAA"}})
    with pytest.raises(errors.InputError, match=f"{client.namespace}/shardwright-llama-v1") as damaged:
        past.history(client, client.namespace, "llama")
    assert f"-n {client.namespace}" in damaged.value.hint


def test_only_so_many_revisions_are_kept(client: Client) -> None:
    """The last that served stays, however old."""
    base = rollout.wanted_of(planned(client))
    for number in range(1, revisions.KEPT + 4):
        outcome = "ready" if number == 1 else "failed"
        revisions.add(client, client.namespace, "llama", dataclasses.replace(base, number=number, outcome=outcome))
    revisions.forget_old(client, client.namespace, "llama", is_settled=True)
    kept = [number for number, _ in numbers(client)]
    assert kept == [1, *range(4, revisions.KEPT + 4)]


def test_the_servers_words_reach_the_user(client: Client) -> None:
    """A name that is none and an unknown field are refused with what the server says; one that is too long, before."""
    with pytest.raises(Invalid, match="lowercase RFC 1123"):
        client.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "A"}})
    with pytest.raises(errors.InputError, match="it has 300 characters"):
        client.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a" * 300}})
    with pytest.raises(Invalid, match="not declared") as unknown:
        client.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "dat": {}})
    assert "target.version" in unknown.value.hint
    with pytest.raises(errors.NotFound, match="does not serve"):
        client.apply({"apiVersion": "x.example.org/v1", "kind": "Thing", "metadata": {"name": "a"}})


def test_what_may_not_be_written_is_told_by_verb_and_kind(client: Client) -> None:
    """As one who has no rights at all; the way out is a Role that can be printed."""
    client.http.headers["Impersonate-User"] = "nobody"
    with pytest.raises(Forbidden, match=f"patch configmaps in namespace {client.namespace}") as refused:
        client.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}})
    assert refused.value.asked == Asked("patch", "configmaps", "a", client.namespace)
    assert "check -f FILE --print-rbac" in refused.value.hint
