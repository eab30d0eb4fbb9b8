"""InferenceServices for several nodes: what the webhook asks of workerSpec, and what the reconciler cannot make of it.

Source: kserve/kserve v0.15.0, v0.15.2, v0.16.0 and v0.20.0 pkg/apis/serving/v1beta1/inference_service_validation.go
(validateMultiNodeVariables) and pkg/controller/v1beta1/inferenceservice/components/predictor.go (multiNodeProcess).
Releases before 0.15 check nothing of it.
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

__all__ = ["PARALLEL_VARIABLES", "RULES", "sizes", "unknown_gpus"]

_SOURCE = "kserve/kserve v0.20.0 pkg/apis/serving/v1beta1/inference_service_validation.go (validateMultiNodeVariables)"
_BUILDER = "kserve/kserve v0.20.0 pkg/controller/v1beta1/inferenceservice/components/predictor.go"
_MODEL: Path = (*components.PREDICTOR, "model")
PARALLEL_VARIABLES = {
    "PIPELINE_PARALLEL_SIZE": "pipelineParallelSize",
    "TENSOR_PARALLEL_SIZE": "tensorParallelSize",
}

_MOST_DIGITS = 9


def _one_container(manifest: Object, _: Context) -> Iterator[Breach]:
    found = manifest.list_at(*components.WORKER, "containers")
    if len(found) > 1:
        yield Breach((*components.WORKER, "containers"), f"workerSpec has {len(found)} containers; one may be there")


def _variables(manifest: Object, _: Context) -> Iterator[Breach]:
    if components.has_workers(manifest):
        for path, name in manifest_pods.variables(manifest, components.model_of(manifest)):
            if name in PARALLEL_VARIABLES:
                message = f"{name} cannot be set by a variable; workerSpec.{PARALLEL_VARIABLES[name]} sets it"
                yield Breach(path, message, name)


def _mend_variables(manifest: Object, _: Context, breach: Breach) -> tuple[Change, ...]:
    field = PARALLEL_VARIABLES[breach.value]
    text = manifest.text_at(*breach.path, "value")
    removal = Change(breach.path, is_removal=True)
    if not text.isdecimal() or len(text) > _MOST_DIGITS or manifest.get(*components.WORKER, field) is not None:
        return (removal,)
    return (removal, Change((*components.WORKER, field), int(text)))


def _gpu_types(manifest: Object, _: Context) -> Iterator[Breach]:
    if components.has_workers(manifest):
        model = components.model_of(manifest)
        checked = [model] if isinstance(manifest.get(*model), dict) else []
        checked.extend(manifest_pods.containers(manifest, components.WORKER))
        yield from unknown_gpus(manifest, ("metadata",), checked)


def unknown_gpus(manifest: Object, annotated: Path, checked: list[Path]) -> Iterator[Breach]:
    """Resources of these containers that KServe takes for GPUs that it does not know."""
    text = components.annotation(manifest, components.GPU_TYPES, annotated) or ""
    try:
        custom = gpu_resources.custom_types(text)
    except ValueError:
        if checked:
            at = (*annotated, "annotations", components.GPU_TYPES)
            yield Breach(at, f"{components.GPU_TYPES} is no list of names in JSON", text, """write '["rdma/hca"]\'""")
        return
    for container in checked:
        for name in gpu_resources.unknown_types(manifest, container, custom):
            part = "limits" if name in manifest_pods.requested(manifest, container, "limits") else "requests"
            message = (
                f"{name} is taken for a GPU that is not known; known: {', '.join((*gpu_resources.KNOWN, *custom))}"
            )
            yield Breach((*container, "resources", part, name), message, name)


def _storage(manifest: Object, context: Context) -> Iterator[Breach]:
    model = components.model_of(manifest)
    if not components.has_workers(manifest) or not isinstance(manifest.get(*model), dict):
        return
    allowed = ("pvc", "oci") if components.at_release(context, "0.16") else ("pvc",)
    uri = manifest.get(*model, "storageUri")
    if not isinstance(uri, str):
        yield Breach(model, "storageUri is not set; a model on several nodes is read from one, not from storage.key")
    elif uri.split("://", maxsplit=1)[0] not in allowed:
        shown = uri.split("://", maxsplit=1)[0]
        message = (
            f'on several nodes a model is read from {" or ".join(f"{each}://" for each in allowed)}, not "{shown}"'
        )
        yield Breach((*model, "storageUri"), message, uri)


def _autoscaler(manifest: Object, context: Context) -> Iterator[Breach]:
    model = components.model_of(manifest)
    if not components.has_workers(manifest) or not isinstance(manifest.get(*model), dict):
        return
    wanted = "none" if components.at_release(context, "0.15.1") else "external"
    value = components.annotation(manifest, components.AUTOSCALER)
    if value != wanted:
        seen = "is not set" if value is None else f'is "{value}"'
        at = ("metadata", "annotations", components.AUTOSCALER)
        yield Breach(at, f'{components.AUTOSCALER} {seen}; on several nodes it must be "{wanted}"', value or "")


def _mend_autoscaler(_: Object, context: Context, breach: Breach) -> tuple[Change, ...]:
    wanted = "none" if components.at_release(context, "0.15.1") else "external"
    return (Change(breach.path, wanted),)


def _sizes(manifest: Object, context: Context) -> Iterator[Breach]:
    yield from sizes(manifest, components.WORKER, context)


def sizes(manifest: Object, worker: Path, context: Context) -> Iterator[Breach]:
    """The sizes that are given are large enough for the release."""
    least = {"pipelineParallelSize": 1 if components.at_release(context, "0.15.1") else 2, "tensorParallelSize": 1}
    for field, smallest in least.items():
        value = manifest.number_at(*worker, field)
        if value is not None and value < smallest:
            yield Breach((*worker, field), f"{field} is {value}; at least {smallest} is allowed", str(value))


