"""What is said of fields that a server does not take, of ways in, and of what pods see from inside; and the cures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from built_facts import FACTS, GROUP, NEEDS, NOT_ALLOWED, checked

from shardwright.core import preflight
from shardwright.core.preflight import inside
from shardwright.core.preflight.facts import Controller, Gateway, Listener, Misfit, Namespace, OpenShift
from shardwright.core.preflight.inside import Index, Lookup
from shardwright.core.preflight.needs import CertificateNeed, Needs, ObjectNeed, RouteNeed

SET = NEEDS.objects[0]
VERSION = f"{GROUP}/v1"
PLATFORM = replace(NEEDS.operators[0], is_platform=True, asserted="")
WRITTEN = replace(NEEDS, bodies=({},), operators=(PLATFORM,), releases=("0.7", "0.8", "0.10"))
POLICY = Misfit(SET, "choice", "spec.restartPolicy", '"Late"', ("None", "Default"))


def told(problem: Misfit = POLICY, needs: Needs = WRITTEN, **facts: Any) -> Any:  # noqa: ANN401 - a finding
    return checked(needs, replace(FACTS, misfits={VERSION: (problem,)}), **facts)["fields"]


def controller(tag: str) -> tuple[Controller, ...]:
    return (Controller(namespace="x", name="lws-controller-manager", images=(f"lws:v{tag}",), ready=1),)


@pytest.mark.parametrize(
    ("release", "facts", "cure"),
    [
        ("", {}, "--set target.version=0.8.0: LeaderWorkerSet 0.8.0 runs in this cluster, the manifests are for 0.10"),
        ("0.7", {}, "--set target.version=0.8.0: "),
        ("", {"controllers": NOT_ALLOWED}, "--set target.version=VERSION, one of 0.7, 0.8, 0.10"),
        ("0.8", {}, "leave the field out (pods, target.options, target.patches)"),
        ("", {"controllers": controller("0.99.1")}, "leave the field out"),
    ],
)
@pytest.mark.requirement("R118")
def test_the_cure_is_the_release_that_runs(release: str, facts: dict[str, Any], cure: str) -> None:
    """Named where its operator tells it and manifests can be made for it; else what is left to be done."""
    found = told(needs=replace(WRITTEN, release=release), **facts)
    assert found.status == "fail"
    assert cure in found.fix
    assert found.message.endswith('spec.restartPolicy: "Late" is not known to this cluster, which takes None, Default')


def test_a_field_of_kubernetes_itself_has_no_release_to_name() -> None:
    """What the recipe brought is to go, or the cluster is to be newer."""
    service = ObjectNeed("v1", "Service", "llama", "demo")
    needs = replace(WRITTEN, objects=(service,))
    facts = replace(
        FACTS, kinds={("", "Service"): ("v1",)}, misfits={"v1": (Misfit(service, "unknown", "spec.port", "80"),)}
    )
    found = checked(needs, facts)["fields"]
    assert "Service of this cluster has no such field" in found.message
    assert "use a release that knows it: Kubernetes v1.34.1 does not" in found.fix


def test_on_openshift_the_release_is_that_of_openshift_ai() -> None:
    """Its KServe has a number of its own, which recipes do not name; a Gateway's route has neither."""
    needs = replace(WRITTEN, distribution="openshift", releases=("2.16", "2.25"), operators=NEEDS.operators)
    there = OpenShift(version="4.18.2", releases={"rhods-operator": "2.16.1 Succeeded"}, kserve="Managed", sccs=())
    assert "--set target.version=2.16.1: OpenShift AI 2.16.1 runs" in told(needs=needs, openshift=there).fix
    route = ObjectNeed("gateway.networking.k8s.io/v1", "HTTPRoute", "llama", "demo")
    facts = replace(
        FACTS,
        kinds={(route.group, "HTTPRoute"): ("v1",)},
        misfits={route.api_version: (Misfit(route, "unknown", "spec.x"),)},
    )
    found = checked(replace(WRITTEN, objects=(route,)), facts)["fields"]
    assert found.fix.endswith("the HTTPRoute of this cluster does not")


