"""An InferenceService in a rehearsal: no model is mounted by KServe, and its pod asks for no GPU.

Groups cannot be rehearsed: whatever runtime and service ask for, the controller writes as many GPUs into their pods as the
sizes say. Source: kserve/kserve v0.18.0 to v0.20.0, addGPUResourceToDeployment.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, cast

from shardwright.core.staging import Hindrance, Staging
from shardwright.targets.kserve import options, wiring

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.deployment import Deployment
    from shardwright.core.staging import Tree

__all__ = ["STAGING"]


def _hindrance(deployment: Deployment) -> Hindrance | None:
    if options.is_server(deployment.recipe):
        return Hindrance(
            "KServe's Hugging Face server is there in images for GPUs only",
            hint="rehearse it with --set target.options.runtime=vllm; or on this machine, without --on",
        )
    if deployment.group.size == 1:
        return None
    return Hindrance(
        "KServe itself writes GPUs into the pods of an InferenceService over several nodes, whatever the manifests ask for,"
        " so they would have no place without GPUs",
        hint="rehearse on this machine, without --on; or another target: llmisvc and lws can be rehearsed there",
    )


def _eased(deployment: Deployment, body: Mapping[str, object]) -> Tree:
    made = copy.deepcopy(dict(body))
    spec = cast("Tree", made.get("spec"))
    is_image = wiring.is_mounted_image(deployment.recipe)
    if made.get("kind") == "ServingRuntime" and is_image:
        spec["supportedModelFormats"][0]["name"] = options.HUGGING_FACE
    if made.get("kind") == "InferenceService":
        predictor: Tree = spec["predictor"]
        predictor.update(minReplicas=1, maxReplicas=1)
        predictor["model"].pop("resources", None)  # the runtime says then what is asked for
        if is_image:  # a claim is not mounted where the pod has a volume of that name
            del predictor["model"]["storageUri"]
            predictor["model"]["modelFormat"] = {"name": options.HUGGING_FACE}
    return made


STAGING = Staging(hindrance=_hindrance, eased=_eased, left_out={})
