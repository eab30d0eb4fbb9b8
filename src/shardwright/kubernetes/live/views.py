"""The parts of Kubernetes' objects that are looked at, typed: what is not named here is not even decoded.

Everything has a default, because every field of these may be missing in a half-made object.
"""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = [
    "Condition",
    "Container",
    "ContainerStatus",
    "Event",
    "Job",
    "Meta",
    "Pod",
    "Root",
    "Service",
    "ServicePort",
    "State",
    "Terminated",
]


class _View(msgspec.Struct, rename="camel", frozen=True):
    """All views: camelCase there, snake_case here."""


class Owner(_View, frozen=True):
    """Who made an object."""

    kind: str = ""
    name: str = ""
    controller: bool = False


class Meta(_View, frozen=True):
    """Who an object is."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    deletion_timestamp: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    finalizers: list[str] = []
    owner_references: list[Owner] = []


class Resources(_View, frozen=True):
    """What a container asks for."""

    requests: dict[str, str | int | float] = {}
    limits: dict[str, str | int | float] = {}


class ContainerPort(_View, frozen=True):
    """A port that a container tells of."""

    name: str = ""
    container_port: int = 0


class HttpGet(_View, frozen=True):
    """A request of a probe."""

    path: str = ""
    port: int | str = 0
    scheme: str = "HTTP"


class Probe(_View, frozen=True):
    """How the node asks a container."""

    http_get: HttpGet | None = None


class Container(_View, frozen=True):
    """One container as it was asked for."""

    name: str = ""
    image: str = ""
    resources: Resources = Resources()
    ports: list[ContainerPort] = []
    readiness_probe: Probe | None = None


class ReadinessGate(_View, frozen=True):
    """A condition that has to be true before a pod counts as ready; somebody outside writes it."""

    condition_type: str = ""


class PodSpec(_View, frozen=True):
    """Where a pod is to run, and what."""

    node_name: str = ""
    readiness_gates: list[ReadinessGate] = []
    containers: list[Container] = []
    init_containers: list[Container] = []


class Terminated(_View, frozen=True):
    """How a container ended."""

    exit_code: int = 0
    reason: str = ""
    message: str = ""
    finished_at: str | None = None
    started_at: str | None = None


class Waiting(_View, frozen=True):
    """Why a container is not started."""

    reason: str = ""
    message: str = ""


class Running(_View, frozen=True):
    """Since when a container runs."""

    started_at: str | None = None


class State(_View, frozen=True):
    """One of three."""

    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(_View, frozen=True):
    """What became of a container."""

    name: str = ""
    ready: bool = False
    restart_count: int = 0
    image_id: str = msgspec.field(name="imageID", default="")
    state: State = State()
    last_state: State = State()


class Condition(_View, frozen=True):
    """One condition of any object."""

    type: str = ""
    status: str = "Unknown"
    reason: str = ""
    message: str = ""
    last_transition_time: str | None = None


class PodStatus(_View, frozen=True):
    """What became of a pod."""

    phase: str = "Pending"
    reason: str = ""
    message: str = ""
    pod_ip: str = msgspec.field(name="podIP", default="")
    start_time: str = ""
    conditions: list[Condition] = []
    container_statuses: list[ContainerStatus] = []
    init_container_statuses: list[ContainerStatus] = []


class Pod(_View, frozen=True):
    """A pod."""

    metadata: Meta = Meta()
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class JobStatus(_View, frozen=True):
    """What became of a Job."""

    conditions: list[Condition] = []
    active: int = 0
    failed: int = 0
    succeeded: int = 0


class Job(_View, frozen=True):
    """A Job."""

    metadata: Meta = Meta()
    status: JobStatus = JobStatus()


class Reference(_View, frozen=True):
    """The object that an event is about."""

    kind: str = ""
    name: str = ""
    uid: str = ""


class Series(_View, frozen=True):
    """How often an event came."""

    count: int = 1
    last_observed_time: str | None = None


class Event(_View, frozen=True):
    """An event of the core group."""

    metadata: Meta = Meta()
    type: str = ""
    reason: str | None = None
    message: str | None = None
    count: int | None = None
    last_timestamp: str | None = None
    event_time: str | None = None
    series: Series | None = None
    involved_object: Reference = Reference()


class ServicePort(_View, frozen=True):
    """A port of a Service, and the pods' port behind it: a number, or the name of one."""

    name: str = ""
    port: int = 0
    target_port: int | str = 0
    app_protocol: str = ""


class ServiceSpec(_View, frozen=True):
    """Whom a Service leads to."""

    cluster_ip: str = msgspec.field(name="clusterIP", default="")
    ports: list[ServicePort] = []
    selector: dict[str, str] = {}


class Service(_View, frozen=True):
    """A Service."""

    metadata: Meta = Meta()
    spec: ServiceSpec = ServiceSpec()


class RootStatus(_View, frozen=True):
    """What operators say of what they make."""

    conditions: list[Condition] = []
    observed_generation: int = 0


class Root(_View, frozen=True):
    """Any object that stands for a deployment."""

    metadata: Meta = Meta()
    status: RootStatus = RootStatus()
    spec: dict[str, Any] = {}
