"""Containers as the API server accepts them: ports, variables, resources, probes, rights.

Source: Kubernetes v1.36 pkg/apis/core/validation; for duplicates that it only warns of, pkg/api/pod/warnings.go.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach
from shardwright.kubernetes import names
from shardwright.kubernetes.manifest_pods import count_of, items, mapping, quantity
from shardwright.targets.kubernetes_plain import workloads
from shardwright.targets.kubernetes_plain.lint_names import api_rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Value
    from shardwright.core.marked.paths import Path
    from shardwright.kubernetes.manifest_pods import Container

__all__ = ["LARGEST_PORT", "RULES", "is_port_name"]

LARGEST_PORT = 65535
_PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_PORT_NAME = 15
_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_LONGEST_KEY = 253
_PROTOCOLS = ("TCP", "UDP", "SCTP")
_PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_TIMES = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")
_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_OWN = ("cpu", "memory", "ephemeral-storage")
_LONGEST_AMOUNT = 64
_SHOWN = 80


def is_port_name(text: str) -> bool:
    """Whether a text can name a port of a container: at most 15 small letters, digits and -, one of them a letter."""
    return len(text) <= _LONGEST_PORT_NAME and _PORT_NAME.fullmatch(text) is not None


def _ports(container: Container) -> Iterator[Breach]:
    seen: set[str] = set()
    for index, each in enumerate(items(container.value.get("ports"))):
        if not isinstance(each, dict):
            continue
        at = (*container.path, "ports", index)
        yield from _port_numbers(each, at, is_on_host=container.pod.spec.get("hostNetwork") is True)
        protocol, name = each.get("protocol"), each.get("name")
        if isinstance(protocol, str) and protocol not in _PROTOCOLS:
            yield Breach((*at, "protocol"), f"{protocol[:_SHOWN]!r} is not one of: {', '.join(_PROTOCOLS)}", protocol)
        if isinstance(name, str) and name:
            if not is_port_name(name):
                message = f"{name[:_SHOWN]!r} is no name of a port: at most 15 small letters, digits and -"
                yield Breach((*at, "name"), message, name)
            elif name in seen:
                yield Breach((*at, "name"), f"another port is called {name}", name)
            seen.add(name)


def _port_numbers(each: dict[str, Value], at: Path, *, is_on_host: bool) -> Iterator[Breach]:
    number, host = each.get("containerPort"), each.get("hostPort")
    if isinstance(number, int) and not 0 < number <= LARGEST_PORT:
        yield Breach((*at, "containerPort"), f"{number} is no port: 1 to {LARGEST_PORT}", str(number))
    if isinstance(host, int) and host and not 0 < host <= LARGEST_PORT:
        yield Breach((*at, "hostPort"), f"{host} is no port: 1 to {LARGEST_PORT}", str(host))
    elif isinstance(host, int) and host and is_on_host and host != number:
        yield Breach((*at, "hostPort"), f"under hostNetwork it is the containerPort, {number}", str(host))


def _variables(container: Container) -> Iterator[Breach]:
    for index, each in enumerate(items(container.value.get("env"))):
        if not isinstance(each, dict):
            continue
        at, name, source = (*container.path, "env", index), each.get("name"), each.get("valueFrom")
        if isinstance(name, str) and (not name or "=" in name or not name.isprintable()):
            yield Breach((*at, "name"), f"{name[:_SHOWN]!r} is no name of a variable", name)
        if source is None:
            continue
        given = [key for key in _SOURCES if mapping(source).get(key) is not None]
        yield from _references(mapping(source), (*at, "valueFrom"))
        if each.get("value"):
            yield Breach((*at, "valueFrom"), "value and valueFrom may not stand together")
        elif len(given) != 1:
            message = f"valueFrom has {', '.join(given) or 'no source'}; one is needed"
            yield Breach((*at, "valueFrom"), message, ", ".join(given))


def _references(source: dict[str, Value], at: Path) -> Iterator[Breach]:
    for kind in ("secretKeyRef", "configMapKeyRef"):
        if source.get(kind) is None:
            continue
        name, key = mapping(source.get(kind)).get("name"), mapping(source.get(kind)).get("key")
        if not name:
            yield Breach((*at, kind), f"{kind} has no name", "")
        elif isinstance(name, str) and not names.is_subdomain(name):
            yield Breach((*at, kind, "name"), f"{name[:_SHOWN]!r} is no DNS name in small letters", name)
        if isinstance(key, str) and not (_KEY.fullmatch(key) and len(key) <= _LONGEST_KEY):
            yield Breach((*at, kind, "key"), f"{key[:_SHOWN]!r} is no key: letters, digits, -, _ and .", key)


def _twice(container: Container) -> Iterator[Breach]:
    seen: dict[str, int] = {}
    for index, each in enumerate(items(container.value.get("env"))):
        name = each.get("name") if isinstance(each, dict) else None
        if isinstance(name, str) and seen.setdefault(name, index) != index:
            message = f"{name[:_SHOWN]} is set by item {seen[name]} already; the last one counts"
            yield Breach((*container.path, "env", index), message, name)
    ports: dict[tuple[object, object], int] = {}
    for index, each in enumerate(items(container.value.get("ports"))):
        if isinstance(each, dict) and isinstance(number := each.get("containerPort"), int):
            key = (number, str(each.get("protocol") or "TCP"))
            if ports.setdefault(key, index) != index:
                yield Breach(
                    (*container.path, "ports", index), f"port {number} is item {ports[key]} already", str(number)
                )


def _resources(container: Container) -> Iterator[Breach]:
    resources = mapping(container.value.get("resources"))
    limits, requests = mapping(resources.get("limits")), mapping(resources.get("requests"))
    at = (*container.path, "resources")
    for part, listed in (("limits", limits), ("requests", requests)):
        for name, value in listed.items():
            message = _amount_complaint(name, value)
            if message:
                yield Breach((*at, part, name), message, str(value))
    for name, value in requests.items():
        limit = limits.get(name)
        if _is_extended(name):
            if limit is None or count_of(limit) != count_of(value):
                seen = "there is no limit" if limit is None else f"the limit is {limit}"
                yield Breach(
                    (*at, "requests", name), f"{value} {name} are requested and {seen}; they must be equal", str(value)
                )
        elif limit is not None and _is_more(value, limit):
            yield Breach((*at, "requests", name), f"{value} {name} are requested; the limit is {limit}", str(value))


def _is_extended(name: str) -> bool:
    """Whether a resource is a device: it has a domain, and it cannot be given twice."""
    return "/" in name and not name.startswith("kubernetes.io/") and ".kubernetes.io/" not in name


def _amount_complaint(name: str, value: Value) -> str:
    if "/" not in name and name not in _OWN and not name.startswith("hugepages-"):
        return f"{name[:_SHOWN]!r} is no resource of a container: {', '.join(_OWN)}, or a device with its domain"
    try:
        amount = quantity(value)
    except ValueError:
        return f"{str(value)[:_SHOWN]} is too long" if isinstance(value, str) and len(value) > _LONGEST_AMOUNT else ""
    if amount < 0:
        return f"{value} is less than 0"
    if _is_extended(name) and amount != int(amount):
        return f"{value} {name}: devices are counted in whole numbers"
    return ""


def _is_more(value: Value, limit: Value) -> bool:
    try:
        return quantity(value) > quantity(limit)
    except ValueError:
        return False


def _probes(container: Container) -> Iterator[Breach]:
    is_init = container.path[-2:-1] == ("initContainers",)
    for name in _PROBES:
        probe = container.value.get(name)
        if not isinstance(probe, dict):
            continue
        at = (*container.path, name)
        if is_init and container.value.get("restartPolicy") != "Always":
            yield Breach(at, "a container that runs before the others and ends has no probes")
        yield from _probe(probe, at, may_count=name == "readinessProbe")


def _probe(probe: dict[str, Value], at: Path, *, may_count: bool) -> Iterator[Breach]:
    handlers = [key for key in _HANDLERS if probe.get(key) is not None]
    if len(handlers) != 1:
        message = f"the probe has {' and '.join(handlers) or 'nothing to ask'}; one of {', '.join(_HANDLERS)} is needed"
        yield Breach(at, message, ", ".join(handlers))
    for key in _TIMES:
        value = probe.get(key)
        if isinstance(value, int) and value < 0:
            yield Breach((*at, key), f"{value} is less than 0", str(value))
    success = probe.get("successThreshold")
    if not may_count and isinstance(success, int) and success not in {0, 1}:
        yield Breach((*at, "successThreshold"), f"{success}; of such a probe it is 1", str(success))
    for key in ("httpGet", "tcpSocket", "grpc"):
        port = mapping(probe.get(key)).get("port")
        if isinstance(port, int | float) and not 0 < port <= LARGEST_PORT:
            yield Breach((*at, key, "port"), f"{port} is no port: 1 to {LARGEST_PORT}", str(port))
        elif isinstance(port, str) and not is_port_name(port):
            yield Breach(
                (*at, key, "port"), f"{port[:_SHOWN]!r} is no port and no name of one; numbers have no quotes", port
            )


def _rights(container: Container) -> Iterator[Breach]:
    rights = mapping(container.value.get("securityContext"))
    at = (*container.path, "securityContext")
    if rights.get("privileged") is True and rights.get("allowPrivilegeEscalation") is False:
        yield Breach((*at, "allowPrivilegeEscalation"), "a privileged container cannot be kept from gaining rights")
    for name in ("runAsUser", "runAsGroup"):
        value = rights.get(name)
        if isinstance(value, int) and value < 0:
            yield Breach((*at, name), f"{value} is less than 0", str(value))


_ROWS = (
    ("kubernetes.ports", "Ports of containers are numbers from 1 to 65535 with names of their own", "correct the port", _ports),
    ("kubernetes.variables", "A variable has a name, and a value or one source", "write value or valueFrom", _variables),
    ("kubernetes.resources", "Requests are not above limits, and devices are counted", "write devices under limits alone", _resources),
    ("kubernetes.probe", "A probe asks one thing, in times from 0 on", "write one of exec, httpGet, tcpSocket, grpc", _probes),
    ("kubernetes.rights", "Rights of a container do not contradict each other", "remove one of both", _rights),
)  # fmt: skip
RULES = (
    *(
        api_rule(
            name,
            kinds=workloads.WORKLOADS,
            title=title,
            why="the API server refuses it",
            fix=fix,
            check=workloads.in_containers(look),
        )
        for name, title, fix, look in _ROWS
    ),
    api_rule(
        "kubernetes.set-twice",
        kinds=workloads.WORKLOADS,
        severity="warning",
        title="Variables and ports of a container stand once",
        why="the API server warns: an update by kubectl apply may drop one of both",
        fix="remove one of both",
        check=workloads.in_containers(_twice),
    ),
)
