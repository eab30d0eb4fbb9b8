"""GPUs of a group that KServe counts otherwise than meant: limits alone, several kinds, kinds that hide behind another.

Source: kserve/kserve v0.14.1 to v0.20.0 pkg/controller/v1beta1/inferenceservice (predictor.go, deployment_reconciler.go).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Change, Rule
from shardwright.kubernetes import manifest_pods
from shardwright.targets.kserve import components, gpu_resources, groups

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.core.marked.paths import Path

__all__ = ["RULES", "worker_of"]

_BUILDER = "kserve/kserve v0.20.0 pkg/controller/v1beta1/inferenceservice/components/predictor.go"
_MODEL: Path = (*components.PREDICTOR, "model")
_WORKER_OF = {"InferenceService": components.WORKER}


def worker_of(manifest: Object) -> Path:
    """Where a service or a runtime has its workerSpec."""
    return _WORKER_OF.get(manifest.kind, ("spec", "workerSpec"))


def _limits_only(manifest: Object, _: Context) -> Iterator[Breach]:
    for container in _gpu_containers(manifest):
        limits, requests = (manifest_pods.requested(manifest, container, part) for part in ("limits", "requests"))
        for name in gpu_resources.KNOWN:
            if name in limits and name not in requests:
                yield Breach((*container, "resources", "limits", name), f"{name} stands under limits alone", name)


def _mend_limits_only(manifest: Object, _: Context, breach: Breach) -> tuple[Change, ...]:
    return (Change((*breach.path[:-2], "requests", breach.value), manifest.get(*breach.path)),)


def _gpu_containers(manifest: Object) -> Iterator[Path]:
    """Containers of head and workers in what is for several nodes."""
    if not components.has_workers(manifest):
        return
    if manifest.kind == "InferenceService":
        if isinstance(manifest.get(*_MODEL), dict):
            yield _MODEL
    else:
        yield from manifest_pods.containers(manifest, ("spec",))
    yield from manifest_pods.containers(manifest, worker_of(manifest))


def _mixed_gpus(manifest: Object, context: Context) -> Iterator[Breach]:
    found = {name for each in _gpu_containers(manifest) for name in gpu_resources.gpu_types(manifest, each)}
    runtime = groups.runtime_of(manifest, context) if manifest.kind == "InferenceService" else None
    if runtime is not None:
        found |= {name for each in _gpu_containers(runtime) for name in gpu_resources.gpu_types(runtime, each)}
    if len(found) > 1:
        yield Breach(worker_of(manifest), f"GPUs of several kinds come together: {', '.join(sorted(found))}")


def _hidden_gpu(manifest: Object, _: Context) -> Iterator[Breach]:
    annotated = ("metadata",) if manifest.kind == "InferenceService" else ("spec",)
    try:
        custom = gpu_resources.custom_types(components.annotation(manifest, components.GPU_TYPES, annotated) or "")
    except ValueError:
        return
    for container in _gpu_containers(manifest):
        asked = {
            **manifest_pods.requested(manifest, container, "limits"),
            **manifest_pods.requested(manifest, container),
        }
        devices = [name for name in custom if name in asked and name not in gpu_resources.KNOWN]
        if devices and not any(manifest_pods.count_of(asked[name]) for name in gpu_resources.KNOWN if name in asked):
            message = f"{devices[0]} is the only annotated resource there, so KServe writes the number of GPUs into it"
            yield Breach((*container, "resources"), message, devices[0])


RULES = (
    Rule(
        "kserve.gpu-limits-only",
        "warning",
        (*components.ISVC, *components.RUNTIMES),
        "GPUs stand under requests as well as under limits.",
        "KServe counts requests alone to tell how many pods it makes.",
        "repeat the GPUs under requests",
        "practice",
        _BUILDER + " (computeRayNodeAndGPUs)",
        _limits_only,
        since="0.15",
        requirements=("R066",),
        mend=_mend_limits_only,
    ),
    Rule(
        "kserve.gpu-mixed",
        "warning",
        (*components.ISVC, *components.RUNTIMES),
        "Head, workers and runtime request GPUs of the same kind.",
        "Resources are merged by name, so a container ends with both kinds, and no node has them.",
        "write the same resource everywhere",
        "practice",
        "kserve/kserve v0.20.0 reconcilers/deployment/deployment_reconciler.go (addGPUResourceToDeployment)",
        _mixed_gpus,
        since="0.14",
        requirements=("R039",),
    ),
    Rule(
        "kserve.gpu-hidden",
        "warning",
        (*components.ISVC, *components.RUNTIMES),
        "A container with an annotated resource also requests its GPUs by name.",
        "KServe writes the number of GPUs into the first resource of its list that the container has.",
        "request nvidia.com/gpu next to it",
        "practice",
        "kserve/kserve v0.20.0 pkg/utils/utils.go (UpdateGPUResourceTypeListByAnnotation)",
        _hidden_gpu,
        since="0.15",
        requirements=("R133",),
    ),
)