def _runtime_worker(manifest: Object, context: Context) -> Iterator[Breach]:
    """The runtime that is named must be for several nodes too, or the controller crashes in a loop."""
    if not components.has_workers(manifest):
        return
    runtime = groups.runtime_of(manifest, context)
    name = manifest.text_at(*_MODEL, "runtime")
    if runtime is None:
        named = f"the runtime {name}" if name else "the runtime that KServe chooses"
        message = f"{named} is not among these files; it must have a workerSpec with one container worker-container"
        yield Breach((*_MODEL, "runtime"), message, name, can_tell=False)
    elif not components.has_workers(runtime):
        message = f"{runtime.kind} {runtime.name} has no workerSpec, and this InferenceService has one"
        yield Breach((*_MODEL, "runtime"), message, name)
    elif not groups.worker_container(runtime):
        message = f"{runtime.kind} {runtime.name} has no container worker-container in its workerSpec"
        yield Breach((*_MODEL, "runtime"), message, name)


def _gpu_count(manifest: Object, context: Context) -> Iterator[Breach]:
    group = groups.group_of(manifest, context)
    if group is None or group.executor == "mp":
        return
    try:
        gpu_resources.ray_nodes(group.tensor * group.pipeline, group.head_gpus, group.worker_gpus)
    except ValueError:
        total = group.tensor * group.pipeline
        yield Breach(
            components.WORKER,
            f"{group.tensor} x {group.pipeline} = {total} GPUs are needed, but the head requests {group.head_gpus} "
            f"and each worker {group.worker_gpus}, which is too few for the pods that KServe makes",
        )


RULES = (
    Rule(
        "kserve.worker-containers",
        "error",
        components.ISVC,
        "workerSpec has at most one container.",
        "KServe merges it into the runtime's worker-container.",
        "keep the container worker-container",
        "webhook",
        _SOURCE,
        components.live(_one_container),
        since="0.15",
    ),
    Rule(
        "kserve.parallel-variables",
        "error",
        components.ISVC,
        "Sizes are not set by variables.",
        "KServe sets both variables itself, from the sizes in workerSpec.",
        "remove the variable and set the field in predictor.workerSpec",
        "webhook",
        _SOURCE,
        components.live(_variables),
        since="0.15",
        requirements=("R033", "R034", "R065", "R067", "R069"),
        mend=_mend_variables,
    ),
    Rule(
        "kserve.gpu-types",
        "error",
        components.ISVC,
        "Every extended resource of head and workers is a known GPU or listed in the annotation gpu-resource-types.",
        "The webhook takes anything but cpu, memory and storage for a GPU: RDMA devices, huge pages and MIG slices too. "
        "A cluster can list more in its inferenceservice-config.",
        """list it in the annotation serving.kserve.io/gpu-resource-types: '["NAME"]'""",
        "webhook",
        _SOURCE + "; pkg/utils/utils.go (HasUnknownGpuResourceType)",
        components.live(_gpu_types),
        since="0.15",
        requirements=("R038", "R133"),
    ),
    Rule(
        "kserve.worker-storage",
        "error",
        components.ISVC,
        "On several nodes the model is read from a claim, or from 0.16 on from an OCI image.",
        "Every pod mounts the same files; nothing is downloaded into a group.",
        "write storageUri: pvc://CLAIM/PATH",
        "webhook",
        _SOURCE,
        components.live(_storage),
        since="0.15",
        requirements=("R013", "R041"),
    ),
    Rule(
        "kserve.worker-autoscaler",
        "error",
        components.ISVC,
        "On several nodes the annotation autoscalerClass is none (external with 0.15.0).",
        "Groups are not scaled, and the annotation is never set by itself.",
        "add the annotation serving.kserve.io/autoscalerClass",
        "webhook",
        _SOURCE,
        components.live(_autoscaler),
        since="0.15",
        requirements=("R010", "R011", "R012", "R059", "R077"),
        mend=_mend_autoscaler,
    ),
    Rule(
        "kserve.parallel-sizes",
        "error",
        components.ISVC,
        "pipelineParallelSize and tensorParallelSize are at least 1 (with 0.15.0 pipelineParallelSize at least 2).",
        "A group has at least one GPU and one stage.",
        "write a size that is large enough",
        "webhook",
        _SOURCE,
        components.live(_sizes),
        since="0.15",
        requirements=("R036", "R037"),
    ),
    Rule(
        "kserve.runtime-worker",
        "error",
        components.ISVC,
        "An InferenceService with workerSpec runs on a runtime with workerSpec.",
        "The controller follows the runtime's workerSpec before it looks whether there is one, and crashes in a loop.",
        "name a runtime for several nodes, such as kserve-huggingfaceserver-multinode",
        "operator",
        _BUILDER + " (multiNodeProcess)",
        _runtime_worker,
        since="0.14",
        requirements=("R063",),
    ),
    Rule(
        "kserve.gpu-total",
        "error",
        components.ISVC,
        "The GPUs that head and workers request reach tensorParallelSize x pipelineParallelSize.",
        "With Ray KServe makes ceil(total / GPUs of a worker) pods and refuses the object if they hold too few GPUs.",
        "request tensorParallelSize GPUs in both, under requests and limits",
        "operator",
        _BUILDER + " (computeRayNodeAndGPUs)",
        _gpu_count,
        since="0.15",
        requirements=("R066", "R071", "R125"),
    ),
)