def test_many_misfits_of_one_object_are_counted() -> None:
    """Another release may differ in a hundred places: some are told, the rest by their number."""
    many = tuple(Misfit(SET, "unknown", f"spec.f{number}") for number in range(20))
    found = preflight.check(WRITTEN, replace(FACTS, misfits={VERSION: many}))
    fields = [each for each in found if each.id == "cluster.fields"]
    assert len(fields) == 7
    assert fields[-1].message.endswith("14 more fields that this cluster does not take")


def test_definitions_that_were_not_read_are_no_pass() -> None:
    """Neither those that may not be read nor those that were forgotten."""
    assert checked(WRITTEN, replace(FACTS, misfits={VERSION: NOT_ALLOWED}))["fields"].status == "unknown"
    assert checked(WRITTEN)["fields"].status == "unknown"
    assert checked(WRITTEN, replace(FACTS, misfits={VERSION: ()}))["fields"].status == "pass"
    assert "fields" not in checked()


@pytest.mark.parametrize(
    ("host", "listener", "status"),
    [
        ("a.example.com", "*.example.com", "pass"),
        ("a.b.example.com", "*.example.com", "pass"),
        ("example.com", "*.example.com", "fail"),
        ("*.example.com", "a.example.com", "pass"),
        ("a.example.com", "", "pass"),
        ("badexample.com", "*.example.com", "fail"),
    ],
)
def test_a_listener_is_for_hosts_that_it_has_in_common_with_the_route(host: str, listener: str, status: str) -> None:
    """As the Gateway API has it: whole names, and wildcards on either side."""
    route = RouteNeed(("demo", "main"), (host,))
    gateway = Gateway(listeners=(Listener(name="web", host=listener),))
    needs, facts = replace(NEEDS, routes=(route,)), replace(FACTS, gateways={("demo", "main"): gateway})
    assert checked(needs, facts)["gateway"].status == status


def test_a_route_may_name_its_listener() -> None:
    """Another one that would take it does not count."""
    gateway = Gateway(listeners=(Listener(name="web"), Listener(name="other", protocol="TCP")))
    facts = replace(FACTS, gateways={("demo", "main"): gateway}, namespace=Namespace("Active"))
    for name, status in {"web": "pass", "other": "fail", "third": "fail"}.items():
        needs = replace(NEEDS, routes=(RouteNeed(("demo", "main"), (), name),))
        assert checked(needs, facts)["gateway"].status == status


def test_ways_in_that_may_not_be_read_are_no_pass() -> None:
    """Each of them says what it does not know."""
    needs = replace(
        NEEDS,
        routes=(RouteNeed(("demo", "main")),),
        ingress_classes=("",),
        certificates=(CertificateNeed("own", "Route"),),
    )
    found = checked(needs)
    assert {found[name].status for name in ("gateway", "ingress-class", "certificate")} == {"unknown"}


@pytest.mark.requirement("R149")
def test_workers_that_cannot_be_asked_do_not_hide_one_that_does_not_find_its_leader() -> None:
    """What fails is told before what could not be told; what nobody has is not told at all."""
    lost, good = Lookup("w-2", "leader.demo", ""), Lookup("w-1", "leader.demo", "10.0.0.1")
    statuses = {
        "fail": (NOT_ALLOWED, lost, good),
        "unknown": (NOT_ALLOWED, good),
        "pass": (good, good),
    }
    for status, lookups in statuses.items():
        (found,) = inside.check_addresses(lookups, "demo")
        assert found.status == status
    assert list(inside.check_addresses((), "demo")) == []


@pytest.mark.requirement("R163")
def test_files_of_the_index_are_named_where_they_are_not_whole() -> None:
    """Some by name, the rest by number."""
    names = tuple(f"model-{number}.safetensors" for number in range(9))
    (found,) = inside.check_weights((Index("/models/index", 9, 0.0, missing=names),))
    assert "9 of 9 are missing: model-0.safetensors" in found.message
    assert found.message.endswith("and 5 more")
