"""`target.options` of this target: few, each checked and documented here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core import target_options
from shardwright.core.target_options import Option

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe
    from shardwright.targets.lws.releases import Release

__all__ = ["AFTER_START", "LEADER_CREATED", "ON_RESTART", "OPTIONS", "restart_policy"]

AFTER_START = "RecreateGroupAfterStart"
ON_RESTART = "RecreateGroupOnPodRestart"
LEADER_CREATED = "LeaderCreated"

OPTIONS = {
    "restartPolicy": Option(
        f"`{AFTER_START}` (a group is made again only when none of its pods is pending, so that a slow image pull ends "
        f"no group) or `{ON_RESTART}`",
        default=f"`{AFTER_START}` where the release has it",
    ),
    "startupPolicy": Option(f"`{LEADER_CREATED}`: leader and workers are made together", default=f"`{LEADER_CREATED}`"),
    "subdomainPolicy": Option(
        "`Shared` (one headless Service for all groups) or `UniquePerReplica` (one for each group)",
        default="`Shared`",
        choices=("Shared", "UniquePerReplica"),
    ),
    "exclusiveTopology": Option(
        "label of nodes; each group gets one of its values for itself, as one rack or one NVLink domain"
    ),
    "subgroupSize": Option(
        "nodes of a group that belong close together", kind="count", default="the nodes of one tensor-parallel group"
    ),
    "subgroupExclusiveTopology": Option("label of nodes; each subgroup gets one of its values for itself"),
    "gang": Option("`volcano`: a group's pods are placed all at once or not at all", choices=("volcano",)),
    "volcanoQueue": Option("queue of Volcano that groups are placed from"),
    "queue": Option("LocalQueue of Kueue that admits groups, each as a whole"),
    "requiredTopology": Option(
        "level of Kueue's topology, a label of nodes, inside which a whole group must be placed"
    ),
    "manager": Option(
        "service account, as NAME or NAMESPACE:NAME, that is given the rights to apply and watch the deployment"
    ),
    "preferredTopology": Option("level of Kueue's topology inside which a whole group is placed if it can be"),
}
"""What each takes; which policies a release has, rules of their own say."""


def restart_policy(recipe: Recipe, release: Release) -> str:
    """What is asked, else the best that the release has."""
    asked = target_options.text_of(recipe, "restartPolicy")
    return asked or (ON_RESTART if release.after_start == "none" else AFTER_START)
