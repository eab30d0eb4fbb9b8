"""Groups that KServe accepts and builds otherwise than meant: sizes, nodes, replicas, modes (GPUs: `lint_gpus`).

Source: kserve/kserve v0.14.1 to v0.20.0 pkg/controller/v1beta1/inferenceservice (predictor.go, deployment_reconciler.go),
issues kserve#4228 and kserve#6113; the reference manifests of earlier releases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Change, Rule
from shardwright.kubernetes import manifest_pods
from shardwright.targets.kserve import components, gpu_resources, groups, lint_workers
from shardwright.targets.kserve.lint_gpus import worker_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object

__all__ = ["RULES"]

_BUILDER = "kserve/kserve v0.20.0 pkg/controller/v1beta1/inferenceservice/components/predictor.go"
_NEW_SIZES = {"pipelineParallelSize", "tensorParallelSize"}


def _old_size(manifest: Object, _: Context) -> Iterator[Breach]:
    at = (*worker_of(manifest), "size")
    if manifest.node(at) is not None:
        yield Breach(at, "size counted the workers besides the head; pipelineParallelSize counts the head too")


def _mend_old_size(manifest: Object, _: Context, breach: Breach) -> tuple[Change, ...]:
    node = manifest.node(breach.path)
    text = getattr(node, "text", "")
    new = (*breach.path[:-1], "pipelineParallelSize")
    removal = Change(breach.path, is_removal=True)
    if not text.isdecimal() or manifest.get(*new) is not None:
        return (removal,)
    return (removal, Change(new, int(text[:9]) + 1))


def _mode(manifest: Object, context: Context) -> Iterator[Breach]:
    if components.has_workers(manifest) and components.mode_of(manifest, context) != "standard":
        wanted = "Standard" if components.at_release(context, "0.16") else "RawDeployment"
        at = ("metadata", "annotations", components.DEPLOYMENT_MODE)
        yield Breach(at, f"workerSpec takes effect only with {components.DEPLOYMENT_MODE}: {wanted}")


def _mend_mode(_: Object, context: Context, breach: Breach) -> tuple[Change, ...]:
    return (Change(breach.path, "Standard" if components.at_release(context, "0.16") else "RawDeployment"),)


def _replicas(manifest: Object, _: Context) -> Iterator[Breach]:
    if components.has_workers(manifest):
        for field in ("minReplicas", "maxReplicas"):
            value = manifest.number_at(*components.PREDICTOR, field)
            if value is not None and value > 1:
                yield Breach(
                    (*components.PREDICTOR, field), f"{field} is {value}, and a group has one head", str(value)
                )


def _nodes(manifest: Object, context: Context) -> Iterator[Breach]:
    group = groups.group_of(manifest, context)
    if group is None or group.executor == "mp" or group.tensor * group.pipeline == 1:
        return
    try:
        made = gpu_resources.ray_nodes(group.tensor * group.pipeline, group.head_gpus, group.worker_gpus)
    except ValueError:
        return
    if made == gpu_resources.Nodes(group.pipeline, group.tensor, group.tensor):
        return
    message = (
        f"KServe makes {made.pods} pods, the head with {made.head_gpus} GPUs and each worker with {made.worker_gpus}, "
        f"not {group.pipeline} pods of {group.tensor}: the head requests {group.head_gpus}, the worker {group.worker_gpus}"
    )
    yield Breach(components.WORKER, message, can_tell=group.executor == "ray")


def _defaults(manifest: Object, _: Context) -> Iterator[Breach]:
    missing = [name for name in sorted(_NEW_SIZES) if manifest.get(*worker_of(manifest), name) is None]
    if components.has_workers(manifest) and missing:
        source = "the runtime's" if manifest.kind == "InferenceService" else "1"
        yield Breach(worker_of(manifest), f"{' and '.join(missing)} not given: {source} counts")


def _head_only(manifest: Object, _: Context) -> Iterator[Breach]:
    if not components.has_workers(manifest):
        return
    for field in ("tolerations", "nodeSelector", "affinity"):
        if manifest.get(*components.PREDICTOR, field) and not manifest.get(*components.WORKER, field):
            yield Breach(
                (*components.PREDICTOR, field), f"{field} of the predictor reach the head alone, not the workers"
            )


def _mend_head_only(manifest: Object, _: Context, breach: Breach) -> tuple[Change, ...]:
    return (Change((*components.WORKER, breach.path[-1]), manifest.get(*breach.path)),)


def _worker_variables(manifest: Object, _: Context) -> Iterator[Breach]:
    for container in manifest_pods.containers(manifest, worker_of(manifest)):
        for path, name in manifest_pods.variables(manifest, container):
            if name in lint_workers.PARALLEL_VARIABLES:
                yield Breach(path, f"{name} of a worker is written over with the size from workerSpec", name)


def _orphans(manifest: Object, _: Context) -> Iterator[Breach]:
    if components.has_workers(manifest):
        yield Breach(
            components.WORKER, "KServe 0.20.0 deletes the workers' Deployment whenever it reconciles the object"
        )


RULES = (
    Rule(
        "kserve.old-size",
        "warning",
        (*components.ISVC, *components.RUNTIMES),
        "The size of a group is pipelineParallelSize, not workerSpec.size.",
        "size was there in 0.14 only; since then the API server drops it without an error, and one pod is made.",
        "write pipelineParallelSize: size + 1",
        "practice",
        "kserve/kserve PR#3871, PR#3972; CRDs v0.14.1 and v0.15.0",
        _old_size,
        since="0.15",
        requirements=("R067", "R068", "R069", "R070"),
        mend=_mend_old_size,
    ),
    Rule(
        "kserve.worker-mode",
        "warning",
        components.ISVC,
        "An InferenceService for several nodes is deployed in the mode Standard (RawDeployment before 0.16).",
        "With Knative the workers are left out without an error.",
        "add the annotation serving.kserve.io/deploymentMode",
        "practice",
        _BUILDER,
        _mode,
        since="0.14",
        requirements=("R009", "R058", "R077"),
        mend=_mend_mode,
    ),
    Rule(
        "kserve.worker-replicas",
        "warning",
        components.ISVC,
        "A group has one head: minReplicas and maxReplicas are 1.",
        "All heads share one name, so workers join any of them, and no head gets its own workers.",
        "write 1, and use LeaderWorkerSet (lws) or LLMInferenceService (llmisvc) for more groups",
        "practice",
        _BUILDER,
        _replicas,
        since="0.14",
        requirements=("R010", "R061", "R062"),
    ),
    Rule(
        "kserve.group-shape",
        "warning",
        components.ISVC,
        "Head and workers each request tensorParallelSize GPUs.",
        "With Ray the number of pods is ceil(TP x PP / GPUs of a worker): without requests each GPU gets a pod of its own.",
        "request tensorParallelSize GPUs under requests and limits of predictor.model and of worker-container",
        "practice",
        _BUILDER + " (computeRayNodeAndGPUs), kserve#4228",
        _nodes,
        since="0.15",
        requirements=("R066", "R071", "R125"),
    ),
    Rule(
        "kserve.sizes-implied",
        "info",
        (*components.ISVC, *components.RUNTIMES),
        "Both sizes of a group are written.",
        "What is implied is the runtime's, or 1, which has changed between releases.",
        "write pipelineParallelSize and tensorParallelSize",
        "practice",
        _BUILDER + " (multiNodeProcess)",
        _defaults,
        since="0.15",
        requirements=("R008", "R034", "R035", "R070"),
    ),
    Rule(
        "kserve.head-only",
        "warning",
        components.ISVC,
        "Tolerations, node selector and affinity stand in workerSpec too.",
        "Those of the predictor are given to the head alone.",
        "repeat them under predictor.workerSpec",
        "practice",
        _BUILDER,
        _head_only,
        since="0.14",
        requirements=("R019",),
        mend=_mend_head_only,
    ),
    Rule(
        "kserve.worker-variables",
        "warning",
        (*components.ISVC, *components.RUNTIMES),
        "Workers do not set the variables of sizes.",
        "KServe writes its own values over them.",
        "remove the variable",
        "practice",
        _BUILDER + " (multiNodeProcess)",
        _worker_variables,
        since="0.15",
        requirements=("R033", "R065"),
    ),
    Rule(
        "kserve.workers-orphaned",
        "warning",
        components.ISVC,
        "Groups do not run on KServe 0.20.0.",
        "It takes the workers' Deployment for one that is left over and deletes it.",
        "use 0.19, or a patch release of 0.20 that says it is mended",
        "practice",
        "kserve#6113",
        _orphans,
        since="0.20",
        until="0.20.1",
    ),
)
