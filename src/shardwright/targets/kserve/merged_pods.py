"""The pods that KServe makes of an InferenceService and its runtime, put together as its controller does.

The runtime's pod comes first, the predictor's over it; containers are merged by name, but arguments follow one another.
Placeholders of the runtime and the sizes that the controller gives by variable are filled in. Source: kserve/kserve
v0.20.0 pkg/controller/v1beta1/inferenceservice/utils/utils.go (MergeRuntimeContainers, MergePodSpec,
ReplacePlaceholders), components/predictor.go (multiNodeProcess), pkg/utils/storage.go (names of mounts).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shardwright.core.manifests.objects import Object
from shardwright.kubernetes.read import reading_texts
from shardwright.kubernetes.render import strategic_merge
from shardwright.targets.kserve import components, model_files, wiring

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.manifests.objects import Value

    Tree = dict[str, Value]

__all__ = ["HEAD", "WORKER", "as_pod", "leader_pod", "list_at", "worker_pod"]

HEAD = "kserve-container"
WORKER = "worker-container"
_NO_POD = {
    *components.FRAMEWORKS,
    *("workerSpec", "minReplicas", "maxReplicas", "scaleTarget", "scaleMetric", "scaleMetricType", "autoScaling"),
    *("containerConcurrency", "timeout", "canaryTrafficPercent", "logger", "batcher", "deploymentStrategy"),
    *("labels", "annotations", "name", "supportedModelFormats", "protocolVersions", "multiModel", "disabled"),
    *("pipelineParallelSize", "tensorParallelSize", "size", "storageHelper", "builtInAdapter", "grpcEndpoint"),
    *("grpcDataEndpoint", "httpDataEndpoint", "replicas", "modelSizeMultiplier", "storageUris"),
}
_NO_CONTAINER = {"modelFormat", "runtime", "storageUri", "storage", "protocolVersion", "runtimeVersion", "name"}
_PLACEHOLDER = re.compile(r"\{\{\s*\.(Name|Namespace)\s*\}\}")


def leader_pod(service: Object, runtime: Object | None) -> Tree:
    """The pod of the head, or of the one pod, as a template; its first container is the one that answers."""
    predictor = service.map_at(*components.PREDICTOR)
    own = _pod(predictor)
    if isinstance(predictor.get("model"), dict):
        own["containers"] = [*list_at(own, "containers"), _model_container(service)]
    return _template(service, runtime.map_at("spec") if runtime else {}, own, HEAD)


def worker_pod(service: Object, runtime: Object | None) -> Tree | None:
    """The pod of the workers as a template; None where there are none."""
    if not components.has_workers(service):
        return None
    base = runtime.map_at("spec", "workerSpec") if runtime else {}
    return _template(service, base, _pod(service.map_at(*components.WORKER)), WORKER)


def as_pod(service: Object, template: Tree) -> Object:
    """A template as an object of its own, whose marks are those of the service."""
    return Object("v1", "Pod", service.name, service.namespace, service.root, template)


def list_at(tree: Mapping[str, Value], name: str) -> list[Value]:
    """The list under a name; empty where there is none or something else."""
    value = tree.get(name)
    return value if isinstance(value, list) else []


def _template(service: Object, base: Mapping[str, Value], own: Tree, head: str) -> Tree:
    below = _pod(base)
    made = strategic_merge.merged(below, own)
    made["containers"] = _first(_joined_arguments(made, below, own), head)
    filled = _filled(service, _with_model(service, made))
    metadata: Tree = {
        name: dict(value) for name in ("labels", "annotations") if isinstance(value := base.get(name), dict)
    }
    return {"metadata": metadata, "spec": filled}


def _pod(spec: Mapping[str, Value]) -> Tree:
    return {name: value for name, value in spec.items() if name not in _NO_POD}


def _model_container(service: Object) -> Tree:
    model = service.map_at(*components.PREDICTOR, "model")
    return {"name": HEAD, **{name: value for name, value in model.items() if name not in _NO_CONTAINER}}


def _joined_arguments(made: Tree, below: Tree, own: Tree) -> list[Value]:
    """Containers whose arguments are the runtime's and then the service's."""
    joined: list[Value] = []
    for each in list_at(made, "containers"):
        name = each.get("name") if isinstance(each, dict) else None
        parts = [list_at(_named(pod, name), "args") for pod in (below, own)]
        joined.append({**each, "args": [*parts[0], *parts[1]]} if isinstance(each, dict) and all(parts) else each)
    return joined


def _first(containers: list[Value], name: str) -> list[Value]:
    return sorted(containers, key=lambda each: not (isinstance(each, dict) and each.get("name") == name))


def _named(pod: Tree, name: Value) -> Tree:
    for each in list_at(pod, "containers"):
        if isinstance(each, dict) and each.get("name") == name:
            return each
    return {}


def _filled(service: Object, spec: Tree) -> Tree:
    names = {"Name": service.name, "Namespace": service.namespace}
    return reading_texts.changed(spec, lambda text: _PLACEHOLDER.sub(lambda match: names[match[1]], text))


def _with_model(service: Object, spec: Tree) -> Tree:
    """The claim of a storageUri at the folder where KServe mounts it, unless the pod has it already."""
    scheme, _, place = service.text_at(*components.PREDICTOR, "model", "storageUri").partition("://")
    volumes = list_at(spec, "volumes")
    if scheme != "pvc" or any(isinstance(each, dict) and each.get("name") == model_files.VOLUME for each in volumes):
        return spec
    claim, _, path = place.partition("/")
    volume: Tree = {"name": model_files.VOLUME, "persistentVolumeClaim": {"claimName": claim}}
    mount: Tree = {"name": model_files.VOLUME, "mountPath": wiring.MODEL_FOLDER, "readOnly": True}
    if path:
        mount["subPath"] = path
    containers = list(list_at(spec, "containers"))
    if containers and isinstance(first := containers[0], dict):
        containers[0] = {**first, "volumeMounts": [*list_at(first, "volumeMounts"), mount]}
    return {**spec, "volumes": [*volumes, volume], "containers": containers}
