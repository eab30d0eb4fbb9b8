from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shardwright import errors
from shardwright.core.plan.types import Plan
from shardwright.kubernetes import image_cuda
from shardwright.kubernetes.live import needs_reading
from shardwright.service import checking, planning, recipes
from shardwright.settings import HubSettings

if TYPE_CHECKING:
    from shardwright.core.preflight import Needs

EXAMPLES = Path(__file__).parents[3] / "examples"
TWO_NODES = EXAMPLES / "llama-3-8b-two-nodes.yaml"
RDMA = EXAMPLES / "llama-3.3-70b-two-nodes-rdma-vllm.yaml"
RAY = ("engine.executor=ray", "engine.image=rayproject/ray-llm:2.52.0-py311-cu128", "engine.version=0.10.2")


def needs_of(example: Path, *sets: str) -> Needs:
    (loaded,) = recipes.load_recipes([str(example)], list(sets))
    plan = planning.plan_loaded(loaded, HubSettings("https://huggingface.co", offline=True))
    assert isinstance(plan, Plan)
    return checking.needs_of_plan(plan)


@pytest.mark.parametrize(
    ("kind", "sets"),
    [
        ("lws", ()),
        ("lws", ("replicas=3",)),
        ("kserve", ()),
        ("llmisvc", ()),
        ("openshift-ai", ()),
        ("kuberay", RAY),
    ],
)
def test_all_gpus_of_a_plan_are_asked_for_whatever_the_target(kind: str, sets: tuple[str, ...]) -> None:
    """Pods are found in every platform's objects, leader and workers, as often as they are made."""
    needs = needs_of(TWO_NODES, f"target={{kind: {kind}}}", *sets)
    replicas = 3 if "replicas=3" in sets else 1
    counts = {pod.name: pod.count for pod in needs.members}
    assert counts == {"leader": replicas, "worker": replicas}
    assert needs.gpu is not None
    assert sum(pod.count * pod.requests[needs.gpu.resource] for pod in needs.members) == 2 * replicas
    assert [claim.pods for claim in needs.claims] == [2 * replicas]
    assert needs.operators


def test_a_recipe_on_one_node_needs_one_pod() -> None:
    """The plain target has a Deployment of one pod."""
    needs = needs_of(TWO_NODES, "target={kind: kubernetes}", "hardware={gpu: L40S}", "parallelism={tensor: 1}")
    assert [(pod.name, pod.count) for pod in needs.members] == [("pod", 1)]
    assert not needs.is_spread


def test_what_manifests_name_is_needed() -> None:
    """Secrets with keys, claims, networks, devices, and the names that operators take."""
    needs = needs_of(RDMA)
    assert {(each.name, each.key) for each in needs.secrets} == {("hf-token", "token")}
    assert needs.networks[0] == ("nvidia-network-operator", "nv-ipam-macvlannetwork-a")
    assert all(pod.requests["rdma/rdma_shared_device_a"] == 1 for pod in needs.members)
    assert [(each.kind, each.name) for each in needs.made_by_others] == [("Service", "llama-70b-vllm")]
    (claim,) = needs.claims
    assert (claim.name, claim.is_made, claim.writes, claim.pods) == ("models-pvc", False, True, 2)
    assert claim.model_bytes > 100e9


def test_the_release_that_a_recipe_names_is_asserted_of_its_operator() -> None:
    """`target.version` is a demand on the cluster; without it any release will do."""
    named, silent = needs_of(RDMA), needs_of(TWO_NODES)
    assert [each.asserted for each in named.operators if each.name == "LeaderWorkerSet"] == ["0.7"]
    assert not any(each.asserted for each in silent.operators)


def test_a_recipe_for_this_machine_has_no_cluster() -> None:
    """It is said where such a recipe is tried instead."""
    with pytest.raises(errors.InputError, match="runs on this machine"):
        needs_of(TWO_NODES, "target={kind: local}", "storage={}")


@pytest.mark.parametrize(
    ("image", "release"),
    [
        ("docker.io/vllm/vllm-openai:v0.24.0", "13.0"),
        ("vllm/vllm-openai:v0.11.0", "12.8"),
        ("vllm/vllm-openai:v0.18.0", ""),
        ("rayproject/ray-llm:2.52.0-py311-cu128", "12.8"),
        ("registry:5000/own/engine", ""),
        ("vllm/vllm-openai@sha256:0123", ""),
    ],
)
@pytest.mark.requirement("R080")
def test_the_cuda_release_of_an_image_is_known_or_said_to_be_unknown(image: str, release: str) -> None:
    """A tag that names it is believed; what was not read is not guessed."""
    assert image_cuda.cuda_of(image) == release


@pytest.mark.parametrize(
    ("kind", "resource"),
    [
        ("LeaderWorkerSet", "leaderworkersets.example.org"),
        ("Ingress", "ingresses.example.org"),
        ("NetworkPolicy", "networkpolicies.example.org"),
        ("Gateway", "gateways.example.org"),
    ],
)
def test_kinds_have_their_plural_in_rules_of_access(kind: str, resource: str) -> None:
    """Rules name resources, and a Role is printed without asking a cluster."""
    assert needs_reading.resource_of("example.org/v1", kind) == resource


@pytest.mark.requirement("R120")
@pytest.mark.requirement("R121")
def test_printed_roles_allow_what_is_needed_and_no_more() -> None:
    """No star, no write outside of the namespace, Secrets by name and only to be read."""
    needs = needs_of(TWO_NODES)
    subject = {"kind": "ServiceAccount", "name": "deployer", "namespace": "ci"}
    objects = checking.rbac(needs, subject)
    assert [each["kind"] for each in objects] == ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"]
    whole, inside = objects[0]["rules"], objects[2]["rules"]
    assert {verb for rule in whole for verb in rule["verbs"]} <= {"get", "list"}
    assert not [rule for rule in (*whole, *inside) if "*" in (*rule["verbs"], *rule["resources"], *rule["apiGroups"])]
    (secrets,) = [rule for rule in inside if "secrets" in rule["resources"]]
    assert (secrets["verbs"], secrets["resourceNames"]) == (["get"], ["hf-token"])
    (sets,) = [rule for rule in inside if "leaderworkersets" in rule["resources"]]
    assert sets["verbs"] == ["get", "create", "patch", "delete", "list", "watch"]
    assert all(each["subjects"] == [subject] for each in objects[1::2])
