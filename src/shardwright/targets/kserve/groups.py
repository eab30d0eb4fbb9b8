"""The group that KServe makes of an InferenceService and its runtime, as far as the files at hand tell.

Source: kserve/kserve v0.20.0 pkg/controller/v1beta1/inferenceservice/components/predictor.go (multiNodeProcess: sizes of
the InferenceService go before those of the runtime, containers are merged by name).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.kubernetes import manifest_pods
from shardwright.targets.kserve import components, gpu_resources
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.core.marked.paths import Path

__all__ = ["EXECUTOR", "Group", "executor_of", "group_of", "head_of", "nearest", "runtime_of", "worker_container"]

EXECUTOR = "multinode/executor-backend"
MODEL: Path = (*components.PREDICTOR, "model")
_SHIPPED = "kserve-huggingfaceserver-multinode"


@frozen
class Group:
    """Sizes and requests of one group."""

    tensor: int
    pipeline: int
    head_gpus: int
    worker_gpus: int
    executor: str
    """`mp` or `ray`; `unknown` where the runtime is not at hand."""


def runtime_of(manifest: Object, context: Context) -> Object | None:
    """The runtime that an InferenceService names, if it is among the objects at hand; namespaced ones go first."""
    name = manifest.text_at(*MODEL, "runtime")
    if not name:
        return None
    own = (each for each in context.named("ServingRuntime", name) if manifest.namespace in {"", each.namespace})
    found = nearest(manifest, own) or nearest(manifest, context.named("ClusterServingRuntime", name))
    return found[0] if found else None


def nearest(manifest: Object, found: Iterable[Object]) -> list[Object]:
    """Objects of the same file where there are some, else all: folders hold variants under one name."""
    listed = list(found)
    file = manifest.root.mark.file
    return [each for each in listed if each.root.mark.file == file] or listed


def executor_of(runtime: Object, context: Context) -> str:
    """What a runtime runs its processes by; mp is known from 0.18 on."""
    is_mp = runtime.map_at("spec", "annotations").get(EXECUTOR) == "mp"
    return "mp" if is_mp and components.at_release(context, "0.18") else "ray"


def head_of(runtime: Object) -> Path | None:
    """The container of a runtime that answers."""
    return _named(runtime, ("spec",), "kserve-container")


def worker_container(runtime: Object) -> Path | None:
    """The container of a runtime's workers."""
    return _named(runtime, ("spec", "workerSpec"), "worker-container")


def group_of(manifest: Object, context: Context) -> Group | None:
    """The group of an InferenceService; None for a single pod, and where its sizes cannot be told."""
    if not components.has_workers(manifest):
        return None
    runtime = runtime_of(manifest, context)
    tensor = _size(manifest, runtime, "tensorParallelSize")
    pipeline = _size(manifest, runtime, "pipelineParallelSize")
    if tensor is None or pipeline is None or min(tensor, pipeline) < 1:
        return None
    head = gpu_resources.gpu_count(manifest, MODEL)
    workers = list(manifest_pods.containers(manifest, components.WORKER))
    worker = gpu_resources.gpu_count(manifest, workers[0]) if workers else 0
    if runtime is None:
        is_shipped = manifest.text_at(*MODEL, "runtime") == _SHIPPED
        return Group(tensor, pipeline, head, worker, "ray" if is_shipped else "unknown")
    own_head, own_worker = head_of(runtime), worker_container(runtime)
    head = head or (gpu_resources.gpu_count(runtime, own_head) if own_head else 0)
    worker = worker or (gpu_resources.gpu_count(runtime, own_worker) if own_worker else 0)
    return Group(tensor, pipeline, head, worker, executor_of(runtime, context))


def _size(manifest: Object, runtime: Object | None, field: str) -> int | None:
    own = manifest.number_at(*components.WORKER, field)
    if own is not None or runtime is None:
        return own
    return runtime.number_at("spec", "workerSpec", field) or 1


def _named(runtime: Object, pod: Path, name: str) -> Path | None:
    for each in manifest_pods.containers(runtime, pod):
        if runtime.text_at(*each, "name") == name:
            return each
    return None
