"""`target.options` of this target: few, each checked and documented here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe

__all__ = ["OPTIONS", "WHOLE_NUMBERS", "option", "options_of"]

OPTIONS = {
    "progressDeadlineSeconds": (
        "seconds after which an update without progress is reported as failed; the time a start may take, and room to "
        "pull the image and fetch the model, if left out"
    ),
    "queue": "LocalQueue of Kueue that admits the pods",
    "manager": "service account, as NAME or NAMESPACE:NAME, that is given the rights to apply and watch the deployment",
}
"""What each option means, for the documentation and for messages."""

WHOLE_NUMBERS = ("progressDeadlineSeconds",)
"""Options that are no text."""


def options_of(recipe: Recipe) -> dict[str, Any]:
    """Options as written; checked by the rules, not here."""
    return recipe.target.options if recipe.target else {}


def option(recipe: Recipe, name: str) -> str:
    """One option that is a text; empty if it is not given."""
    return str(options_of(recipe).get(name) or "")
