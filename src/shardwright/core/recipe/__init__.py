"""The recipe: what a user asks. `model` has its types, `read` turns a marked document into one or lists all its faults."""

from shardwright.core.recipe.model import Recipe

__all__ = ["Recipe"]
