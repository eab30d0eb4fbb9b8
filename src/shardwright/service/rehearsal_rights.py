"""Use case: the rights that a rehearsal in a cluster needs, and Roles that allow just these; no cluster is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shardwright.core.preflight import access
from shardwright.service import checking, cluster_rehearsing, cluster_twins, removals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.plan.types import Plan
    from shardwright.core.preflight.needs import Ask
    from shardwright.service.cluster_twins import Prepared

__all__ = ["asks_of", "rbac"]


def rbac(plan: Plan, subject: Mapping[str, str], *, namespace: str = "") -> list[dict[str, Any]]:
    """Roles and bindings for `rehearse --on cluster` of a plan; InputError as that has it.

    `namespace`: the one that it is told to use. Without one it makes its own, and needs its rights in all of them: a Role
    cannot be in a namespace that is not there yet.
    """
    prepared = cluster_twins.prepare(plan, namespace=namespace)
    who = (namespace, prepared.name)
    return checking.roles(asks_of(prepared), who, subject, purpose="rehearsal")


def asks_of(prepared: Prepared) -> tuple[Ask, ...]:
    """What a rehearsal asks of the server."""
    wanted = cluster_rehearsing.wanted_of(prepared)
    bodies = [dict(each) for each in wanted.manifests if each.get("kind") != "Namespace"]
    recipe = prepared.planned.recipe
    target = recipe.target.kind if recipe.target else ""
    needs = checking.needs_of_rendered((prepared.namespace, prepared.name, target), bodies)
    asks = access.rehearsal_asks(needs, makes_namespace=prepared.makes_namespace)
    claims = [each.name for each in removals.claims_of((wanted,), prepared.namespace)]
    inside = "" if prepared.makes_namespace else prepared.namespace
    return (*asks, *(access.Ask("get", "persistentvolumeclaims", inside, name) for name in claims))
