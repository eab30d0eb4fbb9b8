from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from built_facts import ASKS, FACTS, GIB, GPU, GROUP, NEEDS, NOT_ALLOWED, checked, pod, statuses

from shardwright.core import preflight
from shardwright.core.preflight.facts import (
    Claim,
    ClusterFacts,
    ClusterService,
    Controller,
    Limits,
    Namespace,
    Owner,
    Quota,
    Secret,
    Untold,
)
from shardwright.core.preflight.needs import ClaimNeed, ObjectNeed, SecretNeed

SET, SERVICE = NEEDS.objects[0], NEEDS.made_by_others[0]


def test_a_cluster_that_has_all_passes_every_check() -> None:
    """Nothing is complained of without a reason, and nothing that was looked at is left out."""
    found = statuses()
    assert set(found.values()) == {"pass"}
    assert {"api", "operator", "namespace", "permission", "name", "gpus", "room", "driver", "claim", "secret"} <= set(
        found
    )


def test_facts_that_were_not_read_are_never_a_pass() -> None:
    """Who may read nothing is told so for each fact, with nothing failed: could not tell is not no."""
    names = ("rights", "namespace", "nodes", "used", "storage_classes", "quotas", "limits", "controllers", "services")
    blind = replace(FACTS, **dict.fromkeys(names, NOT_ALLOWED), claims={"models": NOT_ALLOWED})
    blind = replace(blind, secrets={"hf-token": NOT_ALLOWED}, present={SET: NOT_ALLOWED})
    found = checked(facts=blind)
    untold = {name for name, each in found.items() if each.status == "unknown"}
    assert {"permission", "namespace", "room", "quota", "limit-range", "operator", "claim", "secret", "name"} <= untold
    assert not [each for each in found.values() if each.status in {"fail", "warn"}]
    assert "list things" in found["room"].message
    assert not [each for each in preflight.check(NEEDS, blind) if (each.id, each.status) == ("cluster.name", "pass")]
    assert "--print-rbac" in found["room"].fix


def test_facts_are_not_known_until_they_are_read() -> None:
    """A field that a reader forgets is no empty cluster."""
    untold = preflight.check(NEEDS, ClusterFacts(version="v1.34.0", kinds=FACTS.kinds))
    assert {"cluster.room", "cluster.quota", "cluster.permission"} <= {
        each.id for each in untold if each.status == "unknown"
    }


@pytest.mark.parametrize(
    ("kinds", "said"),
    [({}, "not installed"), ({(GROUP, "LeaderWorkerSet"): ("v1alpha1",)}, "not served at")],
)
@pytest.mark.requirement("R020")
def test_a_kind_that_is_not_served_fails_with_the_steps(
    kinds: dict[tuple[str, str], tuple[str, ...]], said: str
) -> None:
    """A missing operator is told with how it is installed; another version of its kind as such."""
    found = checked(kinds=kinds)
    wrong = next(each for each in found.values() if each.status == "fail")
    assert said in wrong.message
    assert wrong.fix


def controller(image: str = "lws:v0.8.1", ready: int = 1) -> tuple[Controller, ...]:
    return (Controller(namespace="x", name="lws-controller-manager", images=(image,), ready=ready),)


@pytest.mark.parametrize(
    ("controllers", "check", "status"),
    [
        (controller(), "operator", "pass"),
        (controller(ready=0), "operator", "fail"),
        ((), "operator", "warn"),
        (controller("lws:v0.7.0"), "operator-release", "fail"),
    ],
)
def test_the_controller_runs_at_the_release_of_the_recipe(
    controllers: tuple[Controller, ...], check: str, status: str
) -> None:
    """Definitions alone do nothing; a release that the recipe does not name is a mismatch, a patch of it is not."""
    assert statuses(controllers=controllers)[check] == status


@pytest.mark.parametrize(("state", "status"), [("ready", "pass"), ("notReady", "fail"), ("", "fail")])
@pytest.mark.requirement("R016")
def test_the_gpu_operator_says_whether_it_is_ready(state: str, status: str) -> None:
    """A ClusterPolicy that is not ready means GPUs without drivers."""
    services = (ClusterService(kind="ClusterPolicy", name="gpu", state=state),)
    assert statuses(services=services)["policy"] == status


