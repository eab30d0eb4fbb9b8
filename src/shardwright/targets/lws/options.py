"""`target.options` of this target: few, each checked and documented here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe
    from shardwright.targets.lws.releases import Release

__all__ = ["AFTER_START", "ON_RESTART", "OPTIONS", "exclusive_topology", "options_of", "restart_policy"]

AFTER_START = "RecreateGroupAfterStart"
ON_RESTART = "RecreateGroupOnPodRestart"

OPTIONS = {
    "restartPolicy": (
        f"`{AFTER_START}` (a group is made again only when none of its pods is pending, so that a slow image pull ends "
        f"no group; the default where the release has it) or `{ON_RESTART}`"
    ),
    "exclusiveTopology": "label of nodes; each group gets one of its values for itself, as one rack or one NVLink domain",
}
"""What each option means, for the documentation and for messages."""


def options_of(recipe: Recipe) -> dict[str, Any]:
    """Options as written; checked by the rules, not here."""
    return recipe.target.options if recipe.target else {}


def restart_policy(recipe: Recipe, release: Release) -> str:
    """What is asked, else the best that the release has."""
    asked = options_of(recipe).get("restartPolicy")
    return str(asked) if asked else ON_RESTART if release.after_start == "none" else AFTER_START


def exclusive_topology(recipe: Recipe) -> str:
    """The label whose values groups share out among them; empty: none."""
    return str(options_of(recipe).get("exclusiveTopology") or "")
