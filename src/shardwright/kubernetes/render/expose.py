"""How a model is reached from outside: the Service before its leaders, and what leads to it.

An answer may be streamed for minutes, and routers end silent requests after 30 to 60 seconds: where an object can say
so, it allows an hour. The path of `expose.path` is taken off again, because engines answer at `/v1`.
Source: Kubernetes 1.36 (Ingress), Gateway API v1.3 (HTTPRoute), OpenShift 4.20 (Route and its annotations).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.kubernetes.render import labels, network
from shardwright.kubernetes.render.objects import Service, ServicePort, ServiceSpec
from shardwright.kubernetes.render.podspec import NameRef
from shardwright.kubernetes.render.way_in import (
    BackendRef,
    HttpRoute,
    HttpRouteSpec,
    Ingress,
    IngressBackend,
    IngressPath,
    IngressPaths,
    IngressRule,
    IngressService,
    IngressSpec,
    IngressTls,
    Match,
    ParentRef,
    PathMatch,
    PathRewrite,
    PortName,
    Rewrite,
    Route,
    RouteFilter,
    RoutePort,
    RouteRule,
    RouteSpec,
    RouteTarget,
    RouteTls,
    Timeouts,
)
from shardwright.kubernetes.rules.findings import error, info, unknown, warning
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from shardwright.core.deployment import Deployment
    from shardwright.core.recipe.model import Expose
    from shardwright.core.rules import Finding
    from shardwright.kubernetes.render.objects import KubernetesObject

__all__ = ["PORT_NAME", "dashboard_of", "findings_of", "service_of", "way_in_of"]

PORT_NAME = "http"
_LONGEST_REQUEST_SECONDS = 3600
_TLS_KINDS = ("ingress", "route")
_PATH_KINDS = ("gateway", "route")
_HOST_KINDS = ("ingress", "gateway", "route")


def service_of(deployment: Deployment, name: str, selector: Mapping[str, str], *, port: int) -> Service | None:
    """The Service before the pods that answer; None where nothing is exposed."""
    recipe = deployment.recipe
    if recipe.expose.kind == "none":
        return None
    return Service(
        metadata=labels.metadata(deployment, name, "api"),
        spec=ServiceSpec(
            ip_families=network.service_families(recipe),
            selector=dict(selector),
            ports=(ServicePort(name=PORT_NAME, port=port, target_port=port),),
        ),
    )


@frozen
class Destination:
    """Where requests from outside go."""

    name: str
    """Of the object that leads there."""
    service: str
    port: int
    port_name: str = PORT_NAME
    prefix: str = ""
    """What comes before the recipe's host; empty: that host itself."""
    path: str = "/"

    def host(self, deployment: Deployment) -> str | None:
        """The host under which it is reached; None for all hosts."""
        asked = deployment.recipe.expose.host
        return f"{self.prefix}{asked}" if asked else None


def way_in_of(deployment: Deployment, service: str, *, port: int, name: str = "") -> KubernetesObject | None:
    """What leads from outside to a Service with a port named `http`; None where the Service is all that is asked for."""
    maker = _MAKERS.get(deployment.recipe.expose.kind)
    return (
        maker(deployment, Destination(name or service, service, port, path=deployment.recipe.expose.path))
        if maker
        else None
    )


def dashboard_of(deployment: Deployment, name: str, service: str, port: int, port_name: str) -> KubernetesObject | None:
    """What leads to a dashboard, on the host `dashboard.` before the model's; None where that is not asked for."""
    asked = deployment.recipe.expose
    maker = _MAKERS.get(asked.kind) if asked.dashboard and asked.host else None
    return maker(deployment, Destination(name, service, port, port_name, "dashboard.")) if maker else None


