"""All checks of a preflight, in the order in which they are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.preflight import (
    access,
    fields,
    namespaces,
    nodes,
    openshift,
    operators,
    references,
    storage,
    ways_in,
)

if TYPE_CHECKING:
    from shardwright.core.preflight.facts import ClusterFacts
    from shardwright.core.preflight.needs import Needs
    from shardwright.core.rules.finding import Finding

__all__ = ["check"]


def check(needs: Needs, facts: ClusterFacts) -> tuple[Finding, ...]:
    """What is there, what is missing, and what could not be told; what does not apply is not told."""
    found = (
        *operators.check_version(facts),
        *openshift.check_openshift(needs, facts),
        *operators.check_operators(needs, facts),
        *fields.check_fields(needs, facts),
        *namespaces.check_namespace(needs, facts),
        *access.check_access(needs, facts),
        *references.check_names(needs, facts),
        *nodes.check_nodes(needs, facts),
        *storage.check_storage(needs, facts),
        *references.check_references(needs, facts),
        *ways_in.check_ways_in(needs, facts),
    )
    return tuple(dict.fromkeys(found))
