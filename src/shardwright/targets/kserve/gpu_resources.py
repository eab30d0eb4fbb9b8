"""Which resources of a container KServe takes for GPUs, and how many pods it makes of the sizes that are asked for.

Source: kserve/kserve v0.20.0 pkg/utils/utils.go (HasUnknownGpuResourceType, UpdateGPUResourceTypeListByAnnotation) and
pkg/controller/v1beta1/inferenceservice/components/predictor.go (computeRayNodeAndGPUs, computeMpNodeAndGPUs).
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, NamedTuple, cast

from shardwright.kubernetes import manifest_pods

if TYPE_CHECKING:
    from shardwright.core.manifests.objects import Object
    from shardwright.core.marked.paths import Path

__all__ = ["KNOWN", "Nodes", "custom_types", "gpu_count", "gpu_types", "mp_nodes", "ray_nodes", "unknown_types"]

KNOWN = ("nvidia.com/gpu", "amd.com/gpu", "intel.com/gpu", "habana.ai/gaudi")
_BASIC = {"cpu", "memory", "storage", "ephemeral-storage"}


class Nodes(NamedTuple):
    """Pods of a group, and GPUs in the head and in each worker."""

    pods: int
    head_gpus: int
    worker_gpus: int


def custom_types(text: str) -> tuple[str, ...]:
    """The resources that an annotation adds; ValueError if it is no list of names in JSON."""
    if not text:
        return ()
    try:
        names: object = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("no JSON") from None
    if not isinstance(names, list) or not names:
        raise ValueError("no list")
    listed = cast("list[object]", names)
    if not all(isinstance(name, str) and name for name in listed):
        raise ValueError("no list of names")
    return tuple(str(name) for name in listed)


def unknown_types(manifest: Object, container: Path, custom: tuple[str, ...]) -> list[str]:
    """Resources of a container that are neither basic nor known GPUs."""
    names = {**manifest_pods.requested(manifest, container, "limits"), **manifest_pods.requested(manifest, container)}
    return [name for name in names if name not in _BASIC and name not in KNOWN and name not in custom]


def gpu_types(manifest: Object, container: Path) -> set[str]:
    """The known GPUs of a container, whatever their number."""
    names = {**manifest_pods.requested(manifest, container, "limits"), **manifest_pods.requested(manifest, container)}
    return {name for name in KNOWN if name in names}


def gpu_count(manifest: Object, container: Path) -> int:
    """GPUs that a container requests; those that stand under limits alone are not counted by KServe either."""
    asked = manifest_pods.requested(manifest, container)
    return next((manifest_pods.count_of(asked[name]) for name in KNOWN if name in asked), 0)


def mp_nodes(tensor: int, pipeline: int) -> Nodes:
    """The group under the annotation `multinode/executor-backend: mp`: a pod for each stage."""
    return Nodes(pipeline, tensor, tensor)


def ray_nodes(total: int, head: int, worker: int) -> Nodes:
    """The group of an executor on Ray for `total` GPUs, of which containers request that many; 0: none is requested.

    ValueError where the requests do not reach the total.
    """
    if worker > 0:
        count = math.ceil(total / worker)
        if head > 0 and math.ceil(total / head) == 1:
            count = 1
        if count == 1:
            return Nodes(1, total, 0)
        head = head or total - worker * (count - 1)
        if total > head + worker * (count - 1):
            raise ValueError("too few")
        return Nodes(count, head, worker)
    if head > 0:
        return Nodes(1 + max(0, total - head), head, 1)
    return Nodes(total, 1, 1)
