"""Where the pods of an LLMInferenceService are: its Deployment's, or those of the LeaderWorkerSet that it makes.

Source: KServe 0.20, pkg/controller/v1alpha2/llmisvc (workload_single_node.go, workload_multi_node.go, workload.go) and
pkg/constants; pods of the router and of a separate prefill are no members.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.lifecycle.bodies import map_at, number_at, text_at
from shardwright.core.lifecycle.parts import Parts, Root, Update
from shardwright.core.lifecycle.updates import deployment_update

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["parts_of"]

_PREFIX = "leaderworkerset.sigs.k8s.io"
_COMPONENT = "app.kubernetes.io/component"
_WORKLOAD = "llminferenceservice-workload"


def parts_of(root: Mapping[str, object]) -> Parts:
    """The parts of an LLMInferenceService; one with `worker` spans nodes."""
    name = text_at(root, "metadata", "name")
    is_spread = "worker" in map_at(root, "spec")
    replicas = number_at(root, 1, "spec", "replicas")
    components = f"{_COMPONENT} in ({_WORKLOAD},{_WORKLOAD}-leader,{_WORKLOAD}-worker)"
    return Parts(
        root=Root(text_at(root, "apiVersion"), "LLMInferenceService", name, keeps_generation=True),
        pod_selector=f"app.kubernetes.io/name={name},{components}",
        leader_labels={f"{_PREFIX}/worker-index": "0"} if is_spread else {},
        replicas=replicas,
        size=_size(root) if is_spread else 1,
        group_label=f"{_PREFIX}/group-index" if is_spread else "",
        index_label=f"{_PREFIX}/worker-index" if is_spread else "",
        leader_variable="LWS_LEADER_ADDRESS" if is_spread else "",
        container="main",
        service=f"{name}-kserve-workload-svc",
        more_roots=(Root("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", f"{name}-kserve-mn", "Available"),)
        if is_spread
        else (),
        # Neither object has a field for it: the Deployment and the set that are made have Kubernetes' defaults.
        update=Update() if is_spread else deployment_update({}, replicas),
    )


def _size(root: Mapping[str, object]) -> int:
    """Pods of a replica: a stage each, or data-parallel copies over those of one pod."""
    pipeline = number_at(root, 0, "spec", "parallelism", "pipeline")
    if pipeline:
        return pipeline
    data = number_at(root, 1, "spec", "parallelism", "data")
    return max(1, data // max(1, number_at(root, 1, "spec", "parallelism", "dataLocal")))
