"""Sizes of an InferenceService's group as a recipe has them: from workerSpec, from variables of old releases, from requests.

Source: kserve/kserve v0.14.1 to v0.20.0 pkg/controller/v1beta1/inferenceservice/components/predictor.go; the guide to
several nodes of KServe 0.14 (variables go before `size`, a pipeline of two where nothing is said).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.importing import note
from shardwright.kubernetes import manifest_pods
from shardwright.targets.kserve import components, gpu_resources, groups
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Object
    from shardwright.core.marked.paths import Path
    from shardwright.core.rules.finding import Finding

__all__ = ["Sizes", "notes_of", "sizes_of"]

_CONTAINER: Path = ("spec", "containers", 0)
_VARIABLES = {"tensor": "TENSOR_PARALLEL_SIZE", "pipeline": "PIPELINE_PARALLEL_SIZE"}
_FIELDS = {"tensor": "tensorParallelSize", "pipeline": "pipelineParallelSize"}


@frozen
class Sizes:
    """What KServe tells the engine, and the pods that it makes."""

    tensor: int
    pipeline: int
    nodes: int
    gpus_per_node: int
    by_variable: tuple[str, ...] = ()
    """Variables that decided."""
    old_size: int | None = None
    """Workers by `workerSpec.size`, the field of 0.14."""
    complaint: str = ""
    """Why KServe could not make the group."""


def sizes_of(service: Object, runtime: Object | None, head: Object, worker: Object | None) -> Sizes:
    """The sizes of a group, or of the one pod; `head` and `worker` are the pods that KServe makes."""
    gpus = gpu_resources.gpu_count(head, _CONTAINER) or _limited(head)
    if worker is None:
        return Sizes(_variable(head, "tensor") or max(gpus, 1), 1, 1, max(gpus, 1), _decided(head))
    size = service.number_at(*components.WORKER, "size")
    pipeline = (
        _variable(head, "pipeline")
        or _field(service, runtime, "pipeline")
        or (max(size, 0) + 1 if size is not None else 1)
    )
    tensor = _variable(head, "tensor") or _field(service, runtime, "tensor") or 1
    of_worker = gpu_resources.gpu_count(worker, _CONTAINER) or _limited(worker)
    if size is not None and size > 0 and not _decided(head):  # it counts pods, whatever the command says of ranks
        made = gpu_resources.Nodes(size + 1, gpus, of_worker)
    else:
        made = _nodes(runtime, tensor, pipeline, gpus, of_worker)
    complaint = ""
    if made is None:
        made = gpu_resources.Nodes(pipeline, tensor, tensor)
        complaint = f"its requests do not reach {tensor * pipeline} GPUs"
    per_node = max(made.head_gpus, made.worker_gpus, 1)
    return Sizes(tensor, pipeline, made.pods, per_node, _decided(head), size, complaint)


def notes_of(service: Object, sizes: Sizes) -> Iterator[Finding]:
    """What is wrong with how the original says its sizes."""
    if sizes.by_variable and components.has_workers(service):
        yield note(
            "size-by-variable",
            f"sizes stand in variables ({', '.join(sizes.by_variable)}), which KServe refuses since 0.15; taken from there",
            path="parallelism",
            fix="what is rendered has workerSpec.tensorParallelSize and pipelineParallelSize instead",
            objects=(service,),
        )
    if sizes.old_size is not None and sizes.old_size + 1 != sizes.nodes:
        yield note(
            "size-ignored",
            f"workerSpec.size: {sizes.old_size} means {sizes.old_size + 1} nodes, but {sizes.nodes} are meant by the sizes"
            " that go before it",
            path="hardware.nodes",
            fix="check hardware.nodes and parallelism",
            objects=(service,),
        )
    is_by_size = sizes.old_size is not None and not sizes.by_variable
    if sizes.nodes * sizes.gpus_per_node != sizes.tensor * sizes.pipeline and not sizes.complaint and not is_by_size:
        yield note(
            "group-differs",
            f"KServe makes {sizes.nodes} pods with up to {sizes.gpus_per_node} GPUs for TP{sizes.tensor} x PP{sizes.pipeline}",
            path="hardware",
            fix="check hardware and parallelism: KServe counts the GPUs that pods request",
            objects=(service,),
        )
    if sizes.complaint:
        yield note(
            "group-impossible",
            f"KServe could not make this group: {sizes.complaint}",
            path="hardware",
            objects=(service,),
        )


def _nodes(runtime: Object | None, tensor: int, pipeline: int, head: int, worker: int) -> gpu_resources.Nodes | None:
    is_mp = runtime is not None and runtime.map_at("spec", "annotations").get(groups.EXECUTOR) == "mp"
    if is_mp:
        return gpu_resources.mp_nodes(tensor, pipeline)
    try:
        return gpu_resources.ray_nodes(tensor * pipeline, head, worker)
    except ValueError:
        return None


def _variable(pod: Object, name: str) -> int | None:
    text = manifest_pods.value_of(pod, _CONTAINER, _VARIABLES[name]) or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 and int(text) else None


def _decided(pod: Object) -> tuple[str, ...]:
    return tuple(text for name, text in _VARIABLES.items() if _variable(pod, name))


def _field(service: Object, runtime: Object | None, name: str) -> int | None:
    own = service.number_at(*components.WORKER, _FIELDS[name])
    if own is None and runtime is not None and service.get(*components.WORKER, "size") is None:
        own = runtime.number_at("spec", "workerSpec", _FIELDS[name])
    return own if own is None or own > 0 else None


def _limited(pod: Object) -> int:
    """GPUs under limits, which the API server copies to requests."""
    asked = manifest_pods.requested(pod, _CONTAINER, "limits")
    return next((manifest_pods.count_of(asked[name]) for name in gpu_resources.KNOWN if name in asked), 0)
