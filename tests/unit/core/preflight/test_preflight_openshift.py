from __future__ import annotations

from dataclasses import replace

import pytest
from built_facts import FACTS, NEEDS, NOT_ALLOWED, checked, pod, statuses

from shardwright.core import preflight
from shardwright.core.preflight import openshift, pod_levels
from shardwright.core.preflight.facts import OpenShift, Scc, Untold

EVERYBODY = frozenset({"system:authenticated"})
VOLUMES = frozenset({"emptyDir", "persistentVolumeClaim", "secret"})
RESTRICTED = Scc("restricted-v2", 0, frozenset(), EVERYBODY, "MustRunAsRange", volumes=VOLUMES)
ANYUID = Scc("anyuid", 10, frozenset({"system:serviceaccount:demo:bot"}), frozenset(), "RunAsAny", volumes=VOLUMES)
PRIVILEGED = Scc(
    "privileged", 0, frozenset(), frozenset(), "RunAsAny", frozenset("*"), frozenset("*"), frozenset({"hostNetwork"})
)
CLUSTER = OpenShift(
    version="4.18.2",
    sccs=(RESTRICTED, ANYUID, PRIVILEGED),
    releases={"rhods-operator": "2.25.1 Succeeded"},
    kserve="Managed",
)


def on(cluster: OpenShift, distribution: str = "openshift", release: str = "") -> dict[str, str]:
    """Status by id on that cluster."""
    needs = replace(NEEDS, distribution=distribution, release=release)
    return {each.id: each.status for each in preflight.check(needs, replace(FACTS, openshift=cluster))}


def test_elsewhere_nothing_of_openshift_is_told() -> None:
    """What does not apply is hidden; a recipe for OpenShift AI fails on another cluster."""
    assert not [name for name in statuses() if name in {"openshift", "scc", "openshift-ai", "data-science-cluster"}]
    assert statuses(distribution="openshift")["openshift"] == "fail"


@pytest.mark.parametrize(
    ("version", "status"), [("4.18.2", "pass"), ("4.16.0", "pass"), ("4.15.9", "warn"), ("", "warn")]
)
@pytest.mark.requirement("R004")
def test_a_release_below_the_tested_one_is_a_warning(version: str, status: str) -> None:
    """Multi-node serving was tested on 4.16."""
    assert on(replace(CLUSTER, version=version))["cluster.openshift"] == status
    assert on(replace(CLUSTER, version=NOT_ALLOWED))["cluster.openshift"] == "unknown"


@pytest.mark.parametrize(
    ("told", "release", "status"),
    [
        ({"rhods-operator": "2.25.1 Succeeded"}, "", "pass"),
        ({"rhods-operator": "2.25.1 Succeeded"}, "2.25", "pass"),
        ({"rhods-operator": "2.25.1 Succeeded"}, "2.2", "fail"),
        ({"rhods-operator": "2.25.1 Installing"}, "", "fail"),
        ({}, "", "fail"),
        (NOT_ALLOWED, "", "unknown"),
    ],
)
@pytest.mark.requirement("R006")
def test_openshift_ai_runs_at_the_release_of_the_recipe(
    told: dict[str, str] | Untold, release: str, status: str
) -> None:
    """Its ClusterServiceVersion says which release is installed."""
    assert on(replace(CLUSTER, releases=told), release=release)["cluster.openshift-ai"] == status


@pytest.mark.parametrize(
    ("state", "status"), [("Managed", "pass"), ("Removed", "fail"), (None, "fail"), (NOT_ALLOWED, "unknown")]
)
@pytest.mark.requirement("R021")
def test_the_data_science_cluster_manages_kserve(state: str | Untold | None, status: str) -> None:
    """Without it no controller serves an InferenceService."""
    assert on(replace(CLUSTER, kserve=state))["cluster.data-science-cluster"] == status


def test_a_target_without_openshift_ai_is_not_asked_for_it() -> None:
    """LeaderWorkerSet on OpenShift needs no DataScienceCluster."""
    found = on(replace(CLUSTER, kserve=None, releases={}), distribution="")
    assert "cluster.data-science-cluster" not in found
    assert found["cluster.scc"] == "pass"


def test_the_scc_that_admits_is_the_one_that_the_account_may_use() -> None:
    """By priority among those that it may use; by users, groups and roles."""
    bot = "system:serviceaccount:demo:bot"
    assert openshift.admitting(CLUSTER, pod(), bot, "demo") == ANYUID
    assert openshift.admitting(CLUSTER, pod(), "system:serviceaccount:demo:default", "demo") == RESTRICTED
    host = pod(hostNetwork=True)
    assert openshift.admitting(CLUSTER, host, bot, "demo") is None
    by_role = replace(CLUSTER, by_roles=frozenset({"privileged"}))
    assert openshift.admitting(by_role, host, bot, "demo") == PRIVILEGED


def test_a_pod_that_no_scc_admits_is_told_which_one_would() -> None:
    """Memory locked for RDMA is what restricted-v2 refuses."""
    locking = pod()
    locking.spec["containers"][0]["securityContext"] = {"capabilities": {"add": ["IPC_LOCK"]}}
    found = checked(openshift=CLUSTER, pods=(locking,))["scc"]
    assert found.status == "fail"
    assert "oc adm policy add-scc-to-user privileged -z default -n demo" in found.fix
    assert statuses(openshift=replace(CLUSTER, sccs=NOT_ALLOWED))["scc"] == "unknown"


SAFE = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True}


@pytest.mark.parametrize(
    ("spec", "context", "level"),
    [
        ({}, {**SAFE, "seccompProfile": {"type": "RuntimeDefault"}}, "restricted"),
        ({"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}}, SAFE, "restricted"),
        ({}, SAFE, "baseline"),
        ({}, {}, "baseline"),
        ({}, {"capabilities": {"add": ["IPC_LOCK"]}}, "privileged"),
        ({}, {"capabilities": {"add": ["CHOWN"]}}, "baseline"),
        ({}, {"privileged": True}, "privileged"),
        ({"hostIPC": True}, {}, "privileged"),
        ({"volumes": [{"name": "a", "hostPath": {"path": "/"}}]}, {}, "privileged"),
        ({"volumes": [{"name": "a", "nfs": {"path": "/"}}]}, {}, "baseline"),
        ({"securityContext": {"sysctls": [{"name": "kernel.msgmax"}]}}, {}, "privileged"),
        ({}, {"seccompProfile": {"type": "Unconfined"}}, "privileged"),
    ],
)
def test_the_level_of_a_pod_is_that_of_the_standards(
    spec: dict[str, object], context: dict[str, object], level: str
) -> None:
    """The strictest level that admits it."""
    assert pod_levels.level_of({**spec, "containers": [{"name": "a", "securityContext": context}]}) == level
