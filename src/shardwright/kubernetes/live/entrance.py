"""Where requests go in: the Service before a deployment's leaders, its port, and the port of the leader behind it; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shardwright.core.lifecycle.parts import Parts
    from shardwright.kubernetes.live import views

__all__ = ["Entrance", "entrance_of"]

_PORT_NAMES = ("http", "https", "http1", "h2c", "serve")
_DEFAULT_PORT = 8000
"""Of vLLM, where nothing else is said."""


@frozen(kw_only=True)
class Entrance:
    """How a deployment is asked."""

    service: str = ""
    """Empty: no Service leads to the leaders."""
    service_port: int = 0
    pod: str = ""
    """A leader; the one of the first replica that is ready, else of the first. Empty: there is none."""
    pod_port: int = 0
    scheme: str = "http"

    @property
    def through(self) -> str:
        """As the API server's proxy takes it; the pod itself where no Service leads there. Empty: there is nothing to ask."""
        prefix = "https:" if self.scheme == "https" else ""
        if self.service:
            return f"services/{prefix}{self.service}:{self.service_port}"
        return self.through_pod(self.pod) if self.pod else ""

    def through_pod(self, pod: str) -> str:
        """The same for one leader."""
        prefix = "https:" if self.scheme == "https" else ""
        return f"pods/{prefix}{pod}:{self.pod_port}"


def entrance_of(
    parts: Parts, services: Iterable[views.Service], leaders: Sequence[views.Pod], *, preferred: str = ""
) -> Entrance:
    """The entrance, from the namespace's Services and the leaders' pods; `preferred` is a leader that is ready."""
    ordered = sorted(leaders, key=lambda pod: (pod.metadata.name != preferred, pod.metadata.name))
    leader = ordered[0] if ordered else None
    container = _container(leader, parts.container) if leader else None
    found = _service(parts, services, leader)
    port = _service_port(found) if found else None
    pod_port = _pod_port(container, port)
    probe = container.readiness_probe.http_get if container and container.readiness_probe else None
    is_encrypted = probe is not None and probe.scheme == "HTTPS"
    return Entrance(
        service=found.metadata.name if found and port else "",
        service_port=port.port if port else 0,
        pod=leader.metadata.name if leader else "",
        pod_port=pod_port,
        scheme="https" if is_encrypted else "http",
    )


def _container(pod: views.Pod, name: str) -> views.Container | None:
    named = [each for each in pod.spec.containers if each.name == name]
    return next(iter(named or pod.spec.containers), None)


def _service(parts: Parts, services: Iterable[views.Service], leader: views.Pod | None) -> views.Service | None:
    """The one that the platform makes; else the narrowest that selects the leader, one with an address of its own first."""
    known = list(services)
    for each in known:
        if parts.service and each.metadata.name == parts.service and each.spec.ports:
            return each
    if leader is None:
        return None
    labels = leader.metadata.labels.items()
    leading = [
        each for each in known if each.spec.ports and each.spec.selector and each.spec.selector.items() <= labels
    ]
    return min(
        leading,
        key=lambda each: (each.spec.cluster_ip == "None", -len(each.spec.selector), each.metadata.name),
        default=None,
    )


def _service_port(service: views.Service) -> views.ServicePort:
    ports = service.spec.ports
    return next((each for name in _PORT_NAMES for each in ports if each.name == name), ports[0])


def _pod_port(container: views.Container | None, port: views.ServicePort | None) -> int:
    """The port behind the Service's; else the one by which the node asks, the one that is named for it, or the first."""
    declared = {each.name: each.container_port for each in container.ports} if container else {}
    wanted: list[int | str] = []
    if port is not None:
        wanted.append(port.target_port or port.port)
    probe = container.readiness_probe.http_get if container and container.readiness_probe else None
    if probe is not None:
        wanted.append(probe.port)
    wanted += _PORT_NAMES
    numbers = (each if isinstance(each, int) else declared.get(each, 0) for each in wanted)
    found = next((number for number in numbers if number), 0)
    return found or next((number for number in declared.values() if number), _DEFAULT_PORT)
