"""What is left alone on a real API server, and what is said of it: objects that others keep, claims, Secrets that were made."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from rollout_stage import applied, planned

from shardwright import errors
from shardwright.kubernetes.client import Client, Ref
from shardwright.kubernetes.live import revisions
from shardwright.kubernetes.live.secret_keys import SecretValue
from shardwright.service import past, rollout
from shardwright.service.rollout import Options

if TYPE_CHECKING:
    from collections.abc import Callable

    from shardwright.testing.cluster.clusters import Running
    from shardwright.testing.cluster.fixtures import Clusters

NAME = "llama"
STORED = {"claim": "models", "size": 10 * 2**30, "download": "never"}
ARGO = {"annotations": {"argocd.argoproj.io/tracking-id": "apps"}}
FLUX = {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux"}}
HELM = {"labels": {"helm.toolkit.fluxcd.io/name": "apps", "helm.toolkit.fluxcd.io/namespace": "flux"}}
KEEPERS = {
    "Argo CD (application apps)": ARGO,
    "Flux (Kustomization flux/apps)": FLUX,
    "Flux (HelmRelease flux/apps)": HELM,
}


@pytest.fixture
def cluster(clusters: Clusters) -> Running:
    return clusters.api()


def the(client: Client, kind: str) -> Ref:
    versions = {"Deployment": "apps/v1"}
    name = "models" if kind == "PersistentVolumeClaim" else NAME
    return Ref(versions.get(kind, "v1"), kind, name, client.namespace)


def keep(client: Client, kind: str, metadata: dict[str, Any]) -> None:
    """As the keeper writes it: under a field manager of its own."""
    ref = the(client, kind)
    path = client.kinds.find(ref).path(ref.namespace, ref.name)
    headers = {"Content-Type": "application/merge-patch+json"}
    client.http.patch(path, headers=headers, json={"metadata": metadata}).raise_for_status()


def state(client: Client, kind: str) -> tuple[str, int]:
    metadata = client.get(the(client, kind))["metadata"]
    return metadata["uid"], metadata["generation"]


def delete(client: Client, *, with_claims: bool = False, name: str = NAME) -> list[str]:
    gone = past.delete(client, client.namespace, name, with_claims=with_claims, timeout_seconds=60)
    return [step.subject for step in gone]


def commands(client: Client) -> dict[str, Callable[[], object]]:
    """All that write or remove, as their commands do it."""
    changed, boundless = (
        planned(client, storage=STORED, engine={"env": {"TZ": "UTC"}}),
        Options(force=True, recreate=True),
    )
    return {
        "apply": lambda: rollout.prepare(changed, client, Options()),
        "apply --force-conflicts --recreate": lambda: rollout.prepare(changed, client, boundless),
        "rollback": lambda: past.prepare_rollback(client, client.namespace, NAME, 1, boundless),
        "delete": lambda: delete(client),
        "delete --with-claims": lambda: delete(client, with_claims=True),
    }


@pytest.mark.parametrize("keeper", KEEPERS)
def test_what_others_keep_is_only_read(client: Client, keeper: str) -> None:
    """By every command, whatever it is allowed; the refusal names the object, who keeps it and the way out."""
    applied(client, planned(client, storage=STORED))
    applied(client, planned(client, storage=STORED, engine={"env": {"A": "1"}}))
    keep(client, "Deployment", KEEPERS[keeper])
    before = state(client, "Deployment")
    for name, command in commands(client).items():
        with pytest.raises(errors.Conflict, match="is kept by") as refused:
            command()
        assert f"Deployment {client.namespace}/llama is kept by {keeper}" in refused.value.message, name
        assert ("remove it where" if "delete" in name else "shardwright render") in refused.value.hint
    assert state(client, "Deployment") == before
    assert client.find(the(client, "Service")) is not None


def test_a_field_manager_is_known_as_a_keeper(client: Client) -> None:
    """Where Argo CD tracks by the label that others use too, nothing but its writing tells."""
    applied(client, planned(client))
    labels = {"metadata": {"labels": {"team": "search"}}, "apiVersion": "apps/v1", "kind": "Deployment"}
    path = f"/apis/apps/v1/namespaces/{client.namespace}/deployments/llama"
    headers = {"Content-Type": "application/apply-patch+yaml"}
    client.http.patch(
        path, params={"fieldManager": "argocd-controller"}, headers=headers, json=labels
    ).raise_for_status()
    with pytest.raises(errors.Conflict, match="field manager argocd-controller"):
        rollout.prepare(planned(client), client, Options(force=True))


def test_a_claim_that_others_keep_is_not_deleted(client: Client) -> None:
    """Before anything else is: asked for without claims, the rest goes and the claim's keeper is no matter."""
    applied(client, planned(client, storage=STORED))
    keep(client, "PersistentVolumeClaim", ARGO)
    with pytest.raises(errors.Conflict, match=r"PersistentVolumeClaim .*/models is kept by Argo CD"):
        delete(client, with_claims=True)
    assert client.find(the(client, "Deployment")) is not None
    assert any("kept PersistentVolumeClaim" in each for each in delete(client))
    assert client.find(the(client, "PersistentVolumeClaim")) is not None


