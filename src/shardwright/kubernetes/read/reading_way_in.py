"""How a model is reached as fields: the Service before its pods, and the Ingress, HTTPRoute or Route that leads to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.kubernetes.read.reading_pods import first_of, items_of, maps_of, texts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from shardwright.core.importing import Fields, Surroundings
    from shardwright.core.manifests.objects import Object

__all__ = ["way_in_of"]


def way_in_of(
    surroundings: Surroundings, labels: Mapping[str, str], namespace: str, *, services: tuple[str, ...] = ()
) -> tuple[Fields, tuple[Object, ...]]:
    """`expose.*`, and the objects that make it: Services whose selector fits `labels` or that are named, and what leads to them.

    `labels` are those of the pods that answer, with the ones that the platform's controller gives them.
    """
    found = [each for each in surroundings.of_kind("Service") if _leads(each, labels, namespace, services)]
    if not found:
        return {"expose.kind": "none"}, ()
    names = {each.name for each in found}
    for kind, reader in _READERS.items():
        for each in surroundings.of_kind(kind):
            if names & set(_backends(each.get("spec"))) and _same(each.namespace, namespace):
                return reader(each), (*found, each)
    return {}, tuple(found)


def _same(one: str, other: str) -> bool:
    return (one or "default") == (other or "default")


def _leads(service: Object, labels: Mapping[str, str], namespace: str, services: tuple[str, ...]) -> bool:
    selector = texts_of(service.get("spec", "selector"))
    is_headless = service.get("spec", "clusterIP") == "None"
    fits = bool(selector) and selector.items() <= dict(labels).items() and not is_headless
    return _same(service.namespace, namespace) and (fits or service.name in services)


def _backends(tree: object) -> Iterator[str]:
    """Names of the Services in a tree: `service.name`, `backendRefs[].name`, `to.name`."""
    if isinstance(tree, list):
        for each in tree:  # pyright: ignore[reportUnknownVariableType] - JSON
            yield from _backends(each)  # pyright: ignore[reportUnknownArgumentType] - JSON
    elif isinstance(tree, dict):
        for key, value in tree.items():  # pyright: ignore[reportUnknownVariableType] - JSON
            if key in {"service", "to"} and isinstance(value, dict) and isinstance(value.get("name"), str):  # pyright: ignore[reportUnknownMemberType] - JSON
                yield str(value["name"])  # pyright: ignore[reportUnknownArgumentType] - JSON
            elif key == "backendRefs":
                yield from (str(each.get("name")) for each in items_of(value))  # pyright: ignore[reportUnknownArgumentType] - JSON
            else:
                yield from _backends(value)  # pyright: ignore[reportUnknownArgumentType] - JSON


def _ingress(each: Object) -> Fields:
    rule = first_of(each.get("spec", "rules"))
    tls = next(iter(items_of(each.get("spec", "tls"))), None)
    fields: Fields = {
        "expose.kind": "ingress",
        "expose.host": rule.get("host"),
        "expose.ingressClass": each.text_at("spec", "ingressClassName"),
    }
    return {**fields, **({"expose.tls.secret": tls.get("secretName")} if tls is not None else {})}


def _http_route(each: Object) -> Fields:
    parent = first_of(each.get("spec", "parentRefs"))
    names = [str(name) for name in each.list_at("spec", "hostnames")]
    rule = first_of(each.get("spec", "rules"))
    match = first_of(rule.get("matches"))
    gateway = "/".join(str(parent[name]) for name in ("namespace", "name") if parent.get(name))
    return {
        "expose.kind": "gateway",
        "expose.gateway": gateway,
        "expose.host": names[0] if names else None,
        "expose.path": _path(maps_of(match, "path").get("value")),
    }


def _route(each: Object) -> Fields:
    tls = each.get("spec", "tls")
    certificate = each.text_at("spec", "tls", "externalCertificate", "name")
    fields: Fields = {
        "expose.kind": "route",
        "expose.host": each.text_at("spec", "host"),
        "expose.path": _path(each.text_at("spec", "path")),
    }
    return {**fields, **({"expose.tls": {"secret": certificate} if certificate else _EMPTY} if tls else {})}


def _path(value: object) -> str | None:
    return value.rstrip("/") or None if isinstance(value, str) else None


_EMPTY: dict[str, str] = {}

_READERS: dict[str, Callable[[Object], Fields]] = {"Ingress": _ingress, "HTTPRoute": _http_route, "Route": _route}
