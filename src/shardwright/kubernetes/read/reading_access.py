"""Who may apply and watch a deployment, as the option that renders it: the way back from `access`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.kubernetes.read.reading_pods import first_of

if TYPE_CHECKING:
    from shardwright.core.importing import Surroundings
    from shardwright.core.manifests.objects import Object

__all__ = ["manager_of"]


def manager_of(surroundings: Surroundings, name: str, namespace: str) -> tuple[str, tuple[Object, ...]]:
    """The account that a RoleBinding of ours names, as `[NAMESPACE:]NAME`, with Role and binding; empty without one."""
    binding = surroundings.named("RoleBinding", f"{name}-manager")
    role = surroundings.named("Role", f"{name}-manager")
    if binding is None or role is None:
        return "", ()
    subject = first_of(binding.get("subjects"))
    if subject.get("kind") != "ServiceAccount" or not subject.get("name"):
        return "", ()
    theirs = str(subject.get("namespace") or "")
    account = str(subject["name"])
    return (f"{theirs}:{account}" if theirs not in {"", namespace or "default"} else account), (role, binding)
