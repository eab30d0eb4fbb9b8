"""The platform's own runtime for several nodes, for imports of services that name it and come without it.

Source: opendatahub-io/odh-model-controller config/runtimes/vllm/vllm-multinode-template.yaml at the tags odh-v2.21 to
odh-v3.5-EA2: resources, shared memory and flags; the command is the short form of its scripts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.manifests.objects import Object
from shardwright.targets.openshift_ai import releases

if TYPE_CHECKING:
    from shardwright.core.manifests.objects import Value
    from shardwright.targets.openshift_ai.releases import Release

    Tree = dict[str, Value]

__all__ = ["shipped"]

_COMMAND = (
    *("vllm", "serve", "/mnt/models", "--port=8080", "--served-model-name={{.Name}}"),
    *("--tensor-parallel-size=$(TENSOR_PARALLEL_SIZE)", "--pipeline-parallel-size=$(PIPELINE_PARALLEL_SIZE)"),
)


def shipped(service: Object, release: Release | None) -> Object:
    """The runtime as a release has it; its marks are those of the service."""
    executor = release.executor if release else "mp"
    resources: Tree = {"requests": {"cpu": "8", "memory": "24Gi"}, "limits": {"cpu": "16", "memory": "48Gi"}}
    common: Tree = {
        "image": release.image if release else "",
        "resources": resources,
        "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}],  # noqa: S108 - a mount point in the pod
    }
    volumes: list[Value] = [{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "12Gi"}}]
    head: Tree = {
        "name": "kserve-container",
        "command": [*_COMMAND, f"--distributed-executor-backend={executor}"],
        **common,
    }
    worker: Tree = {"name": "worker-container", "command": ["vllm", "serve", "--headless"], **common}
    spec: Tree = {
        "annotations": {"multinode/executor-backend": "mp"} if executor == "mp" else {},
        "containers": [head],
        "volumes": volumes,
        "workerSpec": {"pipelineParallelSize": 2, "tensorParallelSize": 1, "containers": [worker], "volumes": volumes},
    }
    value: Tree = {"metadata": {"name": releases.names().runtime}, "spec": spec}
    api = "serving.kserve.io/v1alpha1"
    return Object(api, "ServingRuntime", releases.names().runtime, service.namespace, service.root, value)
