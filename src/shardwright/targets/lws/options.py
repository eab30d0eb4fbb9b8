"""`target.options` of this target: few, each checked and documented here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe
    from shardwright.targets.lws.releases import Release

__all__ = [
    "AFTER_START",
    "CHOICES",
    "ON_RESTART",
    "OPTIONS",
    "WHOLE_NUMBERS",
    "option",
    "options_of",
    "restart_policy",
]

AFTER_START = "RecreateGroupAfterStart"
ON_RESTART = "RecreateGroupOnPodRestart"

OPTIONS = {
    "restartPolicy": (
        f"`{AFTER_START}` (a group is made again only when none of its pods is pending, so that a slow image pull ends "
        f"no group; the default where the release has it) or `{ON_RESTART}`"
    ),
    "startupPolicy": "`LeaderCreated`: leader and workers are made together",
    "subdomainPolicy": "`Shared` (one headless Service for all groups; the default) or `UniquePerReplica` (one for each group)",
    "exclusiveTopology": "label of nodes; each group gets one of its values for itself, as one rack or one NVLink domain",
    "subgroupSize": "nodes of a group that belong close together; the nodes of one tensor-parallel group if left out",
    "subgroupExclusiveTopology": "label of nodes; each subgroup gets one of its values for itself",
    "gang": "`volcano`: a group's pods are placed all at once or not at all",
    "volcanoQueue": "queue of Volcano that groups are placed from",
    "queue": "LocalQueue of Kueue that admits groups, each as a whole",
    "requiredTopology": "level of Kueue's topology, a label of nodes, inside which a whole group must be placed",
    "manager": "service account, as NAME or NAMESPACE:NAME, that is given the rights to apply and watch the deployment",
    "preferredTopology": "level of Kueue's topology inside which a whole group is placed if it can be",
}
"""What each option means, for the documentation and for messages."""

CHOICES = {
    "startupPolicy": ("LeaderCreated",),
    "subdomainPolicy": ("Shared", "UniquePerReplica"),
    "gang": ("volcano",),
}
"""Values of options that have few; those of `restartPolicy` differ between releases."""

WHOLE_NUMBERS = ("subgroupSize",)
"""Options that are no text."""


def options_of(recipe: Recipe) -> dict[str, Any]:
    """Options as written; checked by the rules, not here."""
    return recipe.target.options if recipe.target else {}


def option(recipe: Recipe, name: str) -> str:
    """One option that is a text; empty if it is not given."""
    return str(options_of(recipe).get(name) or "")


def restart_policy(recipe: Recipe, release: Release) -> str:
    """What is asked, else the best that the release has."""
    asked = option(recipe, "restartPolicy")
    return asked or (ON_RESTART if release.after_start == "none" else AFTER_START)
