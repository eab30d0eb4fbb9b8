"""The parts of ServingRuntime and InferenceService that are written, as typed values.

What is said in `shardwright.kubernetes.render.objects` of fields and names holds here too. Pods of both kinds are inlined, with
other fields each; those parts are trees. Source: generated CRDs of kserve/kserve v0.13.1 to v0.20.0.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.kubernetes.render.podspec import Resources, Tree

__all__ = [
    "Format",
    "ModelSpec",
    "Predictor",
    "RuntimeFormat",
    "RuntimeSpec",
    "RuntimeWorker",
    "Strategy",
    "WorkerResources",
    "WorkerSizes",
]


def _texts() -> dict[str, str]:
    return {}


@frozen(kw_only=True)
class RuntimeFormat:
    """A format that a runtime serves; never chosen for a service that does not name the runtime."""

    name: str
    version: str = "1"
    auto_select: bool = False


@frozen(kw_only=True)
class WorkerSizes:
    """How many workers there are: by their number in 0.14, else by two sizes whose product is the number of GPUs."""

    size: int | None = None
    pipeline_parallel_size: int | None = None
    tensor_parallel_size: int | None = None


@frozen(kw_only=True)
class RuntimeWorker:
    """What is on all pods of workers, less their container."""

    labels: dict[str, str] = field(default_factory=_texts)
    annotations: dict[str, str] = field(default_factory=_texts)
    volumes: tuple[Any, ...] = ()


@frozen(kw_only=True)
class RuntimeSpec:
    """What is on the head, or on the one pod, less its container."""

    labels: dict[str, str] = field(default_factory=_texts)
    annotations: dict[str, str] = field(default_factory=_texts)
    supported_model_formats: tuple[RuntimeFormat, ...]
    protocol_versions: tuple[str, ...]
    multi_model: bool = False
    volumes: tuple[Any, ...] = ()


@frozen
class Format:
    """The format of a model."""

    name: str


@frozen(kw_only=True)
class ModelSpec:
    """What the head serves, by which runtime and with which resources."""

    model_format: Format
    runtime: str
    storage_uri: str | None = None
    resources: Resources


@frozen(kw_only=True)
class WorkerResources:
    """What a worker's container adds to that of the runtime."""

    name: str
    resources: Resources


@frozen(kw_only=True)
class Strategy:
    """How a changed service replaces its pods."""

    type: str
    rolling_update: Tree | None = None


@frozen(kw_only=True)
class Predictor:
    """What serves, without its pod."""

    min_replicas: int
    max_replicas: int
    deployment_strategy: Strategy
    model: ModelSpec
