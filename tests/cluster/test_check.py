"""Preflights against a real API server: what is missing is said, what is there passes, and nothing is created."""

from __future__ import annotations

import contextlib
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from check_stage import EXAMPLE, SECRET, Stage, found, needs
from click.testing import CliRunner

from shardwright import errors
from shardwright.cli import main
from shardwright.core.preflight import pod_levels
from shardwright.kubernetes.client import Ref
from shardwright.service import checking, probing
from shardwright.testing.cluster import control_plane

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

    from shardwright.testing.cluster.building import Programs


@pytest.fixture(scope="module")
def empty(programs: Programs, runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with control_plane.running(programs, runs) as plane, plane.api() as api:
        yield Stage(plane, api, tmp_path_factory.mktemp("check"))


@pytest.fixture(scope="module")
def stage(empty: Stage) -> Stage:
    """The same server, from here on with all that the example needs; the test of an empty one comes first."""
    empty.furnish()
    return empty


def run(stage: Stage, *arguments: str) -> Result:
    return CliRunner().invoke(main.cli, ["check", *arguments, "--kubeconfig", str(stage.plane.kubeconfig)])


def bad(findings: dict[str, Any]) -> dict[str, str]:
    return {name: each.message for name, each in findings.items() if each.status in {"fail", "unknown"}}


def test_an_empty_cluster_lacks_everything_and_stays_empty(empty: Stage) -> None:
    """Each thing that is missing is a failure of its own, with exit code 4, and nothing is made on the way."""
    before = {each["metadata"]["name"] for each in empty.api.items("/api/v1/namespaces")}
    result = run(empty, "-f", str(EXAMPLE), "-o", "json")
    assert result.exit_code == 4
    failed = {each["id"] for each in json.loads(result.output) if each["status"] == "fail"}
    assert failed == {f"cluster.{name}" for name in ("operator", "namespace", "gpus", "storage-class", "secret")}
    assert {each["metadata"]["name"] for each in empty.api.items("/api/v1/namespaces")} == before


def test_a_cluster_that_has_all_of_it_passes(stage: Stage) -> None:
    """No failure, no warning, nothing that could not be told: exit code 0 even with --strict."""
    namespace = stage.namespace()
    sets = ("--set", f"metadata.namespace={namespace}", "--set", "target.version=0.8.0")
    result = run(stage, "-f", str(EXAMPLE), *sets, "--strict", "-o", "wide")
    assert result.exit_code == 0, result.output
    assert "all 2 pods have room now" in result.output
    assert "LeaderWorkerSet 0.8.0 runs in lws-system" in result.output
    assert SECRET not in result.output


@pytest.mark.requirement("R120")
@pytest.mark.requirement("R121")
def test_printed_roles_are_just_what_an_account_needs(stage: Stage) -> None:
    """Without rights most cannot be told; with the Roles that are printed the account sees what the administrator sees."""
    namespace = stage.namespace()
    wanted, config = needs(namespace), stage.as_account(namespace, "deployer")
    with stage.client(config) as client:
        without = found(client, wanted)
    assert without["permission"].status == "fail"
    assert {"namespace", "room", "secret", "quota"} <= {
        name for name, each in without.items() if each.status == "unknown"
    }
    for body in checking.rbac(wanted, {"kind": "ServiceAccount", "name": "deployer", "namespace": namespace}):
        stage.api.create(body)
    with stage.client() as admin, stage.client(config) as client:
        assert found(client, wanted) == found(admin, wanted)
        assert bad(found(client, wanted)) == {}
        with pytest.raises(errors.AccessError, match="not allowed"):
            client.delete(Ref("v1", "Secret", "hf-token", namespace))


def test_a_namespace_that_is_going_is_told(stage: Stage) -> None:
    """A namespace in Terminating refuses whatever is applied."""
    namespace = stage.namespace()
    stage.api.delete(f"/api/v1/namespaces/{namespace}")
    with stage.client() as client:
        assert "is being deleted" in found(client, needs(namespace))["namespace"].message


def test_a_quota_that_is_used_up_is_told(stage: Stage) -> None:
    """What is left of a quota is compared with all pods of the group."""
    namespace = stage.namespace()
    hard = {"requests.nvidia.com/gpu": "4"}
    path = stage.make("v1", "ResourceQuota", "team", namespace, spec={"hard": hard})
    stage.status(path, {"hard": hard, "used": {"requests.nvidia.com/gpu": "3"}})
    with stage.client() as client:
        message = found(client, needs(namespace))["quota"].message
    assert message == "quota team: requests.nvidia.com/gpu is 4, 3 are used; 2 more are asked for"


@pytest.mark.parametrize("level", ["baseline", "restricted"])
def test_pod_security_is_judged_as_the_server_judges_it(stage: Stage, level: str) -> None:
    """For each pod of the group and for one that locks memory: refused here exactly when the server refuses it."""
    namespace = stage.namespace(**{"pod-security.kubernetes.io__enforce": level})
    locking = needs(namespace, "pods={securityContext: {capabilities: {add: [IPC_LOCK]}}}")
    safe = needs(namespace, "pods={securityContext: {runAsNonRoot: true, runAsUser: 1000}}")
    for pod in (*needs(namespace).pods, *locking.members, *safe.members):
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": namespace}, "spec": pod.spec}
        told = tuple(pod_levels.obstacles(pod.spec, level))
        if not told:
            stage.api.create(body, dry_run=True)
            continue
        with pytest.raises(errors.TargetError, match="violates PodSecurity"):
            stage.api.create(body, dry_run=True)


def test_gpus_that_other_pods_have_are_not_free(stage: Stage) -> None:
    """A pod of somebody else on a GPU node leaves no room for the group; its own pods do not count against it."""
    namespace = stage.namespace()
    wanted = needs(namespace)
    stage.pod(namespace, "other", "gpu-a")
    with stage.client() as client:
        assert found(client, wanted)["room"].status == "fail"
        assert "1 of 2 nvidia.com/gpu are free" in found(client, wanted)["room"].message
        labels = {"leaderworkerset.sigs.k8s.io/name": wanted.name}
        path = f"/api/v1/namespaces/{namespace}/pods/other"
        stage.patch(path, {"op": "add", "path": "/metadata/labels", "value": labels})
        assert found(client, wanted)["room"].status == "pass"
    stage.api.delete(path, policy="Background")


def test_names_that_are_taken_are_told(stage: Stage) -> None:
    """A Service of the set's own name is in the operator's way; a set of somebody else in ours."""
    namespace = stage.namespace()
    spec = {"ports": [{"port": 80}]}
    stage.make("v1", "Service", "llama-3-8b", namespace, spec=spec)
    with stage.client() as client:
        taken = found(client, needs(namespace))["name"]
    assert taken.status == "fail"
    assert "the operator makes one of that name" in taken.message


def test_a_secret_without_the_key_is_told_and_its_values_are_not(stage: Stage) -> None:
    """Keys are named; what they hold is nowhere in any output."""
    namespace = stage.namespace()
    sets = ("--set", f"metadata.namespace={namespace}", "--set", "model.token={secret: hf-token, key: other}")
    for form in ("table", "wide", "json", "yaml"):
        result = run(stage, "-f", str(EXAMPLE), *sets, "-o", form)
        assert result.exit_code == 4
        assert "Secret hf-token has no key other" in result.output
        assert SECRET not in result.output


def test_an_object_of_somebody_else_is_checked_by_its_own_templates(stage: Stage) -> None:
    """A set that was not made here: its pods, and what they name, are looked for all the same."""
    namespace = stage.namespace()
    container = {"name": "a", "image": "a", "resources": {"limits": {"nvidia.com/gpu": "4"}}}
    pods = {"containers": [container], "priorityClassName": "urgent"}
    spec = {"replicas": 1, "leaderWorkerTemplate": {"size": 2, "workerTemplate": {"spec": pods}}}
    stage.make("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", "theirs", namespace, spec=spec)
    result = run(stage, "lws/theirs", "-n", namespace)
    assert result.exit_code == 4
    assert "the cluster has 2 nvidia.com/gpu on 2 nodes; 8 are needed" in result.output
    assert "there is no priority class urgent" in result.output
    assert run(stage, "lws/nobody", "-n", namespace).exit_code == 1


def kubelet(stage: Stage, namespace: str, node: str, stop: threading.Event) -> None:
    """Says of probes on one node that they are done, and of no others."""
    while not stop.wait(0.1):
        for each in stage.api.items(f"/api/v1/namespaces/{namespace}/pods"):
            if each["spec"].get("nodeName") == node:
                with contextlib.suppress(errors.NotFound):
                    stage.status(
                        f"/api/v1/namespaces/{namespace}/pods/{each['metadata']['name']}", {"phase": "Succeeded"}
                    )


def test_a_probe_tries_the_claim_on_each_node_and_leaves_nothing(stage: Stage) -> None:
    """One pod a node that may be chosen, without rights or devices; the node where it never ends is named."""
    namespace, stop = stage.namespace(), threading.Event()
    wanted = needs(namespace)
    playing = threading.Thread(target=kubelet, args=(stage, namespace, "gpu-a", stop))
    playing.start()
    try:
        with stage.client() as client:
            (finding,) = probing.probe(client, wanted, timeout_seconds=5)
    finally:
        stop.set()
        playing.join()
    assert finding.status == "fail"
    assert "was not mounted on 1 of 2 nodes: gpu-b: it is Pending" in finding.message
    assert all(
        each["metadata"].get("deletionTimestamp") for each in stage.api.items(f"/api/v1/namespaces/{namespace}/pods")
    )


def test_a_probe_that_may_not_be_made_is_told(stage: Stage) -> None:
    """Who may not make pods gets the right that is missing, not an error."""
    namespace = stage.namespace()
    config = stage.as_account(namespace, "reader")
    for body in checking.rbac(needs(namespace), {"kind": "ServiceAccount", "name": "reader", "namespace": namespace}):
        stage.api.create(body)
    with stage.client(config) as client:
        (finding,) = probing.probe(client, needs(namespace), timeout_seconds=5)
    assert finding.status == "unknown"
    assert "not allowed: create pods" in finding.message
