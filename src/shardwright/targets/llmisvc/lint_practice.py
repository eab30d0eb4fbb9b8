"""LLMInferenceServices that are accepted and do not do what is meant: ignored sizes, missing presets, lost remainders.

Source: kserve/kserve v0.20.0 pkg/controller/v1alpha2/llmisvc (config_merge.go, workload_multi_node.go), issues
kserve#5047, kserve#6043 and kserve#6044.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Rule
from shardwright.kubernetes import manifest_pods
from shardwright.kubernetes.rules import pod_checks
from shardwright.targets.llmisvc import workloads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.core.marked.paths import Path

__all__ = ["RULES"]

_PRESET = "kserve-config-llm-{}worker-pipeline-parallel"
_GPUS = ("nvidia.com/gpu", "amd.com/gpu", "intel.com/gpu", "habana.ai/gaudi")


def _has_worker(manifest: Object, workload: Path) -> bool:
    return isinstance(manifest.get(*workload, "worker"), dict)


def _ignored(manifest: Object, _: Context) -> Iterator[Breach]:
    for workload in workloads.workloads(manifest):
        size = workloads.group_size(manifest, workload)
        if size > 1 and not _has_worker(manifest, workload) and not manifest.list_at("spec", "baseRefs"):
            message = f"parallelism is for {size} pods, and without worker one pod is made"
            yield Breach((*workload, "parallelism"), message, str(size))


def _preset(manifest: Object, context: Context) -> Iterator[Breach]:
    has_prefill = isinstance(manifest.get("spec", "prefill"), dict)
    for workload in workloads.workloads(manifest):
        if not _has_worker(manifest, workload) or not workloads.is_pipeline_parallel(manifest, workload):
            continue
        role = "prefill-" if workload[-1] == "prefill" else "decode-" if has_prefill else ""
        name = _PRESET.format(role)
        if not any(context.named("LLMInferenceServiceConfig", name)):
            message = f"the config {name} is looked for, and no release up to 0.20 ships it"
            yield Breach((*workload, "parallelism", "pipeline"), message, name)


def _remainder(manifest: Object, _: Context) -> Iterator[Breach]:
    for workload in workloads.workloads(manifest):
        data = manifest.number_at(*workload, "parallelism", "data") or 0
        local = manifest.number_at(*workload, "parallelism", "dataLocal") or 0
        if local > 0 and data % local:
            message = f"data {data} is no multiple of dataLocal {local}: {data // local} pods are made, for {data // local * local} ranks"
            yield Breach((*workload, "parallelism", "data"), message, str(data))


def _gpus(manifest: Object, _: Context) -> Iterator[Breach]:
    for workload in workloads.workloads(manifest):
        tensor = manifest.number_at(*workload, "parallelism", "tensor") or 1
        needed = tensor * (manifest.number_at(*workload, "parallelism", "dataLocal") or 1)
        for field in ("template", "worker"):
            for container in manifest_pods.containers(manifest, (*workload, field)):
                yield from _too_few(manifest, container, needed)


def _too_few(manifest: Object, container: Path, needed: int) -> Iterator[Breach]:
    if manifest.text_at(*container, "name") != "main":
        return
    limits = manifest_pods.requested(manifest, container, "limits")
    for name in _GPUS:
        if name in limits and (given := manifest_pods.count_of(limits[name])) != needed:
            message = f"{given} GPUs are given, and tensor x dataLocal makes {needed}"
            yield Breach((*container, "resources", "limits", name), message, str(given))


def _ready(manifest: Object, _: Context) -> Iterator[Breach]:
    for workload in workloads.workloads(manifest):
        if _has_worker(manifest, workload):
            message = "its Ready condition may never come although the group serves: the LeaderWorkerSet is not watched"
            yield Breach((*workload, "worker"), message)


def _base(manifest: Object, context: Context) -> Iterator[Breach]:
    for index, each in enumerate(manifest.list_at("spec", "baseRefs")):
        name = each.get("name") if isinstance(each, dict) else None
        if isinstance(name, str) and not any(context.named("LLMInferenceServiceConfig", name)):
            at = ("spec", "baseRefs", index, "name")
            yield Breach(
                at, f"the config {name} is not among these files; what it sets is not seen", name, can_tell=False
            )


def _tokens(manifest: Object, _: Context) -> Iterator[Breach]:
    for pod in workloads.pods(manifest):
        yield from pod_checks.all_credentials(manifest_pods.pod_at(manifest, pod))


def _tolerations(manifest: Object, _: Context) -> Iterator[Breach]:
    for pod in workloads.pods(manifest):
        yield from pod_checks.unmatched_tolerations(manifest_pods.pod_at(manifest, pod))


def _memory(manifest: Object, _: Context) -> Iterator[Breach]:
    for pod in workloads.pods(manifest):
        for container in manifest_pods.pod_at(manifest, pod).containers:
            # Without mounts of its own a container keeps those of the preset, which has 8 GiB.
            if container.value.get("volumeMounts") and pod_checks.has_small_memory(container):
                yield Breach((*container.path, "volumeMounts"), "nothing is mounted at /dev/shm here", can_tell=False)


RULES = (
    Rule(
        "kserve.llm-size-ignored",
        "warning",
        workloads.SERVICE,
        "Parallelism over several pods comes with worker.",
        "Without it the sizes are passed by without an error.",
        "add worker: {} or a pod specification",
        "practice",
        "kserve#6044",
        _ignored,
        requirements=("R077",),
    ),
    Rule(
        "kserve.llm-preset",
        "warning",
        workloads.SERVICE,
        "Pipeline parallelism over pods comes with the config that the controller looks for.",
        "The reconciler stops with ConfigNotFound.",
        "apply an LLMInferenceServiceConfig of that name in the object's namespace",
        "practice",
        "kserve#5047; config/llmisvcconfig of v0.20.0",
        _preset,
    ),
    Rule(
        "kserve.llm-remainder",
        "warning",
        workloads.SERVICE,
        "data is a multiple of dataLocal.",
        "The remainder is dropped, and the engine waits for ranks that no pod runs.",
        "choose data as a multiple of dataLocal",
        "practice",
        "kserve/kserve v0.20.0 pkg/apis/serving/v1alpha2/llm_inference_service_types_func.go (GetSize)",
        _remainder,
    ),
    Rule(
        "kserve.llm-gpus",
        "warning",
        workloads.SERVICE,
        "The container main has tensor x dataLocal GPUs.",
        "The presets start the engine with these sizes, which need as many GPUs in the pod.",
        "give as many GPUs under limits",
        "practice",
        "kserve/kserve v0.20.0 config/llmisvcconfig",
        _gpus,
        requirements=("R125",),
    ),
    Rule(
        "kserve.llm-ready",
        "info",
        workloads.SERVICE,
        "Readiness of a group is looked up at its LeaderWorkerSet.",
        "The controller does not watch its status.",
        "look at the LeaderWorkerSet's conditions, or ask /v1/models",
        "practice",
        "kserve#6043",
        _ready,
    ),
    Rule(
        "kserve.llm-base",
        "info",
        workloads.SERVICE,
        "Configs that a service is based on are judged together with it.",
        "What they set is merged before anything is made.",
        "lint the configs in the same run",
        "practice",
        "kserve/kserve v0.20.0 pkg/controller/v1alpha2/llmisvc/config_merge.go",
        _base,
    ),
    Rule(
        "kserve.llm-literal-token",
        "warning",
        workloads.ALL,
        "Credentials are referred to, not written out.",
        "Everybody who may read the object can read them, and they end in version control.",
        "put it into a Secret and refer to it: valueFrom.secretKeyRef",
        "practice",
        "Kubernetes: good practices for Secrets",
        _tokens,
        requirements=("R074", "R123"),
    ),
    Rule(
        "kserve.llm-toleration",
        "warning",
        workloads.ALL,
        "A toleration without a value has the operator Exists.",
        "Without it the toleration means an empty value and does not match a taint that has one.",
        "add operator: Exists",
        "practice",
        "Kubernetes: taints and tolerations",
        _tolerations,
        requirements=("R019",),
    ),
    Rule(
        "kserve.llm-shared-memory",
        "warning",
        workloads.ALL,
        "Containers of a group have shared memory of 1 GiB or more.",
        "NCCL and the engine's processes exchange data there.",
        "mount an emptyDir with medium Memory and a sizeLimit such as 16Gi at /dev/shm",
        "practice",
        "nccl#525, vllm#7466",
        _memory,
        requirements=("R135",),
    ),
)
