"""What stands in a launch for things that are known only when a host exists, and how the model is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.core.deployment import Wiring
from shardwright.core.recipe import source
from shardwright.facts import load as facts

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe

__all__ = ["model_argument", "wiring_of"]


def wiring_of(recipe: Recipe) -> Wiring:
    """Each host listens on its own address: on loopback addresses others have theirs beside it."""
    return Wiring(
        leader_address="$(SHARDWRIGHT_LEADER_ADDRESS)",
        member_index="$(SHARDWRIGHT_MEMBER_INDEX)",
        own_address="$(SHARDWRIGHT_OWN_ADDRESS)",
        model=model_argument(recipe.model.source),
        draft=model_argument(recipe.model.draft.source) if recipe.model.draft else "",
        serve_port="$(SHARDWRIGHT_SERVE_PORT)",
        group_port="$(SHARDWRIGHT_GROUP_PORT)",
        interface="$(SHARDWRIGHT_INTERFACE)",
        listen_address="$(SHARDWRIGHT_OWN_ADDRESS)",
    )


def model_argument(text: str) -> str:
    """A repository of the hub, or a directory as written; a name of the catalogue stands for its repository."""
    try:
        parsed = source.parse_source(text)
    except ValueError:
        return text
    if parsed.scheme != "name":
        return parsed.place
    try:
        return facts.catalogue_model(parsed.place).hub_id
    except errors.NotFound:
        return parsed.place