def findings_of(
    deployment: Deployment, *, platform_auth: tuple[str, ...] = (), dashboard: str = ""
) -> Iterator[Finding]:
    """What the way in cannot carry, and what only the cluster can tell.

    `platform_auth`: targets that check tokens; `dashboard`: the Service and port of the one that this target has.
    """
    asked = deployment.recipe.expose
    yield from _unsupported(asked)
    yield from _dashboard(asked, dashboard)
    yield from _authentication(deployment, platform_auth)
    yield from _expected(deployment)


def _unsupported(asked: Expose) -> Iterator[Finding]:
    given = {
        "tls": (asked.tls is not None, _TLS_KINDS, "a Gateway's listener decides on encryption, a Service has none"),
        "path": (asked.path != "/", _PATH_KINDS, "engines answer at /v1, and an Ingress cannot take a path off again"),
        "host": (asked.host is not None, _HOST_KINDS, "a Service has no host of its own"),
    }
    for name, (is_set, kinds, why) in given.items():
        if is_set and asked.kind not in kinds:
            yield error(
                f"expose.{name}",
                path=f"expose.{name}",
                value=asked.kind,
                message=f"{name} cannot be carried by kind: {asked.kind}; {' and '.join(kinds)} can",
                why=why,
                fix=f"remove expose.{name}, or set expose.kind to one of {', '.join(kinds)}",
            )


def _dashboard(asked: Expose, has: str) -> Iterator[Finding]:
    """A dashboard needs a platform that has one, and a host of its own; whoever reaches it runs what he likes."""
    if not asked.dashboard:
        return
    if not has:
        yield warning(
            "expose.no-dashboard",
            path="expose.dashboard",
            value="true",
            message="this target has no dashboard",
            fix="remove expose.dashboard, or use target.kind: kuberay",
            requirements=("R107",),
        )
    elif asked.kind not in _HOST_KINDS or not asked.host:
        yield info(
            "expose.dashboard-inside",
            path="expose.dashboard",
            value=asked.kind,
            message=f"the dashboard is reached inside the cluster alone, at {has}",
            fix="give expose.kind ingress, gateway or route with expose.host: it is then at dashboard.HOST",
            requirements=("R107",),
        )
    else:
        yield warning(
            "expose.dashboard-open",
            path="expose.dashboard",
            value=f"dashboard.{asked.host}",
            message=f"whoever reaches dashboard.{asked.host} can run programs in the cluster",
            why="Ray's dashboard takes jobs and asks for no password",
            fix="let the controller of the way in check who asks, or remove expose.dashboard and use kubectl port-forward",
            requirements=("R107",),
        )


def _authentication(deployment: Deployment, platform_auth: tuple[str, ...]) -> Iterator[Finding]:
    asked = deployment.recipe.expose
    if asked.auth is not None and asked.auth.platform and not platform_auth:
        yield error(
            "expose.auth",
            path="expose.auth.platform",
            value="true",
            message="this target has nothing that checks a platform's tokens; openshift-ai and llmisvc have",
            fix="use expose.auth: {apiKey: {secret: NAME, key: KEY}}, which the engine checks itself",
        )
    if asked.auth is None and asked.kind in _HOST_KINDS:
        yield warning(
            "expose.open",
            path="expose.auth",
            message="everybody who reaches the way in may use the model",
            fix="give expose.auth: {apiKey: {secret: NAME, key: KEY}}",
        )
    if asked.auth is not None and asked.auth.api_key is not None:
        name = deployment.recipe.metadata.namespace
        reference = asked.auth.api_key
        if not any(entry.value == reference for entry in deployment.leader.environment):
            yield error(
                "expose.auth",
                path="expose.auth.apiKey",
                value=deployment.plan.engine.name,
                message=f"{deployment.plan.engine.name} was not told to check a key",
                fix="remove expose.auth, or use an engine that checks keys",
            )
        yield unknown(
            "expose.key-needed",
            path="expose.auth.apiKey",
            value=f"{reference.secret}/{reference.key}",
            message=f"Secret {reference.secret} with key {reference.key} must be in namespace {name}",
            fix=f"kubectl create secret generic {reference.secret} -n {name} --from-literal={reference.key}=VALUE",
            requirements=("R123",),
        )


