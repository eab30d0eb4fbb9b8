"""Ways in on a real API server: applied, shown, changed, pruned, each with what its controller says of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import rights_stage
from rights_stage import NAME, Account

from shardwright.testing.cluster import crds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shardwright.testing.cluster.clusters import Running
    from shardwright.testing.cluster.fixtures import Clusters

HOST = "llama.example.com"
SETS = ("target.kind=kubernetes", "hardware.nodes=1", "parallelism.pipeline=1", "hardware.gpu=L40S")
PATHS = {
    "ingress": "/apis/networking.k8s.io/v1/namespaces/{}/ingresses/" + NAME,
    "gateway": "/apis/gateway.networking.k8s.io/v1/namespaces/{}/httproutes/" + NAME,
    "route": "/apis/route.openshift.io/v1/namespaces/{}/routes/" + NAME,
}
EXPOSED = {
    "ingress": f"{{kind: ingress, host: {HOST}, tls: {{secret: certificate}}}}",
    "gateway": f"{{kind: gateway, host: {HOST}, gateway: main, path: /llama}}",
    "route": f"{{kind: route, host: {HOST}, tls: {{}}, path: /llama}}",
}
URLS = {
    "ingress": f"https://{HOST}",
    "gateway": f"https://{HOST}/llama",
    "route": f"https://{HOST}/llama",
}
ACCEPTED = [
    {
        "type": "Accepted",
        "status": "True",
        "reason": "Accepted",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
]
ROUTERS: dict[str, dict[str, Any]] = {
    "ingress": {"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}},
    "gateway": {
        "parents": [{"parentRef": {"name": "main"}, "controllerName": "example.com/a", "conditions": ACCEPTED}]
    },
    "route": {"ingress": [{"host": HOST, "routerName": "default", "routerCanonicalHostname": "router.example.com"}]},
}
ADDRESSES = {"ingress": "203.0.113.7", "gateway": "203.0.113.8", "route": "router.example.com"}


@pytest.fixture(scope="module")
def cluster(clusters: Clusters) -> Iterator[Running]:
    """With the Gateway API, and with a kind Route as OpenShift has it."""
    running = clusters.api()
    with running.api() as api:
        gateways = crds.read_module("gateway-api")
        wanted = [kind for kind in ("Gateway", "HTTPRoute") if not crds.is_in_place(api, gateways, kind)]
        crds.install(api, gateways, wanted)
        with rights_stage.routes(api):
            yield running


@pytest.fixture
def account(cluster: Running, tmp_path: Path) -> Iterator[Account]:
    with rights_stage.account(cluster, tmp_path) as made:
        yield made


def recipe(account: Account, expose: str) -> tuple[str, ...]:
    sets = (f"metadata.namespace={account.namespace}", *SETS, f"expose={expose}")
    example = str(rights_stage.EXAMPLES / "llama-3-8b-two-nodes.yaml")
    return ("-f", example, *(part for each in sets for part in ("--set", each)))


def applied(account: Account, expose: str) -> str:
    account.give(rights_stage.printed(account, *recipe(account, expose)))
    with rights_stage.brought(account.api, account.namespace):
        result = account.run("apply", *recipe(account, expose), "-y", "--no-wait", "--skip-check")
    assert result.exit_code == 0, f"{result.output}{result.exception}"
    return result.output


def access(account: Account) -> dict[str, Any]:
    result = account.run("status", NAME, "-n", account.namespace, "-o", "json")
    assert result.exit_code == 0, f"{result.output}{result.exception}"
    found: dict[str, Any] = json.loads(result.stdout)["access"]
    return found


def gateway(account: Account) -> None:
    """A Gateway that speaks TLS, in the recipe's namespace."""
    metadata = {"name": "main", "namespace": account.namespace}
    tls = {"mode": "Terminate", "certificateRefs": [{"name": "certificate"}]}
    listener = {"name": "https", "port": 443, "protocol": "HTTPS", "hostname": "*.example.com", "tls": tls}
    spec = {"gatewayClassName": "example", "listeners": [listener]}
    body = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": metadata, "spec": spec}
    account.api.create(body)
    path = f"/apis/gateway.networking.k8s.io/v1/namespaces/{account.namespace}/gateways/main"
    rights_stage.set_status(account.api, path, {"addresses": [{"type": "IPAddress", "value": ADDRESSES["gateway"]}]})


@pytest.mark.parametrize("kind", EXPOSED)
def test_a_way_in_is_told_before_and_after_it_is_open(account: Account, kind: str) -> None:
    """The URL with host, encryption and path; what it waits for until its controller has taken it; then its address."""
    if kind == "gateway":
        gateway(account)
    applied(account, EXPOSED[kind])
    path = PATHS[kind].format(account.namespace)
    closed = access(account)
    assert closed["urlOutside"] == URLS[kind]
    assert " yet" in closed["wayIn"]["waitsFor"]
    rights_stage.set_status(account.api, path, ROUTERS[kind])
    opened = access(account)
    assert (opened["wayIn"]["waitsFor"], opened["wayIn"]["addresses"]) == (None, [ADDRESSES[kind]])
    assert opened["curlOutside"].startswith(f"curl {URLS[kind]}/v1/completions")


@pytest.mark.parametrize("kind", EXPOSED)
def test_a_way_in_is_changed_and_pruned(account: Account, kind: str) -> None:
    """`diff` shows the new host in the object itself; without it in the recipe it goes, and the Service stays."""
    applied(account, EXPOSED[kind])
    path = PATHS[kind].format(account.namespace)
    other = EXPOSED[kind].replace(HOST, "other.example.com")
    shown = account.run("diff", *recipe(account, other))
    assert (shown.exit_code, "other.example.com" in shown.output) == (5, True), shown.output
    applied(account, other)
    assert "other.example.com" in json.dumps(account.api.get(path)["spec"])
    away = account.run("apply", *recipe(account, "{kind: service}"), "-y", "--no-wait", "--skip-check")
    assert away.exit_code == 0, f"{away.output}{away.exception}"
    assert not account.api.has(path)
    assert account.api.has(f"/api/v1/namespaces/{account.namespace}/services/{NAME}")
    left = access(account)
    assert (left["urlOutside"], left["wayIn"]) == (None, None)
    assert left["url"] == f"http://{NAME}.{account.namespace}.svc:8080"


def test_a_way_in_without_a_host_is_asked_by_its_address(account: Account) -> None:
    """And has no URL before it has one."""
    applied(account, "{kind: ingress}")
    assert access(account)["urlOutside"] is None
    rights_stage.set_status(account.api, PATHS["ingress"].format(account.namespace), ROUTERS["ingress"])
    assert access(account)["urlOutside"] == "http://203.0.113.7"


def test_a_gateway_that_is_not_there_is_told(account: Account) -> None:
    """By its name; the deployment itself is there all the same."""
    applied(account, EXPOSED["gateway"])
    found = access(account)
    assert "main" in found["wayIn"]["waitsFor"]
    assert "not found" in found["wayIn"]["waitsFor"]
