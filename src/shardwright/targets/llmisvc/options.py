"""`target.options` of this target: few, each checked and documented here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shardwright.targets.llmisvc import releases

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe

__all__ = ["CHOICES", "OPTIONS", "SWITCHES", "config_name", "has_router", "has_scheduler", "option", "options_of"]

OPTIONS = {
    "router": "`platform`: a route at the platform's own Gateway; with expose.kind: gateway the route is at that one",
    "scheduler": "true: the platform's scheduler chooses the replica for each request; left out, it does if there are several",
    "pipelineConfig": (
        "`render` (the default): the configuration that the controller asks for where a group has several pods, and that"
        " no release has, is rendered along; `expected`: the namespace has it, from another deployment"
    ),
    "configPrefix": "what names of the controller's configurations begin with (LLM_INFERENCE_SERVICE_CONFIG_PREFIX)",
    "queue": "LocalQueue of Kueue that admits groups, each as a whole",
    "exclusiveTopology": "label of nodes; each group gets one of its values for itself, as one rack or one NVLink domain",
}
"""What each option means, for the documentation and for messages."""

CHOICES = {"router": ("platform",), "pipelineConfig": ("render", "expected")}
"""Values of options that have few."""

SWITCHES = ("scheduler",)
"""Options that are true or false; all others are texts."""


def options_of(recipe: Recipe) -> dict[str, Any]:
    """Options as written; checked by the rules, not here."""
    return recipe.target.options if recipe.target else {}


def option(recipe: Recipe, name: str) -> str:
    """One option that is a text; empty if it is not given."""
    return str(options_of(recipe).get(name) or "")


def has_router(recipe: Recipe) -> bool:
    """Whether the controller makes a route."""
    return recipe.expose.kind == "gateway" or option(recipe, "router") == "platform"


def has_scheduler(recipe: Recipe) -> bool:
    """Whether the platform's scheduler stands between route and leaders: as asked, else where it has a choice."""
    asked = options_of(recipe).get("scheduler")
    return has_router(recipe) and (asked if isinstance(asked, bool) else recipe.replicas > 1)


def config_name(recipe: Recipe) -> str:
    """The configuration that the controller looks for where a group has several pods and a pipeline."""
    names = releases.names()
    return (option(recipe, "configPrefix") or names.config_prefix) + names.pipeline_config
