"""Pods of an InferenceService as templates: what the service and its runtime make together."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from shardwright.core.manifests.reading import read_manifests
from shardwright.targets.kserve import merged_pods

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["templates_of"]


def templates_of(root: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Templates by role, `leader` and `worker`; the runtime is looked for among the other objects by its name."""
    listed = {"apiVersion": "v1", "kind": "List", "items": [dict(root), *map(dict, others)]}
    read = read_manifests(json.dumps(listed).encode(), "")
    service = next(each for each in read.objects if each.kind == "InferenceService")
    wanted = service.text_at("spec", "predictor", "model", "runtime")
    runtimes = {each.name: each for each in read.objects if each.kind in {"ServingRuntime", "ClusterServingRuntime"}}
    runtime = runtimes.get(wanted)
    worker = merged_pods.worker_pod(service, runtime)
    found: dict[str, Any] = {"leader": {"template": merged_pods.leader_pod(service, runtime)}}
    return found | ({"worker": {"template": worker}} if worker else {})
