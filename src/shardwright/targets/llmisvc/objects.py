"""LLMInferenceService and LLMInferenceServiceConfig as typed values: the fields that are written, in reading order.

An empty part such as `Gateway()` asks the controller for its own. Source: CRDs of KServe v0.16.0 to v0.20.0.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.kubernetes.render.podspec import Metadata, PodSpec

__all__ = [
    "ConfigSpec",
    "Gateway",
    "GatewayRef",
    "HttpRoute",
    "HttpRouteSpec",
    "LlmInferenceService",
    "LlmInferenceServiceConfig",
    "ModelSpec",
    "Parallelism",
    "Route",
    "Router",
    "Scheduler",
    "ServiceSpec",
    "StorageInitializer",
]


def _texts() -> dict[str, str]:
    return {}


@frozen(kw_only=True)
class ModelSpec:
    """Which model, and its name in requests."""

    uri: str
    name: str


@frozen
class StorageInitializer:
    """Whether the controller brings the files of `model.uri` into the pods."""

    enabled: bool


@frozen(kw_only=True)
class Parallelism:
    """Sizes; the number of pods in a group is `pipeline`, or `data / dataLocal`."""

    tensor: int
    pipeline: int | None = None
    data: int | None = None
    data_local: int | None = None
    expert: bool | None = None


@frozen(kw_only=True)
class GatewayRef:
    """A Gateway that exists."""

    name: str
    namespace: str | None = None


@frozen
class Gateway:
    """The Gateways that routes join; the platform's own if none is named."""

    refs: tuple[GatewayRef, ...] = ()


@frozen
class HttpRouteSpec:
    """What is said about the controller's route; its rules are the controller's."""

    hostnames: tuple[str, ...] = ()


@frozen
class HttpRoute:
    """The controller's route."""

    spec: HttpRouteSpec


@frozen
class Route:
    """That there is a route."""

    http: HttpRoute | None = None


@frozen
class Scheduler:
    """That a scheduler chooses the replica for each request: the platform's own."""


@frozen(kw_only=True)
class Router:
    """How requests reach the leaders from outside."""

    route: Route
    gateway: Gateway
    scheduler: Scheduler | None = None


@frozen(kw_only=True)
class ServiceSpec:
    """A model and the pods that serve it; with `worker` a group of several pods, with `template` alone one pod."""

    model: ModelSpec
    storage_initializer: StorageInitializer | None = None
    replicas: int
    parallelism: Parallelism
    labels: dict[str, str] = field(default_factory=_texts)
    annotations: dict[str, str] = field(default_factory=_texts)
    router: Router | None = None
    template: PodSpec
    worker: PodSpec | None = None


@frozen(kw_only=True)
class LlmInferenceService:
    """A model as KServe serves it."""

    api_version: str
    kind: str = field(default="LLMInferenceService", init=False)
    metadata: Metadata
    spec: ServiceSpec


@frozen
class ConfigSpec:
    """A configuration that adds nothing."""


@frozen(kw_only=True)
class LlmInferenceServiceConfig:
    """What the controller lays under services of its namespace that need it."""

    api_version: str
    kind: str = field(default="LLMInferenceServiceConfig", init=False)
    metadata: Metadata
    spec: ConfigSpec
