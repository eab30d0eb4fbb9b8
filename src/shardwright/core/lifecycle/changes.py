"""What an apply would do, object by object: from what is there now and what the server says would be there afterwards."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from shardwright.core.manifests.differences import differences
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shardwright.core.manifests.differences import Difference

__all__ = ["Action", "ObjectChange", "change_of", "field_changes", "stale_among"]

Tree: TypeAlias = "dict[str, Any]"
"""An object as the API has it."""

Action = Literal["create", "update", "unchanged", "recreate", "prune"]
"""`recreate`: a field that cannot be changed is to change. `prune`: ours, and no longer in the recipe."""

_SERVER_OWNED = frozenset(
    {"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink", "deletionTimestamp"}
)
_KEPT_KINDS = frozenset({"PersistentVolumeClaim", "Namespace", "Secret"})
"""Never pruned: they hold what cannot be made again from a recipe."""


@frozen(kw_only=True)
class ObjectChange:
    """What happens to one object."""

    action: Action
    api_version: str
    kind: str
    namespace: str
    name: str
    fields: tuple[Difference, ...] = ()
    """`original` is what stands there now, `rendered` what will."""
    why: str = ""
    """Why it cannot be changed in place; empty otherwise."""
    live: Tree | None = field(default=None, repr=False, compare=False)
    """The object as it is now."""
    applied: Tree | None = field(default=None, repr=False, compare=False)
    """As it will be, by the server's dry run."""

    def __str__(self) -> str:
        """`update LeaderWorkerSet demo/llama`."""
        inside = f"{self.namespace}/" if self.namespace else ""
        return f"{self.action} {self.kind} {inside}{self.name}"


def change_of(wanted: Tree, live: Tree | None, applied: Tree | None, *, refused: str = "") -> ObjectChange:
    """The change of one object.

    `live` is the object now, None if there is none; `applied` as a dry run says it would be, None where the server
    refuses the change with the words `refused` because the object has to be made anew for it.
    """
    fields = field_changes(live, applied) if live is not None and applied is not None else ()
    action: Action = (
        "create" if live is None else "recreate" if applied is None else "update" if fields else "unchanged"
    )
    api_version, kind, namespace, name = _key(wanted)
    return ObjectChange(
        action=action,
        api_version=api_version,
        kind=kind,
        namespace=namespace,
        name=name,
        fields=fields,
        why=refused if applied is None else "",
        live=live,
        applied=applied,
    )


def field_changes(live: Tree, applied: Tree) -> tuple[Difference, ...]:
    """Fields that differ; what only the server writes, and the status, aside."""
    return differences(_own(live), _own(applied))


def _own(body: Tree) -> Tree:
    metadata = {key: value for key, value in _metadata(body).items() if key not in _SERVER_OWNED}
    return {key: value for key, value in body.items() if key != "status"} | {"metadata": metadata}


def stale_among(before: Sequence[Tree], wanted: Sequence[Tree]) -> tuple[ObjectChange, ...]:
    """Objects of the last revision that are in the new one no more; claims are kept, since a model is on them."""
    staying = {_key(body) for body in wanted}
    gone = [body for body in before if _key(body) not in staying and body.get("kind") not in _KEPT_KINDS]
    return tuple(
        ObjectChange(action="prune", api_version=key[0], kind=key[1], namespace=key[2], name=key[3])
        for key in map(_key, reversed(gone))
    )


def _key(body: Tree) -> tuple[str, str, str, str]:
    metadata = _metadata(body)
    return (
        str(body.get("apiVersion", "")),
        str(body.get("kind", "")),
        str(metadata.get("namespace", "")),
        str(metadata.get("name", "")),
    )


def _metadata(body: Tree) -> Tree:
    return body.get("metadata") or {}
