from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from shardwright.core.deployment import Variable
from shardwright.core.recipe.model import Auth, Expose, KeyRef, Network, Tls
from shardwright.kubernetes.render import dump, expose
from shardwright.testing import builders

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment
    from shardwright.core.rules import Finding

KEY = KeyRef("llm", "key")


def deployed(asked: Expose, **overrides: object) -> Deployment:
    return builders.deployment(builders.recipe(expose=asked, **overrides))


def spec(asked: Expose) -> Any:  # noqa: ANN401 - a tree of JSON values
    made = expose.way_in_of(deployed(asked), "llm-api", port=8080)
    assert made is not None
    return dump.as_manifest(made).body["spec"]


def found(deployment: Deployment) -> dict[str, Finding]:
    return {finding.path: finding for finding in expose.findings_of(deployment) if finding.severity == "error"}


def test_an_ingress_leads_to_the_service_by_its_ports_name() -> None:
    """Class, host and certificate are those of the recipe."""
    asked = Expose("ingress", "llm.example.org", ingress_class="nginx", tls=Tls("cert"))
    backend = {"service": {"name": "llm-api", "port": {"name": "http"}}}
    assert spec(asked) == {
        "ingressClassName": "nginx",
        "tls": [{"hosts": ["llm.example.org"], "secretName": "cert"}],
        "rules": [
            {
                "host": "llm.example.org",
                "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
            }
        ],
    }


def test_a_route_of_a_gateway_takes_the_path_off_and_allows_long_answers() -> None:
    """Engines answer at /v1, and a long answer is no fault."""
    asked = Expose("gateway", "llm.example.org", path="/llama", gateway="gateways/public")
    rule = spec(asked)["rules"][0]
    assert spec(asked)["parentRefs"] == [{"name": "public", "namespace": "gateways"}]
    assert spec(asked)["hostnames"] == ["llm.example.org"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/llama"}}]
    replaced = {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}
    assert rule["filters"] == [{"type": "URLRewrite", "urlRewrite": {"path": replaced}}]
    assert (rule["backendRefs"], rule["timeouts"]) == ([{"name": "llm-api", "port": 8080}], {"request": "3600s"})


def test_a_route_of_openshift_ends_encryption_at_the_router() -> None:
    """The router's certificate unless a Secret is named; clear text is redirected."""
    made = spec(Expose("route", tls=Tls()))
    assert made["tls"] == {"termination": "edge", "insecureEdgeTerminationPolicy": "Redirect"}
    assert made["to"] == {"kind": "Service", "name": "llm-api", "weight": 100}
    assert spec(Expose("route", tls=Tls("cert")))["tls"]["externalCertificate"] == {"name": "cert"}


def test_a_route_allows_long_answers() -> None:
    """OpenShift's router would end a request after 30 silent seconds."""
    made = expose.way_in_of(deployed(Expose("route", path="/llama")), "llm-api", port=8080)
    assert made is not None
    annotations = made.metadata.annotations
    assert annotations["haproxy.router.openshift.io/timeout"] == "3600s"
    assert annotations["haproxy.router.openshift.io/rewrite-target"] == "/"


@pytest.mark.parametrize("kind", ["none", "service"])
def test_a_service_is_all_that_is_asked_for(kind: Any) -> None:  # noqa: ANN401 - a literal type
    """Nothing leads in from outside unless it is asked for."""
    assert expose.way_in_of(deployed(Expose(kind)), "llm-api", port=8080) is None
    made = expose.service_of(deployed(Expose(kind)), "llm-api", {"a": "b"}, port=8080)
    assert (made is None) == (kind == "none")


def test_a_service_has_the_family_of_the_pods() -> None:
    """A cluster of two families would else choose its first."""
    deployment = builders.deployment(builders.recipe(network=Network(ip_family="ipv6")))
    made = expose.service_of(deployment, "llm-api", {"a": "b"}, port=8080)
    assert made is not None
    assert made.spec.ip_families == ("IPv6",)


@pytest.mark.parametrize(
    ("asked", "path", "named"),
    [
        (Expose("gateway", gateway="public", tls=Tls()), "expose.tls", "ingress and route"),
        (Expose("service", tls=Tls()), "expose.tls", "ingress and route"),
        (Expose("ingress", path="/llama"), "expose.path", "gateway and route"),
        (Expose("service", "llm.example.org"), "expose.host", "ingress and gateway and route"),
        (Expose("route", auth=Auth(platform=True)), "expose.auth.platform", "openshift-ai and llmisvc"),
    ],
)
def test_what_a_kind_cannot_carry_names_those_that_can(asked: Expose, path: str, named: str) -> None:
    """A setting without effect would be believed to work."""
    assert named in found(deployed(asked))[path].message


def test_an_open_way_in_is_pointed_out() -> None:
    """A model that everybody may use is rarely meant."""
    ids = {finding.id for finding in expose.findings_of(deployed(Expose("route")))}
    assert "expose.open" in ids
    assert not list(expose.findings_of(deployed(Expose())))


def test_a_key_must_reach_the_engine() -> None:
    """A key that the engine was not told protects nothing."""
    asked = builders.recipe(expose=Expose("route", auth=Auth(api_key=KEY)))
    assert "was not told" in found(builders.deployment(asked))["expose.auth.apiKey"].message
    leader = dataclasses.replace(builders.launch(), environment=(Variable("A_KEY", KEY),))
    assert not found(builders.deployment(asked, leader=leader))


@pytest.mark.requirement("R107")
@pytest.mark.parametrize("kind", ["ingress", "gateway", "route"])
def test_a_dashboard_has_a_host_of_its_own(kind: str) -> None:
    """`dashboard.` before the model's host, at the root, whatever path the model has; without a host there is none."""
    asked = Expose(kind, "llm.example.org", gateway="public", dashboard=True)  # pyright: ignore[reportArgumentType] - one of the kinds
    where = ("llm-dashboard", "llm-head-svc", 8265, "dashboard")
    made = expose.dashboard_of(deployed(asked), *where)
    assert made is not None
    manifest = dump.as_manifest(made)
    text = str(manifest.body["spec"])
    assert manifest.name == "llm-dashboard"
    assert "'dashboard.llm.example.org'" in text
    assert "llm-head-svc" in text
    for other in (dataclasses.replace(asked, host=None), dataclasses.replace(asked, dashboard=False)):
        assert expose.dashboard_of(deployed(other), *where) is None


@pytest.mark.requirement("R107")
def test_a_dashboard_that_everybody_reaches_is_told() -> None:
    """It runs what it is given; where a target has none, or nothing leads to it from outside, that is said."""
    asked = Expose("ingress", "llm.example.org", dashboard=True)
    ids = {
        name: [each.id for each in expose.findings_of(deployed(one), dashboard=has) if "dashboard" in each.id]
        for name, one, has in (
            ("open", asked, "llm-head-svc:8265"),
            ("inside", dataclasses.replace(asked, kind="service", host=None), "llm-head-svc:8265"),
            ("none", asked, ""),
        )
    }
    assert ids == {
        "open": ["expose.dashboard-open"],
        "inside": ["expose.dashboard-inside"],
        "none": ["expose.no-dashboard"],
    }
