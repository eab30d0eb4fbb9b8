"""Rules of LeaderWorkerSet and DisaggregatedSet, by release: what is refused, and what goes wrong later."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from shardwright.core.manifests import judge, reading
from shardwright.core.manifests.objects import Context
from shardwright.targets.lws.lint import LINT

ENGINE = "vllm serve m --tensor-parallel-size 8 --pipeline-parallel-size 2 --nnodes 2 --node-rank $(LWS_WORKER_INDEX)"
WORKER = f"{ENGINE} --master-addr $(LWS_LEADER_ADDRESS) --headless"


def pod(command: str = "", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a container
    """A pod template of one container with eight GPUs."""
    memory = {"mountPath": "/dev/shm", "name": "shm"}
    container: dict[str, Any] = {"name": "c", "image": "vllm/vllm-openai:v0.24.0", "volumeMounts": [memory], **more}
    container["resources"] = {"limits": {"nvidia.com/gpu": "8"}}
    if command:
        container["command"] = ["sh", "-c", command]
    return {"spec": {"containers": [container], "volumes": [{"name": "shm", "emptyDir": {"medium": "Memory"}}]}}


def group_set(path: str = "", value: Any = None, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - values of a manifest
    """A set that has no findings, with a value at a path of its spec."""
    template = {"size": 2, "leaderTemplate": pod(ENGINE), "workerTemplate": pod(WORKER)}
    made = {
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "metadata": {"name": "llama", **more},
        "spec": {"replicas": 2, "leaderWorkerTemplate": template},
    }
    node: Any = made["spec"]
    *parts, last = path.split(".") if path else ["replicas"]
    for part in parts:
        node = node.setdefault(part, {})
    if path:
        node[last] = value
    return made


def ids(*objects: dict[str, Any], version: str = "0.10", old: dict[str, Any] | None = None) -> list[str]:
    """Ids of all findings on objects."""
    found = reading.read_manifests(yaml.safe_dump_all(objects).encode(), "a.yaml").objects
    before = reading.read_manifests(yaml.safe_dump(old).encode(), "b.yaml").objects if old else ()
    return [each.id for each in judge.judge(found, [LINT], Context(versions={"lws": version}), before)]


@pytest.mark.parametrize("version", LINT.versions)
def test_a_sound_set_has_no_findings(version: str) -> None:
    """At no release."""
    assert ids(group_set(), version=version) == []


@pytest.mark.parametrize(
    ("path", "value", "version", "expected"),
    [
        ("replicas", -1, "0.9", "lws.replicas"),
        ("replicas", -1, "0.10", "lws.wrong-value"),
        ("replicas", 1000001, "0.10", "lws.wrong-value"),
        ("replicas", 2**30, "0.9", "lws.too-many-pods"),
        ("rolloutStrategy.rollingUpdateConfiguration.maxUnavailable", "25%", "0.10", "lws.rollout-stuck"),
        ("rolloutStrategy.rollingUpdateConfiguration.maxUnavailable", "half", "0.10", "lws.rollout-number"),
        ("rolloutStrategy.rollingUpdateConfiguration.maxUnavailable", "101%", "0.5", "lws.rollout-number"),
        ("rolloutStrategy.rollingUpdateConfiguration.partition", -1, "0.8", "lws.partition"),
        ("rolloutStrategy.rollingUpdateConfiguration.partition", 1, "0.6", "lws.unknown-field"),
        ("rolloutStrategy.rollingUpdateConfiguration.maxSurge", 1, "0.10", "lws.surge"),
        ("leaderWorkerTemplate.restartPolicy", "RecreateGroupAfterStart", "0.8", "lws.wrong-value"),
        ("leaderWorkerTemplate.restartPolicy", "Default", "0.10", "lws.no-group-restart"),
        ("leaderWorkerTemplate.subGroupPolicy", {"subGroupSize": 3}, "0.10", "lws.subgroup-size"),
        ("leaderWorkerTemplate.subGroupPolicy", {"subGroupSize": 0}, "0.10", "lws.subgroup-size"),
        ("leaderWorkerTemplate.subGroupPolicy", {}, "0.10", "lws.subgroup-size"),
        ("leaderWorkerTemplate.workerTemplate", None, "0.10", "lws.missing-field"),
        ("networkConfig.subdomainPolicy", "Own", "0.10", "lws.wrong-value"),
    ],
)
def test_fields_that_a_release_refuses(path: str, value: object, version: str, expected: str) -> None:
    """The finding that is meant, and no other of severity error."""
    assert ids(group_set(path, value), version=version) == [expected]


def test_empty_strategies_are_filled_in_by_the_webhook() -> None:
    """The mutating webhook has its turn before the schema."""
    assert ids(group_set("rolloutStrategy", {"type": ""}), group_set("networkConfig", {})) == []


def test_zero_replicas_are_exempt_from_0_6_on() -> None:
    """Before, the rounding of no replicas made every percentage 0."""
    made = group_set("rolloutStrategy.rollingUpdateConfiguration.maxUnavailable", "25%")
    made["spec"]["replicas"] = 0
    assert ids(made, version="0.5") == ["lws.rollout-stuck"]
    assert ids(made, version="0.6") == []


def test_updates_that_are_refused() -> None:
    """The size up to 0.6; subgroups at all releases."""
    wide = group_set("leaderWorkerTemplate.size", 3)
    assert "lws.size-immutable" in ids(wide, version="0.6", old=group_set())
    assert "lws.size-immutable" not in ids(wide, version="0.7", old=group_set())
    cut = group_set("leaderWorkerTemplate.subGroupPolicy", {"subGroupSize": 1})
    assert ids(cut, old=group_set()) == ["lws.subgroup-immutable"]
    assert ids(group_set(), old=cut) == ["lws.subgroup-immutable"]
    assert ids(cut, old=cut) == []


@pytest.mark.parametrize(
    ("role", "before", "after", "expected"),
    [
        ("workerTemplate", "$(LWS_WORKER_INDEX)", "0", "lws.rank-fixed"),
        ("leaderTemplate", "$(LWS_WORKER_INDEX)", "1", "lws.rank-fixed"),
        ("workerTemplate", "--nnodes 2", "--nnodes 4", "lws.nodes"),
        ("workerTemplate", "$(LWS_LEADER_ADDRESS)", "127.0.0.1", "lws.leader-address"),
        ("leaderTemplate", "--pipeline-parallel-size 2", "--pipeline-parallel-size=4", "lws.world-too-large"),
        ("leaderTemplate", "--pipeline-parallel-size 2", "", "lws.gpus-unused"),
        ("workerTemplate", "--headless", "", "lws.headless"),
    ],
)
def test_commands_that_never_form_a_group(role: str, before: str, after: str, expected: str) -> None:
    """Ranks, numbers of nodes, addresses and sizes are read from the command."""
    made = group_set()
    command = made["spec"]["leaderWorkerTemplate"][role]["spec"]["containers"][0]["command"]
    assert before in command[2]
    command[2] = command[2].replace(before, after)
    assert ids(made) == [expected]


@pytest.mark.parametrize("value", ["$TP", "{{ tp }}", "$(TP)"])
def test_what_cannot_be_read_is_not_judged(value: str) -> None:
    """A number that a shell puts in later is no number."""
    made = group_set()
    command = made["spec"]["leaderWorkerTemplate"]["leaderTemplate"]["spec"]["containers"][0]["command"]
    command[2] = command[2].replace("--tensor-parallel-size 8", f"--tensor-parallel-size {value}")
    assert ids(made) == []


def test_ray_is_asked_for_in_images_without_it() -> None:
    """Images of vLLM hold none since 0.18."""
    made = group_set()
    (container,) = made["spec"]["leaderWorkerTemplate"]["leaderTemplate"]["spec"]["containers"]
    container["command"] = ["sh", "-c", "multi-node-serving.sh leader --ray_cluster_size=2; vllm serve m -tp 8 -pp 2"]
    assert sorted(ids(made)) == ["lws.ray-missing", "pod.after-shell"]
    container["image"] = "vllm/vllm-openai:v0.17.1"
    assert ids(made) == ["pod.after-shell"]


def test_a_leader_that_waits_for_its_workers_is_not_waited_for() -> None:
    """LeaderReady with a readiness probe is a deadlock."""
    made = group_set("startupPolicy", "LeaderReady")
    assert ids(made) == []
    (container,) = made["spec"]["leaderWorkerTemplate"]["leaderTemplate"]["spec"]["containers"]
    container["readinessProbe"] = {"tcpSocket": {"port": 8000}}
    assert ids(made) == ["lws.startup-policy"]


@pytest.mark.requirement("R148")
def test_a_service_of_the_sets_name_is_an_error() -> None:
    """The controller would take it for its own."""
    service: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "llama"},
        "spec": {"selector": {"a": "b"}},
    }
    assert ids(group_set(), service) == ["lws.service-name"]
    own = copy.deepcopy(service)
    own["spec"] = {"clusterIP": "None", "publishNotReadyAddresses": True}
    assert ids(group_set(), own) == []


@pytest.mark.requirement("R147")
def test_a_service_before_all_pods_reaches_workers() -> None:
    """Its selector has to leave workers out."""
    key = "leaderworkerset.sigs.k8s.io"
    service: dict[str, Any] = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "api"}}
    assert ids(group_set(), {**service, "spec": {"selector": {f"{key}/name": "llama"}}}) == ["lws.service-members"]
    leaders = {f"{key}/name": "llama", f"{key}/worker-index": "0"}
    assert ids(group_set(), {**service, "spec": {"selector": leaders}}) == []


def roles(**second: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a role
    """A DisaggregatedSet of two roles."""
    spec = group_set()["spec"]
    listed = [{"name": "prefill", "spec": spec}, {"name": "decode", "spec": copy.deepcopy(spec), **second}]
    made = {"apiVersion": "disaggregatedset.x-k8s.io/v1", "kind": "DisaggregatedSet", "metadata": {"name": "d"}}
    return {**made, "spec": {"roles": listed}}


def test_roles_are_judged_as_sets_and_together() -> None:
    """What holds for a set holds for each role; some rules look at all of them."""
    assert ids(roles()) == []
    assert ids(roles(), version="0.8") == ["manifest.kind-unknown"]
    assert ids(roles(scaling={"mode": "External"}), version="0.9") == ["lws.unknown-field"]
    made = roles()
    made["spec"]["roles"][1]["spec"]["replicas"] = 0
    assert ids(made) == ["lws.roles-scaled-apart"]
    made["spec"]["roles"][1]["scaling"] = {"mode": "External"}
    assert ids(made) == []
    made["spec"]["slices"] = 2
    assert ids(made) == ["lws.slices-external"]
    made = roles(name="prefill")
    made["spec"]["placementPolicy"] = {"type": "ExclusiveSlice"}
    made["spec"]["roles"][0]["spec"]["rolloutStrategy"] = {"rollingUpdateConfiguration": {"partition": 1}}
    assert sorted(ids(made)) == ["lws.placement-topology", "lws.role-partition", "lws.twice"]