@pytest.mark.parametrize(
    ("namespace", "status"),
    [(Namespace("Active"), "pass"), (Namespace("Terminating"), "fail"), (None, "fail"), (NOT_ALLOWED, "unknown")],
)
def test_the_namespace_is_there_and_stays(namespace: Namespace | Untold | None, status: str) -> None:
    """Objects cannot be made in a namespace that is missing or going."""
    assert statuses(namespace=namespace)["namespace"] == status


def test_a_namespace_that_the_apply_makes_is_not_missed() -> None:
    """With a Namespace among the manifests, or --create-namespace, its absence is no fault."""
    made = (*NEEDS.objects, ObjectNeed("v1", "Namespace", "demo"))
    assert statuses(namespace=None, objects=made)["namespace"] == "pass"
    assert statuses(namespace=None, may_make_namespace=True)["namespace"] == "pass"


@pytest.mark.parametrize(
    ("level", "spec", "status"),
    [
        ("", {"hostNetwork": True}, "pass"),
        ("privileged", {"hostNetwork": True}, "pass"),
        ("baseline", {}, "pass"),
        ("baseline", {"hostNetwork": True}, "fail"),
        ("restricted", {}, "fail"),
        ("restricted", {"securityContext": {"runAsNonRoot": True}}, "pass"),
    ],
)
def test_the_pod_security_level_admits_the_pods(level: str, spec: dict[str, Any], status: str) -> None:
    """What the level refuses is named before its controller tries in vain."""
    labels = {"pod-security.kubernetes.io/enforce": level} if level else {}
    found = checked(namespace=Namespace("Active", labels), pods=(pod(**spec),))
    assert found["pod-security"].status == status
    assert (status == "fail") == bool(found["pod-security"].fix)


def test_istio_in_the_namespace_asks_pods_to_stay_out() -> None:
    """A proxy between members drops their traffic."""
    labels = {"istio-injection": "enabled"}
    assert statuses(namespace=Namespace("Active", labels))["sidecar"] == "warn"
    out = replace(pod(), annotations={"sidecar.istio.io/inject": "false"})
    assert statuses(namespace=Namespace("Active", labels), pods=(out,))["sidecar"] == "pass"


@pytest.mark.parametrize(
    ("hard", "used", "status"),
    [
        ({f"requests.{GPU}": 4.0}, {f"requests.{GPU}": 2.0}, "pass"),
        ({f"requests.{GPU}": 4.0}, {f"requests.{GPU}": 3.0}, "fail"),
        ({"pods": 1.0}, {}, "fail"),
        ({"memory": 8 * GIB}, {}, "fail"),
        ({"services": 0.0}, {}, "pass"),
    ],
)
def test_a_quota_leaves_enough(hard: dict[str, float], used: dict[str, float], status: str) -> None:
    """What goes beyond a quota is refused by the server, pod after pod."""
    assert statuses(quotas=(Quota("team", hard, used),))["quota"] == status


def test_a_quota_does_not_count_what_is_there_already() -> None:
    """A second check of a deployment that runs asks for nothing more."""
    full = (Quota("team", {f"requests.{GPU}": 2.0}, {f"requests.{GPU}": 2.0}),)
    assert statuses(quotas=full)["quota"] == "fail"
    assert statuses(quotas=full, own={f"requests.{GPU}": 2.0, "pods": 2.0})["quota"] == "pass"


def test_a_job_that_is_there_makes_no_second_pod() -> None:
    """The model was fetched by the first apply; the second needs no more of the quota."""
    job = ObjectNeed("batch/v1", "Job", "llama-download", "demo")
    pods = (pod(), pod("worker"), replace(pod("download Job", gpus=0), is_member=False))
    full = (Quota("team", {"pods": 2.0}, {"pods": 2.0}),)
    again: dict[str, Any] = {"quotas": full, "pods": pods, "objects": (job,), "own": {"pods": 2.0}}
    assert statuses(**again)["quota"] == "fail"
    assert statuses(**again, present={job: Owner("shardwright", "llama")})["quota"] == "pass"


