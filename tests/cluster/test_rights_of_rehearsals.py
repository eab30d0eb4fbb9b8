"""Rights of rehearsals on a real API server: an account with just the Roles that are printed rehearses, and uses all of them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
import rights_stage
from rights_stage import ACCOUNT, NAME, Account

from shardwright.kubernetes.live import leases

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shardwright.testing.cluster.clusters import Running
    from shardwright.testing.cluster.fixtures import Clusters

_ONE_NODE = ("hardware.nodes=1", "parallelism.pipeline=1", "hardware.gpu=L40S")
TARGETS = {
    "lws": ("target.version=0.8.0",),
    "kubernetes": _ONE_NODE,
    "llmisvc": ("target.version=0.20.0",),
    "kserve": ("target.version=0.20.0", *_ONE_NODE),
}
WHERE_PODS_RUN = {("get", "pods/log"), ("list", "services"), *((verb, "services/proxy") for verb in ("get", "create"))}
"""What is asked of pods that run: tests/cluster/test_engine_story.py rehearses with them, as such an account."""
RENEWED = ("update", "leases.coordination.k8s.io")
"""Asked for where something takes longer than a moment."""
LESS_WITHOUT = {"events", "jobs.batch", "pods/log", "services", "services/proxy", "persistentvolumeclaims"}
"""Without these a rehearsal goes on and says less, or has nothing to ask for here."""


@pytest.fixture(scope="module")
def cluster(clusters: Clusters) -> Running:
    return clusters.api("lws", "kserve", "llmisvc")


@pytest.fixture
def account(cluster: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    # So that a lease is renewed within a command of two seconds.
    monkeypatch.setattr(leases, "DURATION_SECONDS", 1)
    with rights_stage.account(cluster, tmp_path) as made:
        yield made


def recipe(target: str) -> tuple[str, ...]:
    sets = (f"target.kind={target}", *TARGETS[target])
    example = str(rights_stage.EXAMPLES / "llama-3-8b-two-nodes.yaml")
    return ("-f", example, *(part for each in sets for part in ("--set", each)))


def printed(account: Account, target: str, *where: str) -> list[dict[str, Any]]:
    """For a rehearsal there, given to the account."""
    return rights_stage.printed(account, *recipe(target), "--rehearsal", *where)


def rehearsed(account: Account, target: str, *where: str) -> str:
    """What a rehearsal says that ends as no pod begins to run here; empty if nothing else went wrong."""
    result = account.run("rehearse", *recipe(target), "--on", "cluster", *where, "--timeout", "2")
    said = f"{result.output}{result.exception}"
    return "" if result.exit_code == 124 and "not allowed" not in said else said


@pytest.mark.requirement("R121")
@pytest.mark.parametrize("target", TARGETS)
def test_a_rehearsal_needs_just_what_is_printed(account: Account, target: str) -> None:
    """In a namespace that is given: rights in that one alone, none of them refused, and each of them used."""
    here = ("-n", account.namespace)
    objects = printed(account, target, *here)
    account.give(objects)
    account.forget()
    assert rehearsed(account, target, *here) == ""
    assert rehearsed(account, target, *here, "--keep") == ""
    given, needed = rights_stage.rights_of(objects), rights_stage.used(account.proxy.requests)
    assert needed - given == set()
    assert {each[:2] for each in given - needed} <= {*WHERE_PODS_RUN, RENEWED}
    assert {each[2] for each in given} == {account.namespace, ""}
    assert {each for each in given if not each[2]} == {("get", "namespaces", "")}


@pytest.mark.parametrize("target", ["lws", "kserve"])
def test_a_rehearsal_that_makes_its_namespace_needs_just_what_is_printed(account: Account, target: str) -> None:
    """Its rights hold in all namespaces, since no Role can be in one that is not there; they are no more than it uses."""
    objects = printed(account, target)
    assert {body["kind"] for body in objects} == {"ClusterRole", "ClusterRoleBinding"}
    account.give(objects)
    account.forget()
    assert rehearsed(account, target) == ""
    given = {each[:2] for each in rights_stage.rights_of(objects)}
    needed = {each[:2] for each in rights_stage.used(account.proxy.requests)}
    assert needed - given == set()
    assert given - needed <= {*WHERE_PODS_RUN, RENEWED, ("update", "configmaps")}


@pytest.mark.parametrize("seed", range(5))
def test_each_right_is_missed(account: Account, seed: int) -> None:
    """Without one of them the rehearsal is refused, and says which verb on what, and the command that prints the Role."""
    here = ("-n", account.namespace)
    objects = printed(account, "lws", *here)
    left = {("update", "configmaps"), RENEWED}
    given = {each[:2] for each in rights_stage.rights_of(objects)} - left
    verb, resource = random.Random(seed).choice(sorted(each for each in given if each[1] not in LESS_WITHOUT))  # noqa: S311 - which one is no secret
    account.give(rights_stage.without(objects, verb, resource))
    said = rehearsed(account, "lws", *here)
    # What applies without the right to create is told of it by the server.
    plural = resource.partition(".")[0]
    assert f"not allowed: {verb} {resource}" in said or f'cannot {verb} resource "{plural}"' in said
    assert f"--print-rbac --rehearsal -n {account.namespace}" in said


def test_a_deployment_of_the_same_namespace_keeps_its_own_roles(account: Account) -> None:
    """Both may be given side by side: none has the name of another."""
    here = (*recipe("lws"), "--set", f"metadata.namespace={account.namespace}")
    both = [*rights_stage.printed(account, *here), *printed(account, "lws", "-n", account.namespace)]
    names = [(body["kind"], body["metadata"]["name"]) for body in both]
    assert len(set(names)) == len(names)
    assert all(NAME in name for _, name in names)
    assert {each["subjects"][0]["name"] for each in both if "subjects" in each} == {ACCOUNT}


def test_a_rehearsal_removes_no_claim(account: Account) -> None:
    """Its manifests may name one, as KServe's do; that of the deployment of the same name has a model on it."""
    labels = {"app.kubernetes.io/managed-by": "shardwright", "app.kubernetes.io/instance": NAME}
    metadata = {"name": "models", "namespace": account.namespace, "labels": labels}
    spec = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}
    account.api.create({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec})
    account.give(printed(account, "kserve", "-n", account.namespace))
    assert rehearsed(account, "kserve", "-n", account.namespace) == ""
    path = f"/api/v1/namespaces/{account.namespace}/persistentvolumeclaims/models"
    assert "deletionTimestamp" not in account.api.get(path)["metadata"]
