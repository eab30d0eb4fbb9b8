"""What objects that let requests in need, read from manifests."""

from __future__ import annotations

from typing import Any

import pytest

from shardwright.core.preflight.needs import CertificateNeed, RouteNeed
from shardwright.kubernetes.live import ways_in_reading

TLS = [{"hosts": ["a"], "secretName": "own"}, {"hosts": ["b"]}]


def body(kind: str, spec: dict[str, Any], **annotations: str) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": "a", "namespace": "demo", "annotations": annotations}, "spec": spec}


def test_routes_are_at_the_gateways_that_they_name() -> None:
    """Of their own namespace where none is given, at one listener or any; a Service as a parent is no Gateway."""
    parents = [{"name": "main", "sectionName": "web"}, {"name": "far", "namespace": "edge"}]
    route = body("HTTPRoute", {"hostnames": ["a.b"], "parentRefs": [*parents, {"kind": "Service", "name": "mesh"}]})
    assert list(ways_in_reading.routes_of(route)) == [
        RouteNeed(("demo", "main"), ("a.b",), "web"),
        RouteNeed(("edge", "far"), ("a.b",)),
    ]


def test_a_service_of_kserve_has_its_route_made() -> None:
    """At the Gateways of its router; one that leaves them to the platform names none."""
    router = {
        "gateway": {"refs": [{"name": "main", "namespace": "edge"}]},
        "route": {"http": {"spec": {"hostnames": ["a"]}}},
    }
    named = body("LLMInferenceService", {"router": router})
    assert list(ways_in_reading.routes_of(named)) == [RouteNeed(("edge", "main"), ("a",))]
    assert list(ways_in_reading.routes_of(body("LLMInferenceService", {"router": {"gateway": {}}}))) == []


@pytest.mark.parametrize(
    ("spec", "annotations", "classes"),
    [
        ({"ingressClassName": "inside"}, {}, ["inside"]),
        ({}, {}, [""]),
        ({}, {"kubernetes.io/ingress.class": "nginx"}, []),
    ],
)
def test_an_ingress_has_a_class_or_that_of_the_cluster(
    spec: dict[str, Any], annotations: dict[str, str], classes: list[str]
) -> None:
    """An annotation is the old way to name one, of which the cluster keeps no list."""
    assert list(ways_in_reading.classes_of(body("Ingress", spec, **annotations))) == classes


def test_certificates_are_those_that_a_way_in_names() -> None:
    """With who names them, and whether something makes them."""
    issuer = {"cert-manager.io/cluster-issuer": "own"}
    assert list(ways_in_reading.certificates_of(body("Ingress", {"tls": TLS}))) == [CertificateNeed("own", "Ingress")]
    (made,) = ways_in_reading.certificates_of(body("Ingress", {"tls": TLS}, **issuer))
    assert made.is_made
    route = body("Route", {"tls": {"externalCertificate": {"name": "own"}}})
    assert list(ways_in_reading.certificates_of(route)) == [CertificateNeed("own", "Route")]
    assert list(ways_in_reading.certificates_of(body("Route", {"tls": {"termination": "edge"}}))) == []
