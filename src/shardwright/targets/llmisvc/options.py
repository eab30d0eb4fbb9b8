"""`target.options` of this target: few, each checked and documented here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core import target_options
from shardwright.core.target_options import Option
from shardwright.targets.llmisvc import releases

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe

__all__ = ["OPTIONS", "config_name", "has_router", "has_scheduler"]

OPTIONS = {
    "router": Option(
        "`platform`: a route at the platform's own Gateway; with expose.kind: gateway the route is at that one",
        choices=("platform",),
    ),
    "scheduler": Option(
        "true: the platform's scheduler chooses the replica for each request",
        kind="switch",
        default="true if there are several replicas",
    ),
    "pipelineConfig": Option(
        "`render`: the configuration that the controller asks for where a group has several pods, and that no release has,"
        " is rendered along; `expected`: the namespace has it, from another deployment",
        default="`render`",
        choices=("render", "expected"),
    ),
    "configPrefix": Option(
        "what names of the controller's configurations begin with (LLM_INFERENCE_SERVICE_CONFIG_PREFIX)"
    ),
    "queue": Option("LocalQueue of Kueue that admits groups, each as a whole"),
    "exclusiveTopology": Option(
        "label of nodes; each group gets one of its values for itself, as one rack or one NVLink domain"
    ),
}
"""What each takes."""


def has_router(recipe: Recipe) -> bool:
    """Whether the controller makes a route."""
    return recipe.expose.kind == "gateway" or target_options.text_of(recipe, "router") == "platform"


def has_scheduler(recipe: Recipe) -> bool:
    """Whether the platform's scheduler stands between route and leaders: as asked, else where it has a choice."""
    asked = target_options.options_of(recipe).get("scheduler")
    return has_router(recipe) and (asked if isinstance(asked, bool) else recipe.replicas > 1)


def config_name(recipe: Recipe) -> str:
    """The configuration that the controller looks for where a group has several pods and a pipeline."""
    names = releases.names()
    return (target_options.text_of(recipe, "configPrefix") or names.config_prefix) + names.pipeline_config
