"""Preflights of ways in against a real API server: Gateways and their listeners, classes of Ingresses, certificates, Routes."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

import pytest
import rights_stage
from check_stage import Stage, found, needs

from shardwright.service import checking
from shardwright.testing.cluster import control_plane, crds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shardwright.core.rules import Finding
    from shardwright.testing.cluster.building import Programs

HOST = "llama.example.com"
CLASS = {"controller": "example.com/ingress"}
INGRESS, ROUTE = f"{{kind: ingress, host: {HOST}}}", f"{{kind: route, host: {HOST}, tls: {{secret: certificate}}}}"


@pytest.fixture(scope="module")
def stage(programs: Programs, runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with control_plane.running(programs, runs) as plane, plane.api() as api:
        made = Stage(plane, api, tmp_path_factory.mktemp("ways-in"))
        made.furnish()
        crds.install(api, crds.read_module("gateway-api"), ["Gateway", "HTTPRoute"])
        yield made


def checked(stage: Stage, namespace: str, expose: str, *more: str) -> dict[str, Finding]:
    with stage.client() as client:
        return found(client, needs(namespace, f"expose={expose}", *more))


def gateway(stage: Stage, namespace: str, said: str = "True", **listener: Any) -> None:  # noqa: ANN401 - fields of a listener
    """A Gateway `main` with one listener, of which its controller says something; empty: nothing."""
    listeners = [{"name": "web", "port": 80, "protocol": "HTTP", **listener}]
    spec = {"gatewayClassName": "example", "listeners": listeners}
    path = stage.make("gateway.networking.k8s.io/v1", "Gateway", "main", namespace, spec=spec)
    condition = {"type": "Programmed", "status": said, "reason": "AddressNotAssigned", "message": "no address is left"}
    if said:
        stage.status(path, {"conditions": [condition | {"lastTransitionTime": "2026-01-01T00:00:00Z"}]})


FROM_ALL: dict[str, Any] = {"namespaces": {"from": "All"}}
BY_LABEL: dict[str, Any] = {"namespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "llm"}}}}
NOT_MADE = {"namespaces": {"from": "Selector", "selector": {"matchExpressions": [{"key": "a", "operator": "Exists"}]}}}
LISTENERS: list[tuple[dict[str, Any], str, str]] = [
    ({"allowedRoutes": FROM_ALL}, "pass", ""),
    ({"allowedRoutes": BY_LABEL}, "pass", ""),
    ({"allowedRoutes": FROM_ALL, "hostname": "*.example.com"}, "pass", ""),
    ({}, "fail", "web takes routes of its own namespace"),
    ({"allowedRoutes": NOT_MADE}, "fail", "namespaces with other labels"),
    ({"allowedRoutes": FROM_ALL, "hostname": "*.example.org"}, "fail", r"web is for \*.example.org"),
    ({"allowedRoutes": {**FROM_ALL, "kinds": [{"kind": "GRPCRoute"}]}}, "fail", "takes no HTTPRoute"),
    ({"allowedRoutes": FROM_ALL, "said": "False"}, "warn", "Programmed is False: no address is left"),
    ({"allowedRoutes": FROM_ALL, "said": ""}, "warn", "no controller has said anything"),
]


@pytest.mark.parametrize(("listener", "status", "said"), LISTENERS, ids=[each[2] or str(each[0]) for each in LISTENERS])
def test_a_gateway_is_there_and_takes_the_route(stage: Stage, listener: dict[str, Any], status: str, said: str) -> None:
    """A Gateway of another namespace: each reason for which it leaves the route aside is told."""
    theirs, ours = stage.namespace(), stage.namespace(team="llm")
    gateway(stage, theirs, **listener)
    told = checked(stage, ours, f"{{kind: gateway, host: {HOST}, gateway: {theirs}/main}}")["gateway"]
    assert told.status == status, told
    assert re.search(said, told.message)


def test_a_gateway_that_is_not_there_is_told(stage: Stage) -> None:
    """By namespace and name, and how to see those that there are; one of its own namespace takes it as it is."""
    namespace = stage.namespace()
    expose = f"{{kind: gateway, host: {HOST}, gateway: main}}"
    told = checked(stage, namespace, expose)["gateway"]
    assert (told.status, told.message) == ("fail", f"there is no Gateway {namespace}/main")
    gateway(stage, namespace)
    assert checked(stage, namespace, expose)["gateway"].status == "pass"


def test_an_ingress_has_a_class(stage: Stage) -> None:
    """None: a doubt; one that is not there: a failure with those that are; a default one is taken, two are a doubt."""
    namespace, classes = stage.namespace(), "/apis/networking.k8s.io/v1/ingressclasses"
    named = f"{{kind: ingress, host: {HOST}, ingressClass: inside}}"
    default = {"ingressclass.kubernetes.io/is-default-class": "true"}
    with contextlib.ExitStack() as ends:

        def add(name: str, **parts: Any) -> None:  # noqa: ANN401 - of an object
            stage.make("networking.k8s.io/v1", "IngressClass", name, spec=CLASS, **parts)
            ends.callback(stage.api.delete, f"{classes}/{name}")

        assert checked(stage, namespace, INGRESS)["ingress-class"].status == "warn"
        add("outside")
        told = checked(stage, namespace, named)["ingress-class"]
        assert (told.status, told.message) == ("fail", "there is no IngressClass inside; there are: outside")
        assert checked(stage, namespace, INGRESS)["ingress-class"].status == "warn"
        add("inside", annotations=default)
        assert checked(stage, namespace, named)["ingress-class"].status == "pass"
        assert checked(stage, namespace, INGRESS)["ingress-class"].value == "inside"
        add("second", annotations=default)
        assert "several are the default: inside, second" in checked(stage, namespace, INGRESS)["ingress-class"].message


def test_the_certificate_of_a_way_in_is_looked_for(stage: Stage) -> None:
    """An Ingress works in part without it, a Route does not; of another type it is none; cert-manager makes its own."""
    namespace = stage.namespace()
    ingress = f"{{kind: ingress, host: {HOST}, tls: {{secret: certificate}}}}"
    issuer = "metadata.annotations={cert-manager.io/cluster-issuer: own}"
    assert checked(stage, namespace, ingress)["certificate"].status == "warn"
    assert checked(stage, namespace, ROUTE)["certificate"].status == "fail"
    assert checked(stage, namespace, ingress, issuer)["certificate"].status == "pass"
    path = stage.make("v1", "Secret", "certificate", namespace, stringData={"key": "of another kind"})
    assert "is of type Opaque with key" in checked(stage, namespace, ROUTE)["certificate"].message
    stage.api.delete(path)
    both = {"tls.crt": "", "tls.key": ""}
    stage.make("v1", "Secret", "certificate", namespace, type="kubernetes.io/tls", stringData=both)
    assert checked(stage, namespace, ROUTE)["certificate"].status == "pass"


def test_routes_are_openshifts(stage: Stage) -> None:
    """On a cluster that has no kind Route the way in is refused by name; on one that has it, it passes."""
    namespace = stage.namespace()
    told = checked(stage, namespace, ROUTE)["kind"]
    assert (told.status, told.value) == ("fail", "Route")
    assert "expose.kind" in told.fix
    with rights_stage.routes(stage.api):
        assert checked(stage, namespace, ROUTE)["kind"].status == "pass"


@pytest.mark.parametrize("expose", ["gateway", "ingress"])
@pytest.mark.requirement("R120")
def test_the_printed_roles_are_enough_to_tell(stage: Stage, expose: str) -> None:
    """Without rights it could not be told, with what is printed it is; Gateways and certificates by name alone."""
    theirs, ours = stage.namespace(), stage.namespace()
    gateway(stage, theirs, allowedRoutes=FROM_ALL)
    ways = {
        "gateway": f"{{kind: gateway, host: {HOST}, gateway: {theirs}/main}}",
        "ingress": f"{{kind: ingress, host: {HOST}, tls: {{secret: certificate}}}}",
    }
    ids = {"gateway": {"gateway"}, "ingress": {"ingress-class", "certificate"}}[expose]
    wanted, config = needs(ours, f"expose={ways[expose]}"), stage.as_account(ours, "deployer")
    with stage.client(config) as client:
        assert {name for name, each in found(client, wanted).items() if each.status == "unknown"} >= ids
        for body in checking.rbac(wanted, {"kind": "ServiceAccount", "name": "deployer", "namespace": ours}):
            stage.api.create(body)
            for rule in body.get("rules", ()):
                assert not {"gateways", "secrets"} & set(rule["resources"]) or rule["resourceNames"]
    with stage.client() as admin, stage.client(config) as client:
        assert found(client, wanted) == found(admin, wanted)
