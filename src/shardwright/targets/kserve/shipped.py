"""Runtimes that KServe brings along, as far as an import needs them where a manifest names one that is not at hand.

Source: kserve/kserve v0.13.1 to v0.20.0 config/runtimes/kserve-huggingfaceserver.yaml and
kserve-huggingfaceserver-multinode.yaml: names, resources, shared memory; the command is the short form of their scripts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.manifests.objects import Object
from shardwright.targets.kserve import merged_pods

if TYPE_CHECKING:
    from shardwright.core.manifests.objects import Value
    from shardwright.targets.kserve.releases import Release

    Tree = dict[str, Value]

__all__ = ["FORMAT", "SHIPPED", "shipped_runtime"]

FORMAT = "huggingface"
"""Model format of both."""
_SINGLE = "kserve-huggingfaceserver"
_MULTI = "kserve-huggingfaceserver-multinode"
SHIPPED = (_SINGLE, _MULTI)
_SERVER = ("python3", "-m", "huggingfaceserver", "--model_name={{.Name}}")
_SIZES = ("--tensor-parallel-size=$(TENSOR_PARALLEL_SIZE)", "--pipeline-parallel-size=$(PIPELINE_PARALLEL_SIZE)")


def shipped_runtime(service: Object, release: Release | None, *, is_group: bool) -> Object | None:
    """The runtime that KServe would take for a service by its name or its format; None where none of these is meant."""
    name = service.text_at("spec", "predictor", "model", "runtime")
    is_meant = service.text_at("spec", "predictor", "model", "modelFormat", "name") == FORMAT if not name else False
    if name not in SHIPPED and not is_meant:
        return None
    image = release.server_image if release else ""
    made: Tree = {"spec": _multi(image) if is_group else _single(image)}
    return Object(
        "serving.kserve.io/v1alpha1",
        "ClusterServingRuntime",
        name or (_MULTI if is_group else _SINGLE),
        "",
        service.root,
        made,
    )


def _single(image: str) -> Tree:
    container: Tree = {
        "name": merged_pods.HEAD,
        "image": image,
        "command": list(_SERVER),
        "resources": {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"cpu": "1", "memory": "2Gi"}},
    }
    return {"containers": [container]}


def _multi(image: str) -> Tree:
    resources: Tree = {"requests": {"cpu": "2", "memory": "6Gi"}, "limits": {"cpu": "4", "memory": "12Gi"}}
    common: Tree = {
        "image": image,
        "resources": resources,
        "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}],  # noqa: S108 - a mount point in the pod
    }
    volumes: list[Value] = [{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "3Gi"}}]
    head: Tree = {"name": merged_pods.HEAD, "command": [*_SERVER, *_SIZES], **common}
    worker: Tree = {"name": merged_pods.WORKER, "command": ["ray", "start"], **common}
    return {
        "containers": [head],
        "volumes": volumes,
        "workerSpec": {"pipelineParallelSize": 1, "tensorParallelSize": 1, "containers": [worker], "volumes": volumes},
    }
