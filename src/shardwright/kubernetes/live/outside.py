"""The way in from outside as it is now: by which URL, at which address, and what it still waits for.

Read from the object that leads in and, for an HTTPRoute, from its Gateway. Source: status of networking.k8s.io/v1 Ingress,
Gateway API v1.3 (RouteStatus, GatewayStatus, listeners), route.openshift.io/v1 Route; `status.url` of KServe 0.20.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shardwright import errors
from shardwright.core.lifecycle.bodies import text_at
from shardwright.core.preflight import trees
from shardwright.kubernetes.client import Ref
from shardwright.kubernetes.live import ways_in_reading
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from shardwright.kubernetes.client import Client, Tree

__all__ = ["PLATFORM_KINDS", "WayIn", "way_in_of", "ways_in"]

_GATEWAY_API = "gateway.networking.k8s.io/v1"
_COMPONENT = "app.kubernetes.io/component"
_KINDS = ("Ingress", "HTTPRoute", "Route")
PLATFORM_KINDS = ("InferenceService", "LLMInferenceService")
"""Objects that say by which URL their platform lets requests in."""


@frozen(kw_only=True)
class WayIn:
    """One way in from outside."""

    kind: str
    name: str
    url: str = ""
    """Empty: no host and no address is known."""
    addresses: tuple[str, ...] = ()
    """Where the host has to lead to; empty where that is not told."""
    waits_for: str = ""
    """Why requests do not get in yet, as far as that can be seen; empty: nothing stands in the way."""


def ways_in(client: Client, manifests: Iterable[Mapping[str, Any]], namespace: str) -> tuple[WayIn, ...]:
    """The way in to the model, as the objects of its last revision are in the cluster; none where nothing leads in.

    What may not be read is told in `waits_for`.
    """
    return tuple(_look(client, ref) for ref in _refs(manifests, namespace))


def _refs(manifests: Iterable[Mapping[str, Any]], namespace: str) -> Iterator[Ref]:
    for body in manifests:
        kind, name = text_at(body, "kind"), text_at(body, "metadata", "name")
        labels = trees.part(body, "metadata", "labels")
        is_way_in = kind in _KINDS and labels.get(_COMPONENT) == "way-in" and not _is_dashboard(body)
        if is_way_in or kind in PLATFORM_KINDS:
            yield Ref(text_at(body, "apiVersion"), kind, name, namespace)


def _is_dashboard(body: Mapping[str, Any]) -> bool:
    """Ray's own pages have a host of their own."""
    spec = trees.part(body, "spec")
    hosts = (
        *(str(each.get("host", "")) for each in trees.items(spec, "rules")),
        *map(str, spec.get("hostnames") or ()),
        str(spec.get("host", "")),
    )
    return any(host.startswith("dashboard.") for host in hosts)


def _look(client: Client, ref: Ref) -> WayIn:
    try:
        live = client.find(ref)
        gateways = _gateways(client, live) if live is not None and ref.kind == "HTTPRoute" else {}
    except errors.ShardwrightError as problem:
        return WayIn(kind=ref.kind, name=ref.name, waits_for=problem.message)
    if live is None:
        return WayIn(kind=ref.kind, name=ref.name, waits_for=f"there is no {ref.kind} {ref.name}")
    return way_in_of(live, gateways)


def _gateways(client: Client, route: Mapping[str, Any]) -> dict[str, Tree | str]:
    """The Gateways that a route names, or why one cannot be read."""
    found: dict[str, Tree | str] = {}
    for namespace, name in dict.fromkeys(each.gateway for each in ways_in_reading.routes_of(route)):
        try:
            found[f"{namespace}/{name}"] = client.get(Ref(_GATEWAY_API, "Gateway", name, namespace))
        except errors.ShardwrightError as problem:
            found[f"{namespace}/{name}"] = problem.message
    return found


def way_in_of(live: Mapping[str, Any], gateways: Mapping[str, Tree | str] | None = None) -> WayIn:
    """What an object says of itself; `gateways` by namespace and name: a Gateway, or why it is not there."""
    kind, name = text_at(live, "kind"), text_at(live, "metadata", "name")
    spec, status = trees.part(live, "spec"), trees.part(live, "status")
    if kind == "Ingress":
        return _ingress(name, spec, status)
    if kind == "Route":
        return _route(name, spec, status)
    if kind == "HTTPRoute":
        return _http_route(live, gateways or {})
    url = str(status.get("url") or "")
    return WayIn(kind=kind, name=name, url=url, waits_for="" if url else f"{kind} {name} has no URL yet")


