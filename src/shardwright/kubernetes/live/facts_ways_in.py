"""Reads what lets requests in from outside: Gateways with their listeners, classes of Ingresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from shardwright.core.preflight import facts
from shardwright.kubernetes.client import Ref
from shardwright.kubernetes.live.facts_asking import all_views, one_view
from shardwright.kubernetes.live.facts_views import StorageClassView
from shardwright.kubernetes.live.views import Condition  # noqa: TC001 - a view is decoded by its annotations

if TYPE_CHECKING:
    from shardwright.kubernetes.client import Client

__all__ = ["ingress_classes", "read_gateway"]

_GROUP = "gateway.networking.k8s.io"
_DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"
_READY = ("Accepted", "Programmed")
_UNTOUCHED = "Pending"
"""What the definition itself writes as the reason of conditions that no controller has set."""


class _View(msgspec.Struct, rename="camel", frozen=True):
    """All views: camelCase there, snake_case here."""


class _Namespaces(_View, frozen=True):
    from_: str = msgspec.field(name="from", default="Same")
    selector: dict[str, Any] = {}


class _RouteKind(_View, frozen=True):
    kind: str = ""


class _Allowed(_View, frozen=True):
    namespaces: _Namespaces = _Namespaces()
    kinds: list[_RouteKind] = []


class _Listener(_View, frozen=True):
    name: str = ""
    protocol: str = ""
    hostname: str = ""
    allowed_routes: _Allowed = _Allowed()


class _Spec(_View, frozen=True):
    listeners: list[_Listener] = []


class _Status(_View, frozen=True):
    conditions: list[Condition] = []


class _Gateway(_View, frozen=True):
    spec: _Spec = _Spec()
    status: _Status = _Status()


def read_gateway(client: Client, place: tuple[str, str]) -> facts.Gateway | None:
    """A Gateway by namespace and name; None if there is none, or the server has no such kind."""
    served = client.kinds.served(_GROUP, "Gateway")
    if not served:
        return None
    view = one_view(client, Ref(served[0].api_version, "Gateway", place[1], place[0]), _Gateway)
    if view is None:
        return None
    said = [each for each in view.status.conditions if each.reason != _UNTOUCHED]
    against = [each for each in said if each.type in _READY and each.status == "False"]
    return facts.Gateway(
        listeners=tuple(map(_listener, view.spec.listeners)),
        hindrance="; ".join(f"{each.type} is False: {each.message or each.reason}" for each in against),
        is_taken=bool(said),
    )


def _listener(view: _Listener) -> facts.Listener:
    allowed = view.allowed_routes
    return facts.Listener(
        name=view.name,
        protocol=view.protocol,
        host=view.hostname,
        kinds=frozenset(each.kind for each in allowed.kinds),
        takes_from=allowed.namespaces.from_,
        selector=allowed.namespaces.selector,
    )


def ingress_classes(client: Client) -> dict[str, bool]:
    """Names of classes, each with whether it is the default."""
    found = all_views(client, Ref("networking.k8s.io/v1", "IngressClass"), StorageClassView)
    return {each.metadata.name: each.metadata.annotations.get(_DEFAULT_CLASS) == "true" for each in found}