def test_what_left_the_recipe_for_a_keeper_stays(client: Client) -> None:
    """It is no reason to refuse: neither the apply that leaves it out, nor the delete of the rest; both say it."""
    applied(client, planned(client))
    keep(client, "Service", FLUX)
    without = planned(client, expose={"kind": "none"})
    made = applied(client, without)
    service = f"Service {client.namespace}/llama"
    kept = "Flux (Kustomization flux/apps) keeps it"
    assert (made.stale, made.notes) == ((), (f"{service} is in the recipe no more and stays: {kept}",))
    assert not rollout.prepare(without, client, Options()).is_needed
    assert f"kept {service}: {kept}" in delete(client)
    assert (client.find(the(client, "Service")) is None, client.find(the(client, "Deployment"))) == (False, None)


def test_what_an_operator_made_with_our_labels_is_not_pruned(client: Client) -> None:
    """Operators hand labels on to what they make; its owner says whose it is."""
    applied(client, planned(client))
    deployment = client.get(the(client, "Deployment"))["metadata"]
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME, "uid": deployment["uid"], "controller": True}
    keep(client, "Service", {"ownerReferences": [owner]})
    assert applied(client, planned(client, expose={"kind": "none"})).stale == ()
    assert client.find(the(client, "Service")) is not None


def test_a_namespace_that_is_there_is_used_as_it_is(client: Client) -> None:
    """Whoever keeps it: `--create-namespace` makes what is missing and writes nothing else."""
    path, headers = f"/api/v1/namespaces/{client.namespace}", {"Content-Type": "application/merge-patch+json"}
    client.http.patch(path, headers=headers, json={"metadata": ARGO}).raise_for_status()
    prepared = rollout.prepare(planned(client), client, Options(create_namespace=True))
    assert "Namespace" not in {change.kind for change in prepared.changes}


def test_each_claim_is_told_of(client: Client) -> None:
    """Its own is kept with the command that removes it; one of somebody else is said to be theirs, asked for or not."""
    applied(client, planned(client, storage=STORED))
    own = f"PersistentVolumeClaim {client.namespace}/models"
    assert delete(client)[-1] == (
        f"kept {own}: a model may be on it; "
        f"to remove it: kubectl delete persistentvolumeclaim models -n {client.namespace}"
    )
    other = {"name": "other", "namespace": client.namespace}
    for with_claims in (False, True):
        applied(client, planned(client, metadata=other, storage=STORED))
        assert delete(client, with_claims=with_claims, name="other")[-1] == f"kept {own}: it is of llama"
    keep(client, "PersistentVolumeClaim", {"labels": {"app.kubernetes.io/instance": None}})
    applied(client, planned(client, metadata=other))
    assert delete(client, with_claims=True, name="other")[-1] == f"kept {own}: it is somebody else's"


def test_a_secret_is_found_when_no_revision_refers_to_it_any_more(client: Client) -> None:
    """The newest revision has the names of all that were made; a value given alone is remembered as well."""
    for number, secret in enumerate(("first", "second", "third")):
        token = {"source": "hf://meta-llama/Meta-Llama-3-8B-Instruct", "token": {"secret": secret, "key": "token"}}
        given = (SecretValue(name=secret, key="token", variable="X", value=b"hf_x"),) if secret != "second" else ()
        allowed = Options(secrets=given, recreate=True)
        prepared = rollout.prepare(planned(client, model=token, storage={"download": "never"}), client, allowed)
        list(rollout.carry_out(prepared, client, allowed))
        assert len(revisions.history(client, client.namespace, NAME)) == number + 1
    for number in (1, 2):
        ref = Ref("v1", "ConfigMap", f"shardwright-{NAME}-v{number}", client.namespace)
        client.delete(ref, propagation="Background")
    (newest,) = revisions.history(client, client.namespace, NAME)
    assert newest.secrets == ("first", "third")
    assert '"first"' not in json.dumps([dict(each) for each in newest.manifests])
    told = delete(client)
    assert {f"deleted Secret {client.namespace}/{name}" for name in ("first", "third")} <= set(told)
    assert client.find(Ref("v1", "Secret", "first", client.namespace)) is None
