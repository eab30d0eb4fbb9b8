"""Where the pods of an InferenceService are: one Deployment, or one of the head and one of the workers.

Source: KServe 0.20, pkg/controller/v1beta1/inferenceservice and pkg/constants. How many nodes a model spans stands in the
runtime as well; without `workerSpec` sizes in the service the default of two stages holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.lifecycle.bodies import map_at, number_at, text_at
from shardwright.core.lifecycle.parts import Parts, Root

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["parts_of"]

_DEFAULT_STAGES = 2
_HUGGING_FACE = ("", "kserve-huggingfaceserver", "kserve-huggingfaceserver-multinode")


def parts_of(root: Mapping[str, object]) -> Parts:
    """The parts of an InferenceService's predictor."""
    name = text_at(root, "metadata", "name")
    predictor = map_at(root, "spec", "predictor")
    is_spread = "workerSpec" in predictor
    return Parts(
        root=Root(text_at(root, "apiVersion"), "InferenceService", name),
        pod_selector=f"serving.kserve.io/inferenceservice={name},component=predictor",
        leader_labels={"app": f"isvc.{name}-predictor"} if is_spread else {},
        replicas=max(1, number_at(predictor, 1, "minReplicas")),
        size=_size(predictor) if is_spread else 1,
        container="kserve-container",
        service=f"{name}-predictor",
        base_path="/openai/v1" if _is_hugging_face(predictor) else "/v1",
    )


def _size(predictor: Mapping[str, object]) -> int:
    """Pods of a replica, head included; a stage may have more than one where its GPUs are on several nodes."""
    stages = number_at(predictor, 0, "workerSpec", "pipelineParallelSize")
    return stages or number_at(predictor, _DEFAULT_STAGES - 1, "workerSpec", "size") + 1


def _is_hugging_face(predictor: Mapping[str, object]) -> bool:
    """KServe's own server answers below /openai; vLLM's does not."""
    is_format = text_at(predictor, "model", "modelFormat", "name") == "huggingface"
    return is_format and text_at(predictor, "model", "runtime") in _HUGGING_FACE
