"""What objects that lead in from outside say of themselves."""

from __future__ import annotations

from typing import Any

import pytest

from shardwright.kubernetes.live import outside


def live(kind: str, spec: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": "llama", "namespace": "demo"}, "spec": spec, "status": status}


def refused(condition: str) -> list[dict[str, str]]:
    return [{"type": condition, "status": "False", "reason": "No", "message": "the host is taken"}]


@pytest.mark.parametrize(
    ("kind", "spec", "status"),
    [
        ("Route", {"host": "a.example.com"}, {"ingress": [{"conditions": refused("Admitted")}]}),
        ("HTTPRoute", {"hostnames": ["a.example.com"]}, {"parents": [{"conditions": refused("Accepted")}]}),
        ("HTTPRoute", {"hostnames": ["a.example.com"]}, {"parents": [{"conditions": refused("ResolvedRefs")}]}),
    ],
)
def test_a_refusal_is_told_with_its_reason(kind: str, spec: dict[str, Any], status: dict[str, Any]) -> None:
    """In the controller's own words."""
    assert outside.way_in_of(live(kind, spec, status)).waits_for.endswith("is False: the host is taken")


def test_one_router_that_takes_it_is_enough() -> None:
    """Another one may not be meant for it."""
    status: dict[str, Any] = {
        "ingress": [{"conditions": refused("Admitted")}, {"host": "a.example.com", "conditions": []}]
    }
    assert outside.way_in_of(live("Route", {}, status)).waits_for == ""


def test_a_host_that_the_router_chose_is_the_url() -> None:
    """A Route without a host is given one."""
    found = outside.way_in_of(
        live("Route", {"tls": {"termination": "edge"}}, {"ingress": [{"host": "llama-demo.apps.example.com"}]})
    )
    assert found.url == "https://llama-demo.apps.example.com"


@pytest.mark.parametrize(("hostname", "scheme"), [("*.example.com", "https"), ("other.example.org", "http")])
def test_encryption_is_that_of_the_listener_of_the_host(hostname: str, scheme: str) -> None:
    """A Gateway may speak TLS for other hosts."""
    gateway = {"spec": {"listeners": [{"protocol": "HTTPS", "hostname": hostname}, {"protocol": "HTTP"}]}}
    route = live("HTTPRoute", {"hostnames": ["a.example.com"]}, {})
    assert outside.way_in_of(route, {"infra/main": gateway}).url == f"{scheme}://a.example.com"


def test_an_address_of_ipv6_stands_in_brackets() -> None:
    """Where there is no host, the address is the URL."""
    status = {"loadBalancer": {"ingress": [{"ip": "2001:db8::7"}]}}
    found = outside.way_in_of(live("Ingress", {"rules": [{"http": {}}], "tls": [{"secretName": "a"}]}, status))
    assert (found.url, found.waits_for) == ("https://[2001:db8::7]", "")


def test_a_platform_says_its_own_url() -> None:
    """And nothing leads in where it says none."""
    assert (
        outside.way_in_of(live("InferenceService", {}, {"url": "http://a.example.com"})).url == "http://a.example.com"
    )
    assert outside.way_in_of(live("InferenceService", {}, {})).url == ""