def _ingress(name: str, spec: Tree, status: Tree) -> WayIn:
    rule = _first(spec, "rules")
    found = trees.items(trees.part(status, "loadBalancer"), "ingress")
    addresses = tuple(str(each.get("hostname") or each.get("ip")) for each in found)
    waits = "" if addresses else f"no controller has given Ingress {name} an address yet"
    url = _url(str(rule.get("host") or ""), addresses, is_encrypted=bool(trees.items(spec, "tls")))
    return WayIn(kind="Ingress", name=name, url=url, addresses=addresses, waits_for=waits)


def _route(name: str, spec: Tree, status: Tree) -> WayIn:
    routers = trees.items(status, "ingress")
    host = str(spec.get("host") or next((each.get("host") for each in routers if each.get("host")), ""))
    addresses = tuple(str(each["routerCanonicalHostname"]) for each in routers if each.get("routerCanonicalHostname"))
    refused = [_refusal(each, "Admitted") for each in routers]
    waits = "" if routers else f"no router has admitted Route {name} yet"
    waits = waits or (next(filter(None, refused), "") if all(refused) else "")
    url = _url(host, (), is_encrypted=bool(spec.get("tls")), path=str(spec.get("path") or ""))
    return WayIn(kind="Route", name=name, url=url, addresses=addresses, waits_for=waits)


def _http_route(live: Mapping[str, Any], gateways: Mapping[str, Tree | str]) -> WayIn:
    name, spec = text_at(live, "metadata", "name"), trees.part(live, "spec")
    parents = trees.items(trees.part(live, "status"), "parents")
    host = next(map(str, spec.get("hostnames") or ()), "")
    known = [each for each in gateways.values() if not isinstance(each, str)]
    addresses = tuple(
        str(one.get("value")) for each in known for one in trees.items(trees.part(each, "status"), "addresses")
    )
    rule = _first(spec, "rules")
    match = _first(rule, "matches")
    url = _url(
        host,
        addresses,
        is_encrypted=any(_encrypts(each, host) for each in known),
        path=str(trees.part(match, "path").get("value") or ""),
    )
    refused = [_refusal(each, "Accepted") or _refusal(each, "ResolvedRefs") for each in parents]
    missing = [each for each in gateways.values() if isinstance(each, str)]
    waits = next(iter(missing), "") or ("" if parents else f"no Gateway has accepted HTTPRoute {name} yet")
    waits = waits or (next(filter(None, refused), "") if all(refused) else "")
    waits = waits or ("" if addresses else f"{', '.join(f'Gateway {each}' for each in gateways)} has no address yet")
    return WayIn(kind="HTTPRoute", name=name, url=url, addresses=addresses, waits_for=waits)


def _first(tree: Tree, part: str) -> Tree:
    """The first of a list; empty where there is none."""
    found = trees.items(tree, part)
    return dict(found[0]) if found else {}


def _encrypts(gateway: Tree, host: str) -> bool:
    """Whether the listener that fits the host best speaks TLS."""
    fitting = [each for each in trees.items(trees.part(gateway, "spec"), "listeners") if _fits(each, host)]
    return any(str(each.get("protocol")) in {"HTTPS", "TLS"} for each in fitting)


def _fits(listener: Tree, host: str) -> bool:
    own = str(listener.get("hostname") or "")
    return not own or own == host or (own.startswith("*.") and host.endswith(own[1:]))


def _refusal(said: Tree, condition: str) -> str:
    """Why a condition is not true; empty if it is, or nothing is said of it."""
    for each in trees.items(said, "conditions"):
        if each.get("type") == condition and each.get("status") == "False":
            return f"{condition} is False: {each.get('message') or each.get('reason')}"
    return ""


def _url(host: str, addresses: tuple[str, ...], *, is_encrypted: bool, path: str = "") -> str:
    at = host or next(iter(addresses), "")
    at = f"[{at}]" if ":" in at else at
    return f"{'https' if is_encrypted else 'http'}://{at}{path.rstrip('/')}" if at else ""
