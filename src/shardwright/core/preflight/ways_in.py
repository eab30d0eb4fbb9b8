"""What a way in from outside leads through: the Gateway that takes its route, the class of its Ingress, its certificate.

Source: Gateway API 1.3 (listeners and allowedRoutes), Kubernetes 1.36 (IngressClass), OpenShift 4.20 (externalCertificate).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.preflight import placing, telling
from shardwright.core.preflight.facts import NOT_ASKED, Gateway, Namespace, Untold

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shardwright.core.preflight.facts import ClusterFacts, Listener
    from shardwright.core.preflight.needs import CertificateNeed, Needs, RouteNeed
    from shardwright.core.rules.finding import Finding

__all__ = ["check_ways_in"]

_CERTIFICATE = "kubernetes.io/tls"
_KEYS = frozenset({"tls.crt", "tls.key"})
_HTTP = frozenset({"HTTP", "HTTPS"})
_OWN_NAME = "kubernetes.io/metadata.name"


def check_ways_in(needs: Needs, facts: ClusterFacts) -> Iterator[Finding]:
    """All that the way in leads through."""
    for route in needs.routes:
        yield _gateway(needs, route, facts)
    for name in needs.ingress_classes:
        yield _class(name, facts.ingress_classes)
    for each in needs.certificates:
        yield _certificate(needs, each, facts)


def _gateway(needs: Needs, route: RouteNeed, facts: ClusterFacts) -> Finding:
    """The Gateway of a route is there and takes it."""
    told = "/".join(route.gateway)
    found = facts.gateways.get(route.gateway, NOT_ASKED)
    if isinstance(found, Untold):
        return telling.unknown("cluster.gateway", f"whether there is a Gateway {told}", found)
    if found is None:
        return telling.wrong(
            "cluster.gateway",
            f"there is no Gateway {told}",
            why="the route has nothing to be at, and nothing leads to the model",
            fix="kubectl get gateway -A shows those that there are; expose.gateway names one as NAMESPACE/NAME",
            value=told,
        )
    refusals = [_refusal(each, needs, route, facts.namespace) for each in found.listeners]
    if "" not in refusals:
        inside = f" of namespace {needs.namespace}"
        why = "; ".join(refusals) or "it has no listener"
        return telling.wrong(
            "cluster.gateway",
            f"Gateway {told} takes no route{inside}{_for(route)}: {why}",
            why="its controller leaves the route aside, and nothing leads to the model",
            fix="have a listener that takes it (allowedRoutes, hostname), or name another Gateway or host: "
            "expose.gateway, expose.host",
            value=told,
        )
    return _taken(told, found, route)


def _taken(told: str, found: Gateway, route: RouteNeed) -> Finding:
    """The controller of a Gateway has made it ready."""
    if found.hindrance or not found.is_taken:
        return telling.warn(
            "cluster.gateway",
            f"Gateway {told} is not ready: {found.hindrance or 'no controller has said anything of it'}",
            why="the model is not reached from outside before it is",
            fix=f"kubectl describe gateway {told.partition('/')[2]} -n {told.partition('/')[0]}",
            value=told,
        )
    return telling.fine("cluster.gateway", f"Gateway {told} takes the route{_for(route)}", value=told)


def _for(route: RouteNeed) -> str:
    return f" for {', '.join(route.hosts)}" if route.hosts else ""


def _refusal(listener: Listener, needs: Needs, route: RouteNeed, namespace: Namespace | Untold | None) -> str:
    """Why a listener does not take a route; empty if it does, as far as can be told."""
    if route.listener and route.listener != listener.name:
        return f"listener {listener.name} is another one than {route.listener}"
    if (listener.kinds and "HTTPRoute" not in listener.kinds) or (
        not listener.kinds and listener.protocol in {"TLS", "TCP", "UDP"}
    ):
        return f"listener {listener.name} takes no HTTPRoute"
    if route.hosts and not any(_is_of(host, listener.host) for host in route.hosts):
        return f"listener {listener.name} is for {listener.host}"
    if listener.takes_from == "Same" and route.gateway[0] != needs.namespace:
        return f"listener {listener.name} takes routes of its own namespace"
    if listener.takes_from == "Selector" and not isinstance(namespace, Untold):
        labels = {_OWN_NAME: needs.namespace, **(namespace.labels if namespace else {})}
        if not placing.selects(listener.selector, labels):
            return f"listener {listener.name} takes routes of namespaces with other labels"
    return f"listener {listener.name} takes routes of no namespace" if listener.takes_from == "None" else ""


def _is_of(host: str, known: str) -> bool:
    """Whether names of a route and of a listener have one in common; either may begin with `*.`."""
    if not known or host == known:
        return True
    return any(
        one.startswith("*.") and other.endswith(one[1:]) and len(other) > len(one) - 1
        for one, other in ((known, host), (host, known))
    )


def _class(name: str, classes: Mapping[str, bool] | Untold) -> Finding:
    """An Ingress has a class that some controller acts on."""
    if isinstance(classes, Untold):
        return telling.unknown("cluster.ingress-class", "whose Ingress it will be", classes)
    known = ", ".join(sorted(classes)) or "none"
    defaults = [each for each, is_default in classes.items() if is_default]
    if name and name not in classes:
        return telling.wrong(
            "cluster.ingress-class",
            f"there is no IngressClass {name}; there are: {known}",
            why="no controller acts on the Ingress, and nothing leads to the model",
            fix="set expose.ingressClass to one that is there",
            value=name,
        )
    if not name and not defaults:
        return telling.warn(
            "cluster.ingress-class",
            f"the Ingress names no class, and none is the default; there are: {known}",
            why="only a controller that takes Ingresses without a class acts on it",
            fix="set expose.ingressClass",
        )
    if not name and len(defaults) > 1:
        return telling.warn(
            "cluster.ingress-class",
            f"the Ingress names no class, and several are the default: {', '.join(sorted(defaults))}",
            why="the server takes the newest of them, or refuses the Ingress",
            fix="set expose.ingressClass",
        )
    used = name or defaults[0]
    return telling.fine("cluster.ingress-class", f"the Ingress is of class {used}", value=used)


def _certificate(needs: Needs, need: CertificateNeed, facts: ClusterFacts) -> Finding:
    """The Secret with the certificate of a way in is there."""
    found = facts.secrets.get(need.name, NOT_ASKED)
    if isinstance(found, Untold):
        return telling.unknown(
            "cluster.certificate", f"whether there is a Secret {need.name} with a certificate", found
        )
    if found is not None and found.type == _CERTIFICATE and found.keys >= _KEYS:
        return telling.fine("cluster.certificate", f"Secret {need.name} holds a certificate", value=need.name)
    if found is None and need.is_made:
        return telling.fine(
            "cluster.certificate", f"Secret {need.name} is made by cert-manager, by an annotation", value=need.name
        )
    told = (
        "is not there" if found is None else f"is of type {found.type} with {', '.join(sorted(found.keys)) or 'no key'}"
    )
    message = f"Secret {need.name} with the certificate of the {need.kind} {told}"
    fix = f"kubectl create secret tls {need.name} -n {needs.namespace} --cert=FILE --key=FILE"
    if need.kind == "Route":
        return telling.wrong(
            "cluster.certificate", message, why="the server refuses a Route with it", fix=fix, value=need.name
        )
    return telling.warn(
        "cluster.certificate",
        message,
        why="controllers answer with a certificate of their own until it is there, which clients do not trust",
        fix=fix,
        value=need.name,
    )