def test_a_quota_on_what_pods_do_not_say_is_a_warning() -> None:
    """A quota on memory refuses pods without a memory request, unless a LimitRange gives them one."""
    silent = replace(pod(), lacks=frozenset({"limits.memory"}))
    assert statuses(quotas=(Quota("team", {"limits.memory": 1e15}, {}),), pods=(silent,))["quota"] == "warn"


def test_containers_and_claims_stay_within_a_limit_range() -> None:
    """The largest container of a pod counts, not their sum."""
    big = replace(pod(), largest={"memory": 8 * GIB})
    assert statuses(limits=(Limits("l", "Container", {"memory": 4 * GIB}),), pods=(big,))["limit-range"] == "fail"
    assert "limit-range" not in statuses(limits=(Limits("l", "Container", {"memory": 9 * GIB}),), pods=(big,))


@pytest.mark.parametrize(("missing", "status"), [((), "pass"), (ASKS[:1], "fail"), (ASKS[1:], "warn"), (ASKS, "fail")])
@pytest.mark.requirement("R121")
def test_each_right_that_is_missing_is_named(missing: tuple[object, ...], status: str) -> None:
    """Without pods/exec less is told; without the right to write nothing works."""
    found = checked(rights={ask: ask not in missing for ask in ASKS})["permission"]
    assert found.status == status
    assert ("not allowed: create" in found.message) == bool(missing)


@pytest.mark.parametrize(
    ("owner", "status"),
    [
        (Owner(managed_by="shardwright", instance="llama"), "pass"),
        (Owner(managed_by="shardwright", instance="other"), "warn"),
        (Owner(managed_by="Helm"), "warn"),
        (Owner(managed_by="shardwright", instance="llama", is_ending=True), "fail"),
        (Owner(managed_by="shardwright", instance="llama", keeper="Flux"), "fail"),
        (Owner(managed_by="shardwright", is_shared=True), "pass"),
        (None, "pass"),
    ],
)
def test_names_are_free_or_ours(owner: Owner | None, status: str) -> None:
    """An object of somebody else is not silently taken over."""
    assert statuses(present={SET: owner})["name"] == status


def test_names_of_what_is_only_looked_at_are_no_matter() -> None:
    """An object that is checked by its address is there, and nothing is written over it."""
    assert "name" not in statuses(present={SET: Owner(managed_by="Helm")}, asks=())


def test_the_service_of_the_operator_has_its_name_free() -> None:
    """A Service of the set's name that the operator did not make leaves members without their leader's address."""
    assert statuses(present={SERVICE: Owner(managed_by="Helm")})["name"] == "fail"
    assert statuses(present={SERVICE: Owner(controller="LeaderWorkerSet llama")})["name"] == "pass"


@pytest.mark.parametrize(
    ("secret", "status"),
    [
        (Secret("Opaque", frozenset({"token"})), "pass"),
        (Secret("Opaque", frozenset({"tokn"})), "fail"),
        (None, "fail"),
        (NOT_ALLOWED, "unknown"),
    ],
)
def test_a_secret_is_there_with_its_key(secret: Secret | Untold | None, status: str) -> None:
    """A missing Secret is a finding with the line that makes it."""
    found = checked(secrets={"hf-token": secret})["secret"]
    assert found.status == status
    assert secret is not None or "kubectl create secret generic hf-token -n demo" in found.fix


@pytest.mark.parametrize(("kind", "status"), [("kubernetes.io/dockerconfigjson", "pass"), ("Opaque", "fail")])
def test_a_pull_secret_is_of_a_type_that_is_read(kind: str, status: str) -> None:
    """The kubelet passes over Secrets of other types."""
    need = (SecretNeed("registry", is_for_images=True),)
    found = preflight.check(
        replace(NEEDS, secrets=need), replace(FACTS, secrets={"registry": Secret(kind, frozenset())})
    )
    assert next(each.status for each in found if each.id == "cluster.pull-secret") == status


