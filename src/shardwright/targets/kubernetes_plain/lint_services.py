"""Services and claims of volumes as the API server accepts them.

Source: Kubernetes v1.36 pkg/apis/core/validation.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach
from shardwright.kubernetes import manifest_pods, names
from shardwright.targets.kubernetes_plain.lint_containers import LARGEST_PORT, is_port_name
from shardwright.targets.kubernetes_plain.lint_names import api_rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object, Value
    from shardwright.core.marked.paths import Path

__all__ = ["RULES"]

_SERVICE = ("Service",)
_CLAIM = ("PersistentVolumeClaim",)
_TYPES = ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName")
_MODES = ("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod")
_SHOWN = 80


def _type(each: Object, _: Context) -> Iterator[Breach]:
    kind, address = each.text_at("spec", "type") or "ClusterIP", each.text_at("spec", "clusterIP")
    if kind not in _TYPES:
        yield Breach(("spec", "type"), f"{kind[:_SHOWN]!r} is not one of: {', '.join(_TYPES)}", kind)
    if kind == "ExternalName" and not each.text_at("spec", "externalName"):
        yield Breach(("spec", "externalName"), "a Service of type ExternalName needs externalName")
    if kind in {"NodePort", "LoadBalancer"} and address == "None":
        yield Breach(
            ("spec", "clusterIP"), f"a Service of type {kind} has an address: clusterIP may not be None", "None"
        )
    elif address not in {"", "None"} and not _is_address(address):
        yield Breach(("spec", "clusterIP"), f"{address[:_SHOWN]!r} is no address of IP and not None", address)
    affinity = each.text_at("spec", "sessionAffinity")
    if affinity not in {"", "None", "ClientIP"}:
        yield Breach(("spec", "sessionAffinity"), f"{affinity[:_SHOWN]!r} is not one of: None, ClientIP", affinity)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _ports(each: Object, _: Context) -> Iterator[Breach]:
    listed = each.list_at("spec", "ports")
    is_bare = each.text_at("spec", "clusterIP") == "None" or each.text_at("spec", "type") == "ExternalName"
    if not listed and not is_bare:
        yield Breach(("spec", "ports"), "a Service needs a port; only a headless one can do without")
    seen: set[str] = set()
    for index, port in enumerate(listed):
        if not isinstance(port, dict):
            continue
        at, name = ("spec", "ports", index), port.get("name")
        yield from _numbers(each, port, at)
        if not name and len(listed) > 1:
            yield Breach((*at, "name"), "of several ports each has a name")
        elif isinstance(name, str) and name and not names.is_dns_1123_label(name):
            yield Breach((*at, "name"), f"{name[:_SHOWN]!r} is no DNS label: small letters, digits and -", name)
        elif isinstance(name, str) and name and name in seen:
            yield Breach((*at, "name"), f"another port is called {name}", name)
        seen.add(str(name))


def _numbers(each: Object, port: dict[str, Value], at: Path) -> Iterator[Breach]:
    for field in ("port", "targetPort", "nodePort"):
        value = port.get(field)
        is_left_out = field != "port" and value == 0
        if isinstance(value, int | float) and not is_left_out and not 0 < value <= LARGEST_PORT:
            yield Breach((*at, field), f"{value} is no port: 1 to {LARGEST_PORT}", str(value))
    target, node = port.get("targetPort"), port.get("nodePort")
    if isinstance(target, str) and target and not is_port_name(target):
        yield Breach(
            (*at, "targetPort"), f"{target[:_SHOWN]!r} is no port and no name of one; numbers have no quotes", target
        )
    if node and (each.text_at("spec", "type") or "ClusterIP") == "ClusterIP":
        yield Breach((*at, "nodePort"), "a Service of type ClusterIP has no port on nodes", str(node))


def _address_kept(each: Object, context: Context) -> Iterator[Breach]:
    old = context.old
    before, now = (old.text_at("spec", "clusterIP") if old else ""), each.text_at("spec", "clusterIP")
    if old is not None and before and now and before != now and old.text_at("spec", "type") != "ExternalName":
        yield Breach(("spec", "clusterIP"), f"clusterIP is {before} now and cannot be changed", now)


def _claim(each: Object, _: Context) -> Iterator[Breach]:
    modes = each.list_at("spec", "accessModes")
    if not modes:
        yield Breach(("spec", "accessModes"), f"accessModes is missing: one of {', '.join(_MODES)}")
    for index, mode in enumerate(modes):
        if isinstance(mode, str) and mode not in _MODES:
            yield Breach(("spec", "accessModes", index), f"{mode[:_SHOWN]!r} is not one of: {', '.join(_MODES)}", mode)
    if "ReadWriteOncePod" in modes and len(modes) > 1:
        yield Breach(("spec", "accessModes"), "ReadWriteOncePod stands alone", "ReadWriteOncePod")
    yield from _size(each)
    mode, storage_class = each.text_at("spec", "volumeMode"), each.text_at("spec", "storageClassName")
    if mode not in {"", "Filesystem", "Block"}:
        yield Breach(
            ("spec", "volumeMode"),
            f"{mode[:_SHOWN]!r} is not one of: Filesystem, Block",
            mode,
            "write volumeMode: Filesystem",
        )
    if storage_class and not names.is_subdomain(storage_class):
        yield Breach(
            ("spec", "storageClassName"),
            f"{storage_class[:_SHOWN]!r} is no DNS name",
            storage_class,
            "name a class as kubectl get storageclass shows it",
        )


def _size(each: Object) -> Iterator[Breach]:
    at = ("spec", "resources", "requests", "storage")
    size = each.get(*at)
    if size is None:
        yield Breach(at, "the size is missing: resources.requests.storage")
        return
    try:
        is_some = manifest_pods.quantity(size) > 0
    except ValueError:
        return
    if not is_some:
        yield Breach(at, f"{size} is no size above 0", str(size))


def _claim_kept(each: Object, context: Context) -> Iterator[Breach]:
    old = context.old
    for name in ("accessModes", "storageClassName", "volumeMode", "selector"):
        if old is not None and name in each.map_at("spec") and each.get("spec", name) != old.get("spec", name):
            yield Breach(("spec", name), f"{name} of a claim cannot be changed")


_WHY = "the API server refuses it"
RULES = (
    api_rule(
        "kubernetes.service-type",
        kinds=_SERVICE,
        title="A Service has a type that there is, and what it needs",
        why=_WHY,
        fix="write ClusterIP, NodePort or LoadBalancer; clusterIP: None only with ClusterIP",
        check=_type,
    ),
    api_rule(
        "kubernetes.service-ports",
        kinds=_SERVICE,
        title="Ports of a Service are numbers from 1 to 65535; of several each has a name",
        why=_WHY,
        fix="correct the port, or give it a name",
        check=_ports,
    ),
    api_rule(
        "kubernetes.service-kept",
        kinds=_SERVICE,
        title="The address of a Service stays as it is",
        why="the API server refuses the update",
        fix="leave clusterIP out, or delete the Service and make it anew",
        check=_address_kept,
    ),
    api_rule(
        "kubernetes.claim",
        kinds=_CLAIM,
        title="A claim says how it is mounted and how large it is",
        why=_WHY,
        fix="write accessModes and resources.requests.storage",
        check=_claim,
    ),
    api_rule(
        "kubernetes.claim-kept",
        kinds=_CLAIM,
        title="A claim stays as it is, but for its size",
        why="the API server refuses the update",
        fix="make another claim and copy what the old one holds",
        check=_claim_kept,
    ),
)
