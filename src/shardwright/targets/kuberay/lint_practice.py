"""Rules on Ray clusters that the operator accepts and that are known to go wrong when vLLM is served by them.

Source: KubeRay v1.1.1 to v1.7.0 (ray-operator/controllers/ray/common/pod.go and service.go, CRD defaults), Ray 2.48
(`ray start --help`), vLLM 0.24 and 0.32 (v1/executor/ray_utils.py), OCI AI Blueprints (RayCluster document).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Rule
from shardwright.kubernetes import engine_words, manifest_pods
from shardwright.kubernetes.rules import pod_checks
from shardwright.targets.kuberay import ray_images, ray_ports
from shardwright.targets.kuberay.ray_objects import ALL_KINDS, has, in_clusters, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context
    from shardwright.targets.kuberay.ray_objects import Cluster, Group

__all__ = ["RULES", "gpu_count"]

_EQUAL = ("cpu", "memory")
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - a path in the pod
_UNSEEN_GPUS = ("habana.ai/gaudi",)

_rule = functools.partial(
    Rule,
    severity="warning",
    kinds=ALL_KINDS,
    enforced_by="practice",
    source="KubeRay v1.1.1 to v1.7.0, ray-operator/controllers/ray/common/pod.go",
)


def gpu_count(cluster: Cluster, group: Group) -> int:
    """GPUs of a pod of that group, as the operator counts them: by resources that end with gpu, or as ray start is told."""
    told = cluster.owner.get(*group.path, "rayStartParams", "num-gpus")
    number = engine_words.whole(text_of(told))
    if number is not None:
        return number
    limits = manifest_pods.requested(cluster.owner, group.container, "limits")
    return sum(manifest_pods.count_of(value) for name, value in limits.items() if _is_gpu(name))


def _is_gpu(name: str) -> bool:
    return name.endswith("gpu") or name.startswith("nvidia.com/mig-")


def _no_workers(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    for group in cluster.workers:
        least = cluster.owner.number_at(*group.path, "minReplicas") or 0
        if cluster.is_autoscaled or least > 0 or cluster.owner.node((*group.path, "replicas")) is not None:
            continue
        yield Breach((*group.path, "replicas"), f"{group.name} names no replicas, so it has none: the default is 0")


def _unequal(cluster: Cluster, context: Context) -> Iterator[Breach]:
    """Where the head holds GPUs it serves a part of the model, and the slowest part decides."""
    del context
    head = gpu_count(cluster, cluster.head)
    for group in cluster.workers if head else ():
        count = gpu_count(cluster, group)
        if count != head:
            message = f"{group.name} has {count} GPUs a pod, the head {head}"
            yield Breach((*group.container, "resources"), message, str(count))
        for name in _EQUAL:
            of_head, of_worker = (_limit(cluster, each, name) for each in (cluster.head, group))
            if of_head and of_worker and of_head != of_worker:
                message = f"{group.name} has {name} {of_worker}, the head {of_head}"
                yield Breach((*group.container, "resources", "limits", name), message, of_worker)


def _limit(cluster: Cluster, group: Group, name: str) -> str:
    return text_of(manifest_pods.requested(cluster.owner, group.container, "limits").get(name))


def _unseen_gpus(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    for group in cluster.groups:
        told = cluster.owner.map_at(*group.path, "rayStartParams")
        is_told = any(name in told for name in ("num-gpus", "resources"))
        limits = manifest_pods.requested(cluster.owner, group.container, "limits")
        for name in _UNSEEN_GPUS:
            if name in limits and not is_told and not cluster.owner.map_at(*group.path, "resources"):
                path = (*group.container, "resources", "limits", name)
                yield Breach(path, f"{group.name} has {name}, which the operator does not count as GPUs", name)


def _ports(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    for path, message, value in ray_ports.complaints(cluster):
        yield Breach(path, message, value)


def _small_shared_memory(cluster: Cluster, context: Context) -> Iterator[Breach]:
    """The operator mounts memory there, up to the container's limit, unless a plasma-directory is named."""
    del context
    for group in cluster.groups:
        if not has(cluster.owner.get(*group.path, "rayStartParams", "plasma-directory")):
            continue
        mounts = cluster.owner.list_at(*group.container, "volumeMounts")
        if not any(isinstance(each, dict) and each.get("mountPath") == _SHARED_MEMORY for each in mounts):
            path = (*group.path, "rayStartParams", "plasma-directory")
            yield Breach(path, f"with plasma-directory {group.name} has 64 MiB at {_SHARED_MEMORY}")


