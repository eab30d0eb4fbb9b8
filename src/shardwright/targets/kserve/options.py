"""`target.options` of this target: few, each checked and documented here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe

__all__ = ["CHOICES", "HUGGING_FACE", "OPTIONS", "is_server", "option", "options_of"]

HUGGING_FACE = "huggingface"

OPTIONS = {
    "runtime": (
        "`vllm`: the engine's own server, at /v1 (the default); `huggingface`: KServe's Hugging Face server around the same"
        " engine, at /openai/v1"
    ),
}
"""What each option means, for the documentation and for messages."""

CHOICES = {"runtime": ("vllm", HUGGING_FACE)}
"""Values of options that have few."""


def options_of(recipe: Recipe) -> dict[str, Any]:
    """Options as written; checked by the rules, not here."""
    return recipe.target.options if recipe.target else {}


def option(recipe: Recipe, name: str) -> str:
    """One option that is a text; empty if it is not given."""
    return str(options_of(recipe).get(name) or "")


def is_server(recipe: Recipe) -> bool:
    """Whether KServe's Hugging Face server is to run the engine."""
    return option(recipe, "runtime") == HUGGING_FACE
