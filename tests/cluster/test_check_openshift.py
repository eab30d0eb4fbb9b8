"""Reading what only OpenShift has, from a real API server with stand-ins for its kinds: no OpenShift is at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from check_stage import Stage, found, needs

from shardwright.core.preflight import Untold
from shardwright.kubernetes.live import facts_reading
from shardwright.testing.cluster import control_plane

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shardwright.testing.cluster.building import Programs

KINDS = (
    ("config.openshift.io", "v1", "ClusterVersion", "clusterversions", "Cluster"),
    ("security.openshift.io", "v1", "SecurityContextConstraints", "securitycontextconstraints", "Cluster"),
    ("operators.coreos.com", "v1alpha1", "ClusterServiceVersion", "clusterserviceversions", "Namespaced"),
    ("datasciencecluster.opendatahub.io", "v1", "DataScienceCluster", "datascienceclusters", "Cluster"),
    ("nvidia.com", "v1", "ClusterPolicy", "clusterpolicies", "Cluster"),
)
AI = "redhat-ods-operator"


def definition(group: str, version: str, kind: str, plural: str, scope: str) -> dict[str, Any]:
    """A kind whose objects may have any field."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    names = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
    versions = [{"name": version, "served": True, "storage": True, "schema": schema}]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "scope": scope, "names": names, "versions": versions},
    }


@pytest.fixture(scope="module")
def stage(programs: Programs, runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with control_plane.running(programs, runs) as plane, plane.api() as api:
        made = Stage(plane, api, tmp_path_factory.mktemp("check"))
        for kind in KINDS:
            api.create(definition(*kind))
        for group, version, _, plural, _ in KINDS:
            made.wait_for(f"/apis/{group}/{version}/{plural}")
        furnish(made)
        yield made


def furnish(stage: Stage) -> None:
    """A cluster of 4.18 with OpenShift AI 2.25 and two constraints."""
    history = [{"state": "Partial", "version": "4.19.0"}, {"state": "Completed", "version": "4.18.2"}]
    stage.make("config.openshift.io/v1", "ClusterVersion", "version", status={"history": history})
    common: dict[str, Any] = {
        "runAsUser": {"type": "MustRunAsRange"},
        "volumes": ["emptyDir", "persistentVolumeClaim"],
        "priority": None,
    }
    restricted: dict[str, Any] = {**common, "users": [], "groups": [], "allowedCapabilities": None}
    stage.make("security.openshift.io/v1", "SecurityContextConstraints", "restricted-v2", "", **restricted)
    locking: dict[str, Any] = {**common, "users": [], "groups": ["system:masters"], "allowedCapabilities": ["IPC_LOCK"]}
    stage.make("security.openshift.io/v1", "SecurityContextConstraints", "locking", "", **locking)
    stage.make("v1", "Namespace", AI)
    csv: dict[str, Any] = {"spec": {"version": "2.25.1"}, "status": {"phase": "Succeeded"}}
    stage.make("operators.coreos.com/v1alpha1", "ClusterServiceVersion", "rhods-operator.2.25.1", AI, **csv)
    components = {"kserve": {"managementState": "Managed"}}
    api_version = "datasciencecluster.opendatahub.io/v1"
    stage.make(api_version, "DataScienceCluster", "default", spec={"components": components})
    stage.make("nvidia.com/v1", "ClusterPolicy", "gpu", status={"state": "notReady"})


@pytest.mark.requirement("R004")
@pytest.mark.requirement("R006")
@pytest.mark.requirement("R016")
@pytest.mark.requirement("R021")
def test_what_openshift_says_is_read(stage: Stage) -> None:
    """The completed release, not the one on its way; operators, KServe's state and the GPU operator's own word."""
    with stage.client() as client:
        own = "engine.image=registry.example.org/vllm:1"
        wanted = needs(stage.namespace(), "target={kind: openshift-ai, version: '2.25'}", own)
        read = facts_reading.read_facts(client, wanted).openshift
        told = found(client, wanted)
    assert read is not None
    assert (read.version, read.kserve) == ("4.18.2", "Managed")
    assert read.releases == {"rhods-operator": "2.25.1 Succeeded"}
    assert {told[name].status for name in ("openshift", "openshift-ai", "data-science-cluster")} == {"pass"}
    assert told["policy"].message == "ClusterPolicy gpu says notReady"


def test_an_scc_is_used_by_those_whom_a_role_allows_it(stage: Stage) -> None:
    """The server is asked for each; without a role none is usable, with one the pods are admitted."""
    namespace = stage.namespace()
    wanted = needs(namespace)
    with stage.client() as client:
        assert found(client, wanted)["scc"].status == "fail"
        rule = {
            "apiGroups": ["security.openshift.io"],
            "resources": ["securitycontextconstraints"],
            "resourceNames": ["restricted-v2"],
            "verbs": ["use"],
        }
        group = "rbac.authorization.k8s.io"
        stage.make(f"{group}/v1", "Role", "scc", namespace, rules=[rule])
        subject = {"kind": "ServiceAccount", "name": "default", "namespace": namespace}
        role = {"apiGroup": group, "kind": "Role", "name": "scc"}
        stage.make(f"{group}/v1", "RoleBinding", "scc", namespace, roleRef=role, subjects=[subject])
        admitted = found(client, wanted)["scc"]
    assert admitted.status == "pass"
    assert "SCC restricted-v2 admits the " in admitted.message


def test_whoever_may_not_read_them_is_told_so_for_each(stage: Stage) -> None:
    """Without rights every fact of OpenShift is unknown, and nothing fails for it."""
    namespace = stage.namespace()
    config = stage.as_account(namespace, "nobody")
    with stage.client(config) as client:
        wanted = needs(namespace, "target={kind: openshift-ai}")
        read = facts_reading.read_facts(client, wanted).openshift
    assert read is not None
    assert all(isinstance(each, Untold) and each.verb for each in (read.version, read.sccs, read.releases, read.kserve))