def test_named_objects_are_there() -> None:
    """Accounts, priority classes and networks that pods name have to exist."""
    named = {"service_accounts": ("bot",), "priority_classes": ("high",), "networks": (("net", "a"),)}
    needs = replace(NEEDS, **named)
    missing = {each.id: each.status for each in preflight.check(needs, FACTS)}
    there = replace(
        FACTS, service_accounts={"bot": True}, priority_classes=frozenset({"high"}), networks={("net", "a"): True}
    )
    present = {each.id: each.status for each in preflight.check(needs, there)}
    names = ("cluster.service-account", "cluster.priority-class", "cluster.network")
    assert [missing[name] for name in names] == ["fail"] * 3
    assert [present[name] for name in names] == ["pass"] * 3


def claim_statuses(need: ClaimNeed, found: Claim | None, **changes: object) -> dict[str, str]:
    facts = replace(FACTS, claims={need.name: found}, **changes)
    return {each.id: each.status for each in preflight.check(replace(NEEDS, claims=(need,)), facts)}


def test_a_claim_is_there_or_can_be_made() -> None:
    """A claim that nobody makes, or that no class provides, leaves pods waiting."""
    used, made = ClaimNeed(name="m"), ClaimNeed(name="m", is_made=True, access_modes=("ReadWriteMany",))
    assert claim_statuses(used, None)["cluster.claim"] == "fail"
    assert claim_statuses(made, None)["cluster.storage-class"] == "pass"
    assert claim_statuses(made, None, storage_classes={"nfs": False})["cluster.storage-class"] == "fail"
    assert claim_statuses(replace(made, storage_class="x"), None)["cluster.storage-class"] == "fail"
    assert claim_statuses(used, Claim(phase="Lost"))["cluster.claim"] == "fail"
    assert claim_statuses(used, Claim(phase="Pending", access_modes=("ReadWriteMany",)))["cluster.claim"] == "warn"


@pytest.mark.parametrize(
    ("need", "modes", "status"),
    [
        (ClaimNeed(name="m", pods=2), ("ReadWriteOnce",), "fail"),
        (ClaimNeed(name="m", pods=1), ("ReadWriteOnce",), "pass"),
        (ClaimNeed(name="m", pods=2), ("ReadOnlyMany",), "pass"),
        (ClaimNeed(name="m", pods=2, writes=True), ("ReadOnlyMany",), "fail"),
        (ClaimNeed(name="m", pods=2), ("ReadWriteOncePod",), "fail"),
    ],
)
def test_a_claim_can_be_mounted_by_all_that_mount_it(need: ClaimNeed, modes: tuple[str, ...], status: str) -> None:
    """A group over nodes needs a volume that several nodes mount; a download one that can be written."""
    found = claim_statuses(need, Claim(phase="Bound", access_modes=modes))
    assert found["cluster.claim-access"] == status


def test_the_model_fits_on_its_claim() -> None:
    """A volume that fills up ends the download late."""
    need = ClaimNeed(name="m", model_bytes=15 * GIB)
    small = Claim(phase="Bound", access_modes=("ReadWriteMany",), size_bytes=10 * GIB)
    assert claim_statuses(need, small)["cluster.claim-size"] == "fail"
    assert claim_statuses(need, replace(small, size_bytes=20 * GIB))["cluster.claim-size"] == "pass"


@pytest.mark.parametrize(("names", "status"), [(["a", "b"], "pass"), (["a"], "warn"), (["z"], "fail")])
def test_the_volume_is_reached_from_the_nodes(names: list[str], status: str) -> None:
    """A volume of one host or zone confines the group to it."""
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": names}]}
    bound = Claim(phase="Bound", access_modes=("ReadWriteMany",), node_affinity={"nodeSelectorTerms": [term]})
    assert claim_statuses(ClaimNeed(name="m"), bound)["cluster.claim-reach"] == status


def test_a_finding_that_fails_says_why_and_what_to_do() -> None:
    """No failure and no warning without its reason and its cure."""
    broken = ClusterFacts(version="v1.20", namespace=None, nodes=(), rights=dict.fromkeys(ASKS, False))
    for each in preflight.check(NEEDS, broken):
        if each.status in {"fail", "warn"}:
            assert each.why, each.id
            assert each.fix, each.id


def test_nothing_is_asked_of_nodes_where_no_pod_is_known() -> None:
    """An object whose pods cannot be told is not said to have room."""
    assert "room" not in statuses(pods=())
