"""Where the pods of a group are placed: topology, subgroups, and schedulers that place a group as a whole.

Source: kubernetes-sigs/lws, api/leaderworkerset/v1 and pkg/schedulerprovider (v0.7.0); Kueue 0.16, running a
LeaderWorkerSet and topology-aware scheduling; Volcano 1.12, annotations of pod groups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core import target_options
from shardwright.kubernetes.render.objects import SubGroupPolicy

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment
    from shardwright.core.recipe import Recipe
    from shardwright.targets.lws.releases import Release

__all__ = [
    "pod_annotations",
    "scheduler_name",
    "set_annotations",
    "set_labels",
    "sub_group_policy",
    "subgroup_size",
]

_PREFIX = "leaderworkerset.sigs.k8s.io"
_KUEUE = "kueue.x-k8s.io"


def subgroup_size(deployment: Deployment) -> int | None:
    """Nodes of a subgroup: as asked, else those of a tensor-parallel group that takes several nodes but not all of them."""
    asked = target_options.options_of(deployment.recipe).get("subgroupSize")
    if isinstance(asked, int) and not isinstance(asked, bool):
        return asked
    layout = deployment.plan.layout
    nodes, rest = divmod(layout.tensor, layout.gpus_per_node)
    return nodes if not rest and 1 < nodes < deployment.group.size else None


def sub_group_policy(deployment: Deployment, release: Release) -> SubGroupPolicy | None:
    """The set's policy on subgroups; None where a group is one whole."""
    size = subgroup_size(deployment)
    if size is None:
        return None
    return SubGroupPolicy(
        sub_group_size=size, sub_group_policy_type="LeaderWorker" if release.has_subgroup_type else None
    )


def set_labels(recipe: Recipe) -> dict[str, str]:
    """Labels of the set alone: the download Job takes no GPUs and is not queued."""
    queue = target_options.text_of(recipe, "queue")
    return {f"{_KUEUE}/queue-name": queue} if queue else {}


def set_annotations(recipe: Recipe) -> dict[str, str]:
    """Annotations of the set on topology, and on the queue of Volcano."""
    wanted = {
        f"{_PREFIX}/exclusive-topology": target_options.text_of(recipe, "exclusiveTopology"),
        f"{_PREFIX}/subgroup-exclusive-topology": target_options.text_of(recipe, "subgroupExclusiveTopology"),
        "scheduling.volcano.sh/queue-name": target_options.text_of(recipe, "volcanoQueue"),
    }
    return {name: value for name, value in wanted.items() if value}


def pod_annotations(deployment: Deployment) -> dict[str, str]:
    """Kueue's wish for a place, on leader and workers alike; the group's name makes one wish of both."""
    recipe = deployment.recipe
    wanted = {
        f"{_KUEUE}/podset-required-topology": target_options.text_of(recipe, "requiredTopology"),
        f"{_KUEUE}/podset-preferred-topology": target_options.text_of(recipe, "preferredTopology"),
    }
    made = {name: value for name, value in wanted.items() if value}
    if made and deployment.group.size > 1:
        made[f"{_KUEUE}/podset-group-name"] = recipe.metadata.name
    return made


def scheduler_name(recipe: Recipe) -> str | None:
    """The scheduler that places pods; None: the cluster's own."""
    return target_options.text_of(recipe, "gang") or None