def _expected(deployment: Deployment) -> Iterator[Finding]:
    asked = deployment.recipe.expose
    if asked.kind == "ingress":
        yield info(
            "expose.ingress-timeout",
            path="expose.kind",
            value="ingress",
            message="an Ingress says nothing of time-outs; many controllers end a silent request after 60 seconds",
            fix="raise the controller's read time-out by metadata.annotations, or stream answers",
        )
    if asked.kind == "gateway":
        yield unknown(
            "expose.gateway-expected",
            path="expose.gateway",
            value=str(asked.gateway),
            message=f"Gateway {asked.gateway} must exist and admit routes of namespace {deployment.recipe.metadata.namespace}",
            fix="kubectl get gateway -A shows its listeners and allowedRoutes",
        )
    secret = asked.tls.secret if asked.tls else None
    if secret and asked.kind in _TLS_KINDS:
        yield unknown(
            "expose.certificate-expected",
            path="expose.tls.secret",
            value=secret,
            message=f"Secret {secret} of type kubernetes.io/tls must be in namespace {deployment.recipe.metadata.namespace}",
            why="a Route reads it only where externalCertificate is supported (OpenShift 4.19) and the router may read it"
            if asked.kind == "route"
            else "",
            fix=f"kubectl create secret tls {secret} --cert=FILE --key=FILE",
        )


def _ingress(deployment: Deployment, to: Destination) -> Ingress:
    asked, host = deployment.recipe.expose, to.host(deployment)
    hosts = (host,) if host else ()
    backend = IngressBackend(IngressService(to.service, PortName(to.port_name)))
    return Ingress(
        metadata=labels.metadata(deployment, to.name, "way-in"),
        spec=IngressSpec(
            ingress_class_name=asked.ingress_class,
            tls=(IngressTls(hosts=hosts, secret_name=asked.tls.secret),) if asked.tls else (),
            rules=(IngressRule(host=host, http=IngressPaths((IngressPath(path="/", backend=backend),))),),
        ),
    )


def _http_route(deployment: Deployment, to: Destination) -> HttpRoute:
    asked, host = deployment.recipe.expose, to.host(deployment)
    namespace, _, name = (asked.gateway or "").rpartition("/")
    rewrite = RouteFilter(url_rewrite=Rewrite(PathRewrite("ReplacePrefixMatch", "/")))
    return HttpRoute(
        metadata=labels.metadata(deployment, to.name, "way-in"),
        spec=HttpRouteSpec(
            parent_refs=(ParentRef(name=name, namespace=namespace or None),),
            hostnames=(host,) if host else (),
            rules=(
                RouteRule(
                    matches=(Match(PathMatch("PathPrefix", to.path)),),
                    filters=(rewrite,) if to.path != "/" else (),
                    backend_refs=(BackendRef(to.service, to.port),),
                    timeouts=Timeouts(f"{_LONGEST_REQUEST_SECONDS}s"),
                ),
            ),
        ),
    )


def _route(deployment: Deployment, to: Destination) -> Route:
    asked = deployment.recipe.expose
    annotations = {"haproxy.router.openshift.io/timeout": f"{_LONGEST_REQUEST_SECONDS}s"}
    if to.path != "/":
        annotations["haproxy.router.openshift.io/rewrite-target"] = "/"
    tls = None
    if asked.tls is not None:
        tls = RouteTls(external_certificate=NameRef(asked.tls.secret) if asked.tls.secret else None)
    return Route(
        metadata=labels.metadata(deployment, to.name, "way-in", annotations),
        spec=RouteSpec(
            host=to.host(deployment),
            path=to.path if to.path != "/" else None,
            to=RouteTarget(name=to.service),
            port=RoutePort(to.port_name),
            tls=tls,
        ),
    )


_MAKERS: dict[str, Callable[[Deployment, Destination], KubernetesObject]] = {
    "ingress": _ingress,
    "gateway": _http_route,
    "route": _route,
}
