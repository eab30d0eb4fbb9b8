"""Where the pods of an InferenceService are: one Deployment, or one of the head and one of the workers.

Source: KServe 0.20, pkg/controller/v1beta1/inferenceservice and pkg/constants. How many nodes a model spans stands in the
runtime as well; without `workerSpec` sizes in the service the default of two stages holds. Of a service with workers
KServe 0.16 to 0.19 say `Ready: Unknown` for ever: they compare the joined reasons of two Deployments with that of one
(PropagateRawStatus; seen with 0.19.0). So its pods say whether it serves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.lifecycle.bodies import map_at, number_at, text_at
from shardwright.core.lifecycle.parts import Parts, Root, Update
from shardwright.core.lifecycle.updates import deployment_update
from shardwright.targets.kserve import options

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["parts_of"]

_DEFAULT_STAGES = 2
_STOP = "serving.kserve.io/stop"
_MODE = "serving.kserve.io/deploymentMode"
_KNATIVE = frozenset({"Serverless", "Knative"})
_STRATEGY = ("spec", "predictor", "deploymentStrategy")
_HUGGING_FACE = ("", "kserve-huggingfaceserver", "kserve-huggingfaceserver-multinode")


def parts_of(root: Mapping[str, object]) -> Parts:
    """The parts of an InferenceService's predictor."""
    name = text_at(root, "metadata", "name")
    predictor = map_at(root, "spec", "predictor")
    is_spread = "workerSpec" in predictor
    is_stopped = text_at(root, "metadata", "annotations", _STOP) == "true"
    replicas = 0 if is_stopped else max(1, number_at(predictor, 1, "minReplicas"))
    return Parts(
        root=Root(text_at(root, "apiVersion"), "InferenceService", name, "" if is_spread else "Ready"),
        pod_selector=f"serving.kserve.io/inferenceservice={name},component=predictor",
        leader_labels={"app": f"isvc.{name}-predictor"} if is_spread else {},
        replicas=replicas,
        size=_size(predictor) if is_spread else 1,
        container="kserve-container",
        worker_container="worker-container" if is_spread else "",
        leader_variable="HEAD_SVC" if is_spread else "",
        service=f"{name}-predictor",
        base_path="/openai/v1" if _is_hugging_face(root, predictor) else "/v1",
        update=_update(root, replicas, is_spread=is_spread),
    )


def _update(root: Mapping[str, object], replicas: int, *, is_spread: bool) -> Update:
    """By the strategy of its Deployments; Knative starts a whole revision beside the old one."""
    mode = text_at(root, "metadata", "annotations", _MODE)
    if mode in _KNATIVE:
        return Update(surge=replicas, unavailable=0, field=f"{_MODE}: {mode}")
    found = deployment_update(root, replicas, *_STRATEGY)
    if is_spread and text_at(root, *_STRATEGY, "type") != "Recreate":
        # Workers are always made all at once beside the old ones then.
        return Update(surge=replicas, unavailable=0, field=f"{'.'.join(_STRATEGY)}.type is not Recreate")
    return found


def _size(predictor: Mapping[str, object]) -> int:
    """Pods of a replica, head included; a stage may have more than one where its GPUs are on several nodes."""
    stages = number_at(predictor, 0, "workerSpec", "pipelineParallelSize")
    return stages or number_at(predictor, _DEFAULT_STAGES - 1, "workerSpec", "size") + 1


def _is_hugging_face(root: Mapping[str, object], predictor: Mapping[str, object]) -> bool:
    """KServe's own server answers below /openai; vLLM's does not."""
    if text_at(root, "metadata", "annotations", options.SERVER_TYPE) == options.SERVER:
        return True
    is_format = text_at(predictor, "model", "modelFormat", "name") == "huggingface"
    return is_format and text_at(predictor, "model", "runtime") in _HUGGING_FACE