def _other_version(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    said = text_of(cluster.get("rayVersion"))
    for group in cluster.groups:
        image = cluster.owner.text_at(*group.container, "image")
        held = ray_images.version_in(image)
        if held and said and ray_images.version_in(f"rayproject/ray:{said}") not in {held, ""}:
            message = f"rayVersion is {said}, but the image of {group.name} holds Ray {held}"
            yield Breach(cluster.at("rayVersion"), message, said)


def _other_images(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    image = cluster.owner.text_at(*cluster.head.container, "image")
    for group in cluster.workers:
        other = cluster.owner.text_at(*group.container, "image")
        if image and other and other != image and not ray_images.is_same_release(image, other):
            yield Breach((*group.container, "image"), f"{group.name} runs {other}, the head {image}", other)


def _no_ray(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    for group in cluster.groups:
        image = cluster.owner.text_at(*group.container, "image")
        if first := ray_images.first_without_ray(image):
            yield Breach(
                (*group.container, "image"), f"{image} holds no Ray; that repository has none since {first}", image
            )


def _serving_without_gpu(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    head = cluster.head
    words = " ".join(manifest_pods.arguments(cluster.owner, head.container))
    is_server = "vllm serve" in words or "vllm.entrypoints" in words
    is_old = manifest_pods.value_of(cluster.owner, head.container, "VLLM_USE_RAY_V2_EXECUTOR_BACKEND") == "0"
    if is_server and not gpu_count(cluster, head) and any(gpu_count(cluster, group) for group in cluster.workers):
        why = "and the older executor is asked for" if is_old else "which vLLM before 0.24 refuses"
        yield Breach((*head.container, "resources"), f"the server runs on the head, which has no GPU, {why}")


def _tolerations(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    for group in cluster.groups:
        yield from pod_checks.unmatched_tolerations(manifest_pods.pod_at(cluster.owner, group.pod))


RULES = (
    _rule(
        "kuberay.replicas-default",
        title="A group of workers names its replicas.",
        why="the definition fills in 0, and the server waits for GPUs that never come",
        fix="give replicas, minReplicas and maxReplicas the same number",
        check=in_clusters(_no_workers),
    ),
    _rule(
        "kuberay.resources-unequal",
        title="A head that holds GPUs has the same GPUs, processors and memory as each worker.",
        why="every pod runs the same share of the model, and the placement of ranks counts on equal nodes",
        fix="give head and workers the same resources, or the head none (num-gpus: '0')",
        check=in_clusters(_unequal),
        requirements=("R095", "R096", "R097", "R103", "R106"),
    ),
    _rule(
        "kuberay.gpu-unseen",
        title="GPUs that the operator does not know are told to Ray.",
        why="it counts resources whose name ends with gpu; others get num-gpus 0, and no rank is placed",
        fix="give rayStartParams.num-gpus, or the group's resources",
        check=in_clusters(_unseen_gpus),
    ),
    _rule(
        "kuberay.ports-clash",
        title="Each port of the head is for one purpose, and is a port.",
        why="the operator gives the dashboard, the client, the metrics (8080) and Serve ports of their own",
        fix="move the server to 8000, or metrics-export-port elsewhere",
        check=in_clusters(_ports),
        requirements=("R099", "R100", "R101", "R102"),
    ),
    _rule(
        "kuberay.shared-memory",
        title="Shared memory is large enough for Ray and NCCL.",
        why="the operator mounts memory there itself, but not where plasma-directory is set",
        fix=f"remove plasma-directory, or mount an emptyDir of medium Memory at {_SHARED_MEMORY}",
        check=in_clusters(_small_shared_memory),
    ),
    _rule(
        "kuberay.version-unlike-image",
        title="rayVersion is the Ray of the image.",
        why="the operator chooses probes, autoscaler and commands by it",
        fix="write the version of the image",
        check=in_clusters(_other_version),
    ),
    _rule(
        "kuberay.images-differ",
        title="Head and workers run the same release of Ray and Python.",
        why="Ray refuses to join nodes of another version",
        fix="use one image",
        check=in_clusters(_other_images),
    ),
    _rule(
        "kuberay.image-without-ray",
        title="The image of every group holds Ray.",
        why="the operator starts Ray there, and asks for it in an init container before: ray: command not found",
        fix="use an image with Ray and the engine, as rayproject/ray-llm",
        check=in_clusters(_no_ray),
        source="vLLM RFC 33445 and pull request 36170",
    ),
    _rule(
        "kuberay.head-without-gpu",
        title="A head that runs the server has a GPU.",
        why="with Ray's first executor vLLM asks its own node for a GPU: Current node has no GPU available",
        fix="give the head the workers' resources",
        check=in_clusters(_serving_without_gpu),
        source="vLLM 0.24 and 0.32, v1/executor/ray_utils.py",
        requirements=("R106",),
    ),
    _rule(
        "kuberay.toleration-empty",
        title="A toleration matches the taint that is meant.",
        why="without operator: Exists it matches only a taint with an empty value",
        fix="add operator: Exists, or the value",
        check=in_clusters(_tolerations),
        source="Kubernetes 1.36, API core/v1",
    ),
)
"""All rules of practice."""
