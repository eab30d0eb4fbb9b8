"""Objects by which requests reach a Service from outside, as typed values.

Source: Kubernetes API reference 1.36 (Ingress), Gateway API v1.3 (HTTPRoute), OpenShift 4.20 API (Route).
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.kubernetes.render.podspec import Metadata, NameRef

__all__ = [
    "BackendRef",
    "HttpRoute",
    "HttpRouteSpec",
    "Ingress",
    "IngressBackend",
    "IngressPath",
    "IngressPaths",
    "IngressRule",
    "IngressService",
    "IngressSpec",
    "IngressTls",
    "Match",
    "ParentRef",
    "PathMatch",
    "PathRewrite",
    "PortName",
    "Rewrite",
    "Route",
    "RouteFilter",
    "RoutePort",
    "RouteRule",
    "RouteSpec",
    "RouteTarget",
    "RouteTls",
    "Timeouts",
]


@frozen
class PortName:
    """A port of a Service, by name."""

    name: str


@frozen
class IngressService:
    """The Service behind a path."""

    name: str
    port: PortName


@frozen
class IngressBackend:
    """What answers."""

    service: IngressService


@frozen(kw_only=True)
class IngressPath:
    """All requests below a path."""

    path: str
    path_type: str = "Prefix"
    backend: IngressBackend


@frozen
class IngressPaths:
    """Paths of a host."""

    paths: tuple[IngressPath, ...]


@frozen(kw_only=True)
class IngressRule:
    """A host; all hosts if none is named."""

    host: str | None = None
    http: IngressPaths


@frozen(kw_only=True)
class IngressTls:
    """The certificate of hosts; the controller's own if no Secret is named."""

    hosts: tuple[str, ...] = ()
    secret_name: str | None = None


@frozen(kw_only=True)
class IngressSpec:
    """Which controller, which hosts."""

    ingress_class_name: str | None = None
    tls: tuple[IngressTls, ...] = ()
    rules: tuple[IngressRule, ...]


@frozen(kw_only=True)
class Ingress:
    """A way in by an ingress controller."""

    api_version: str = field(default="networking.k8s.io/v1", init=False)
    kind: str = field(default="Ingress", init=False)
    metadata: Metadata
    spec: IngressSpec


@frozen(kw_only=True)
class ParentRef:
    """The Gateway that a route joins."""

    name: str
    namespace: str | None = None


@frozen
class PathMatch:
    """All paths below one."""

    type: str
    value: str


@frozen
class Match:
    """Which requests a rule is for."""

    path: PathMatch


@frozen
class PathRewrite:
    """What stands in place of the matched path."""

    type: str
    replace_prefix_match: str


@frozen
class Rewrite:
    """How a request's address is changed."""

    path: PathRewrite


@frozen(kw_only=True)
class RouteFilter:
    """A change of requests."""

    type: str = "URLRewrite"
    url_rewrite: Rewrite


@frozen
class BackendRef:
    """The Service that answers."""

    name: str
    port: int


@frozen
class Timeouts:
    """How long a request may take; `0s` is without limit."""

    request: str


@frozen(kw_only=True)
class RouteRule:
    """Requests and what answers them."""

    matches: tuple[Match, ...]
    filters: tuple[RouteFilter, ...] = ()
    backend_refs: tuple[BackendRef, ...]
    timeouts: Timeouts


@frozen(kw_only=True)
class HttpRouteSpec:
    """Gateways, hosts and rules."""

    parent_refs: tuple[ParentRef, ...]
    hostnames: tuple[str, ...] = ()
    rules: tuple[RouteRule, ...]


@frozen(kw_only=True)
class HttpRoute:
    """A way in by the Gateway API."""

    api_version: str = field(default="gateway.networking.k8s.io/v1", init=False)
    kind: str = field(default="HTTPRoute", init=False)
    metadata: Metadata
    spec: HttpRouteSpec


@frozen(kw_only=True)
class RouteTarget:
    """The Service behind a Route."""

    kind: str = "Service"
    name: str
    weight: int = 100


@frozen
class RoutePort:
    """A port of the Service, by name."""

    target_port: str


@frozen(kw_only=True)
class RouteTls:
    """Where encryption ends, and with which certificate; the router's own if none is named."""

    termination: str = "edge"
    insecure_edge_termination_policy: str = "Redirect"
    external_certificate: NameRef | None = None


@frozen(kw_only=True)
class RouteSpec:
    """Host, path and Service of a Route."""

    host: str | None = None
    path: str | None = None
    to: RouteTarget
    port: RoutePort
    tls: RouteTls | None = None
    wildcard_policy: str = "None"


@frozen(kw_only=True)
class Route:
    """A way in by OpenShift's router."""

    api_version: str = field(default="route.openshift.io/v1", init=False)
    kind: str = field(default="Route", init=False)
    metadata: Metadata
    spec: RouteSpec
