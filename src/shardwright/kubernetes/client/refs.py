"""The address of an object: group and version, kind, namespace and name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, cast

from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Ref", "Tree", "ref_of"]

Tree: TypeAlias = dict[str, Any]
"""An object as the API has it."""


@frozen
class Ref:
    """One object; the name is empty for all of a kind."""

    api_version: str
    """`apps/v1`, `v1`."""
    kind: str
    name: str = ""
    namespace: str = ""
    """Empty: of no namespace, or in all of them."""

    def __str__(self) -> str:
        """As people say it: `LeaderWorkerSet demo/llama`."""
        inside = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {inside}{self.name}" if self.name else self.kind


def ref_of(body: Mapping[str, object], namespace: str = "") -> Ref:
    """The address of a manifest; `namespace` where it names none."""
    metadata = cast("Tree", body.get("metadata") or {})
    return Ref(
        str(body.get("apiVersion", "")),
        str(body.get("kind", "")),
        str(metadata.get("name", "")),
        str(metadata.get("namespace") or namespace),
    )
