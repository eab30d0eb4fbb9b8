"""Objects by which requests reach a Service from outside, as typed values.

Source: Kubernetes API reference 1.36 (Ingress), Gateway API v1.3 (HTTPRoute), OpenShift 4.20 API (Route).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shardwright.kubernetes.podspec import Metadata, NameRef

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


@dataclass(frozen=True, slots=True)
class PortName:
    """A port of a Service, by name."""

    name: str


@dataclass(frozen=True, slots=True)
class IngressService:
    """The Service behind a path."""

    name: str
    port: PortName


@dataclass(frozen=True, slots=True)
class IngressBackend:
    """What answers."""

    service: IngressService


@dataclass(frozen=True, slots=True, kw_only=True)
class IngressPath:
    """All requests below a path."""

    path: str
    path_type: str = "Prefix"
    backend: IngressBackend


@dataclass(frozen=True, slots=True)
class IngressPaths:
    """Paths of a host."""

    paths: tuple[IngressPath, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IngressRule:
    """A host; all hosts if none is named."""

    host: str | None = None
    http: IngressPaths


@dataclass(frozen=True, slots=True, kw_only=True)
class IngressTls:
    """The certificate of hosts; the controller's own if no Secret is named."""

    hosts: tuple[str, ...] = ()
    secret_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IngressSpec:
    """Which controller, which hosts."""

    ingress_class_name: str | None = None
    tls: tuple[IngressTls, ...] = ()
    rules: tuple[IngressRule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingress:
    """A way in by an ingress controller."""

    api_version: str = field(default="networking.k8s.io/v1", init=False)
    kind: str = field(default="Ingress", init=False)
    metadata: Metadata
    spec: IngressSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentRef:
    """The Gateway that a route joins."""

    name: str
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class PathMatch:
    """All paths below one."""

    type: str
    value: str


@dataclass(frozen=True, slots=True)
class Match:
    """Which requests a rule is for."""

    path: PathMatch


@dataclass(frozen=True, slots=True)
class PathRewrite:
    """What stands in place of the matched path."""

    type: str
    replace_prefix_match: str


@dataclass(frozen=True, slots=True)
class Rewrite:
    """How a request's address is changed."""

    path: PathRewrite


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteFilter:
    """A change of requests."""

    type: str = "URLRewrite"
    url_rewrite: Rewrite


@dataclass(frozen=True, slots=True)
class BackendRef:
    """The Service that answers."""

    name: str
    port: int


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a request may take; `0s` is without limit."""

    request: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRule:
    """Requests and what answers them."""

    matches: tuple[Match, ...]
    filters: tuple[RouteFilter, ...] = ()
    backend_refs: tuple[BackendRef, ...]
    timeouts: Timeouts


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRouteSpec:
    """Gateways, hosts and rules."""

    parent_refs: tuple[ParentRef, ...]
    hostnames: tuple[str, ...] = ()
    rules: tuple[RouteRule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRoute:
    """A way in by the Gateway API."""

    api_version: str = field(default="gateway.networking.k8s.io/v1", init=False)
    kind: str = field(default="HTTPRoute", init=False)
    metadata: Metadata
    spec: HttpRouteSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTarget:
    """The Service behind a Route."""

    kind: str = "Service"
    name: str
    weight: int = 100


@dataclass(frozen=True, slots=True)
class RoutePort:
    """A port of the Service, by name."""

    target_port: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTls:
    """Where encryption ends, and with which certificate; the router's own if none is named."""

    termination: str = "edge"
    insecure_edge_termination_policy: str = "Redirect"
    external_certificate: NameRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSpec:
    """Host, path and Service of a Route."""

    host: str | None = None
    path: str | None = None
    to: RouteTarget
    port: RoutePort
    tls: RouteTls | None = None
    wildcard_policy: str = "None"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A way in by OpenShift's router."""

    api_version: str = field(default="route.openshift.io/v1", init=False)
    kind: str = field(default="Route", init=False)
    metadata: Metadata
    spec: RouteSpec
