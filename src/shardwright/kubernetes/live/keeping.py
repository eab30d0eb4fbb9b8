"""Objects that Argo CD or Flux keep are only read: the one place where that is held, before a write and before a removal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from shardwright import errors
from shardwright.core.lifecycle import keepers

if TYPE_CHECKING:
    from shardwright.kubernetes.client import Tree
    from shardwright.kubernetes.client.refs import Ref
    from shardwright.kubernetes.live.facts_views import OwnerView

__all__ = ["demand_free", "keeper_of_view", "tree_of"]

_RENDER = "put the manifests where it reads them: shardwright render -o kustomize --out DIR"


def demand_free(ref: Ref, found: Tree, doing: Literal["write", "remove"]) -> None:
    """Conflict, with the keeper's name and the way out, for an object that somebody else keeps as it is written elsewhere."""
    keeper = keepers.keeper_of(found)
    if not keeper:
        return
    told = "what is written here, it would undo" if doing == "write" else "what is removed here, it would make again"
    hint = _RENDER if doing == "write" else f"remove it where {keeper} reads it; then the same command again"
    raise errors.Conflict(f"{ref} is kept by {keeper}: {told}", hint=hint)


def keeper_of_view(view: OwnerView) -> str:
    """Who keeps an object of which the metadata alone were read; empty if nobody is known to."""
    return keepers.keeper_of(tree_of(view))


def tree_of(view: OwnerView) -> Tree:
    """The metadata that were read, as the API has them."""
    return msgspec.to_builtins(view)
