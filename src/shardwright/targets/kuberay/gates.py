"""The operator's feature gates: which there are, since when, and whether they are on where nobody said so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.manifests import versions
from shardwright.targets.kuberay import releases

if TYPE_CHECKING:
    from shardwright.core.manifests.objects import Context

__all__ = ["is_enabled", "version_of"]


def version_of(context: Context) -> str:
    """The version of the operator that is assumed: the newest known where none is given."""
    return context.versions.get("kuberay") or releases.known_versions()[-1]


def is_enabled(context: Context, name: str) -> bool:
    """Whether a gate is on: as named, else as the operator has it by default at that version."""
    if name in context.gates:
        return context.gates[name]
    since = releases.gates().get(name, "")
    return bool(since) and versions.holds(version_of(context), since, "")
