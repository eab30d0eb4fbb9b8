from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from shardwright.core.deployment import Deployment, Probe, Variable
from shardwright.core.recipe.model import PodOverrides
from shardwright.kubernetes.render import dump, members, storage
from shardwright.testing import builders
from shardwright.units import GIB


def member(deployment: Deployment, role: str = "leader") -> dict[str, Any]:
    launch = deployment.leader if role == "leader" else deployment.worker
    assert launch is not None
    tree: Any = dump.as_tree(
        members.member_template(deployment, launch, {"own": "label"}, storage.files_of(deployment))
    )
    return tree


def container(deployment: Deployment, role: str = "leader") -> dict[str, Any]:
    return member(deployment, role)["spec"]["containers"][0]


def deployed(**pods: object) -> Deployment:
    return builders.deployment(builders.recipe(pods=pods))


def test_own_variables_stand_before_those_that_refer_to_them() -> None:
    """Kubernetes fills $(POD_IP) in only if POD_IP is defined before."""
    env = container(deployed())["env"]
    assert env[0] == {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    assert {"name": "VLLM_HOST_IP", "value": "$(POD_IP)"} in env[1:]


def test_a_variable_is_defined_once_and_the_recipe_wins() -> None:
    """The API refuses two variables of one name; what the recipe gives replaces what we would set."""
    leader = dataclasses.replace(
        builders.launch(), environment=(Variable("HOME", "/root"), Variable("A", "1"), Variable("A", "2"))
    )
    env = container(builders.deployment(leader=leader))["env"]
    assert [entry["value"] for entry in env if entry["name"] in {"HOME", "A"}] == ["/root", "2"]


def test_pods_hold_a_token_of_the_hub_only_if_they_ask_it() -> None:
    """After the Job has fetched the model the token is of no use, and pods that serve requests do not have it."""
    claim = {"claim": "models"}
    recipes = {
        "fetched by a Job": builders.recipe(storage=claim),
        "fetched by each pod": builders.recipe(),
        "asked again": builders.recipe(storage=claim, engine={"env": {"HF_HUB_OFFLINE": "0"}}),
    }
    holding = {
        name: "HF_TOKEN" in {entry["name"] for entry in container(builders.deployment(recipe))["env"]}
        for name, recipe in recipes.items()
    }
    assert holding == {"fetched by a Job": False, "fetched by each pod": True, "asked again": True}


@pytest.mark.requirement("R137")
def test_the_command_is_run_without_a_shell() -> None:
    """Each argument is one item, as the engine gave it; Kubernetes fills the variables in."""
    deployment = deployed()
    assert container(deployment)["command"] == list(deployment.leader.argv)
    assert "args" not in container(deployment)


@pytest.mark.requirement("R142", "R143")
def test_the_leader_is_asked_over_http_and_has_time_to_start() -> None:
    """The budget of a start is the engine's, rounded up; liveness and readiness count only after it."""
    leader = dataclasses.replace(builders.launch(), probe=Probe("/health", "8080", 1255))
    probes = container(builders.deployment(leader=leader))
    assert probes["startupProbe"]["httpGet"] == {"path": "/health", "port": 8080}
    assert probes["startupProbe"]["periodSeconds"] * probes["startupProbe"]["failureThreshold"] == 1260
    assert probes["readinessProbe"]["periodSeconds"] * probes["readinessProbe"]["failureThreshold"] == 30
    assert probes["livenessProbe"]["periodSeconds"] * probes["livenessProbe"]["failureThreshold"] == 300


@pytest.mark.requirement("R143")
def test_workers_are_not_asked_over_http() -> None:
    """A worker serves nothing: a probe would kill it."""
    assert {"startupProbe", "readinessProbe", "livenessProbe", "ports"} & set(container(deployed(), "worker")) == set()


def test_a_pod_has_as_many_gpus_as_ranks() -> None:
    """The GPUs of a pod are those that the layout uses on a node, under the resource's name."""
    planned = builders.plan(
        builders.recipe(hardware={"resource": "amd.com/gpu"}),
        layout=builders.layout(4, 2),
        cluster=builders.cluster("L40S"),
    )
    assert container(builders.deployment(plan=planned), "worker")["resources"] == {"limits": {"amd.com/gpu": "4"}}


@pytest.mark.requirement("R135")
@pytest.mark.parametrize(
    ("pods", "written"),
    [({}, "16Gi"), ({"memory": 20 * GIB}, "10Gi"), ({"memory": 64 * GIB}, "16Gi"), ({"shared_memory": 2 * GIB}, "2Gi")],
)
def test_shared_memory_has_a_limit_within_the_pods_memory(pods: dict[str, Any], written: str) -> None:
    """/dev/shm is held in memory; its limit is never all that the pod may use."""
    spec = member(deployed(**pods))["spec"]
    assert {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": written}} in spec["volumes"]
    assert {"name": "shm", "mountPath": "/dev/shm"} in spec["containers"][0]["volumeMounts"]


def test_pods_have_no_rights_that_they_do_not_need() -> None:
    """No escalation, no capability, the runtime's system calls, no token of the cluster, no variables of other Services."""
    spec = member(deployed())["spec"]
    assert spec["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert (spec["automountServiceAccountToken"], spec["enableServiceLinks"]) == (False, False)


def test_the_recipes_security_context_is_laid_over_ours() -> None:
    """A user chosen in the recipe also owns the volumes; what the recipe does not say keeps least privilege."""
    spec = member(deployed(security_context={"runAsUser": 2000, "runAsNonRoot": True}))["spec"]
    context = spec["containers"][0]["securityContext"]
    assert (context["runAsUser"], context["runAsNonRoot"], context["capabilities"]) == (2000, True, {"drop": ["ALL"]})
    assert spec["securityContext"] == {"fsGroup": 2000, "fsGroupChangePolicy": "OnRootMismatch"}


def test_everything_that_a_clusters_owner_asks_for_is_carried() -> None:
    """Each field of `pods` stands in the pod, those of the role over those of all pods."""
    asked: dict[str, Any] = {
        "cpu": "8",
        "memory": 64 * GIB,
        "service_account": "models",
        "node_selector": {"zone": "a"},
        "tolerations": ({"key": "nvidia.com/gpu", "operator": "Exists"},),
        "affinity": {"podAntiAffinity": {}},
        "image_pull_secrets": ("registry",),
        "priority_class": "high",
        "labels": {"team": "x", "own": "theirs"},
        "annotations": {"note": "y"},
        "worker": PodOverrides(cpu="4", memory=32 * GIB, node_selector={"rack": "1"}, labels={"team": "z"}),  # pyright: ignore[reportArgumentType]  # quantities are plain values
    }
    leader, worker = member(deployed(**asked)), member(deployed(**asked), "worker")
    assert leader["spec"]["containers"][0]["resources"]["requests"] == {"cpu": "8", "memory": "64Gi"}
    assert worker["spec"]["containers"][0]["resources"]["limits"] == {"memory": "32Gi", "nvidia.com/gpu": "1"}
    assert worker["spec"]["nodeSelector"] == {"rack": "1", "zone": "a"}
    assert (leader["metadata"]["labels"]["team"], worker["metadata"]["labels"]["team"]) == ("x", "z")
    assert leader["metadata"]["labels"]["own"] == "label"
    assert leader["metadata"]["annotations"]["note"] == "y"
    assert {k: v for k, v in leader["spec"].items() if k not in {"containers", "volumes"}} == {
        "serviceAccountName": "models",
        "enableServiceLinks": False,
        "priorityClassName": "high",
        "imagePullSecrets": [{"name": "registry"}],
        "nodeSelector": {"zone": "a"},
        "affinity": {"podAntiAffinity": {}},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
    }


def test_members_of_a_group_have_no_sidecar() -> None:
    """A mesh would block the random ports on which members meet; a pod that serves alone may stay in it."""
    planned = builders.plan(layout=builders.layout(1, 1, nodes=1))
    alone = member(builders.deployment(plan=planned))["metadata"]
    group = member(deployed(), "worker")["metadata"]
    assert "sidecar.istio.io/inject" not in alone["labels"]
    assert "annotations" not in alone
    assert group["labels"]["sidecar.istio.io/inject"] == group["annotations"]["sidecar.istio.io/inject"] == "false"


def test_pods_do_not_carry_the_recipes_digest() -> None:
    """A changed recipe that changes no pod restarts none."""
    one, other = (builders.deployment(recipe_digest=letter * 64) for letter in "ab")
    assert member(one) == member(other)
