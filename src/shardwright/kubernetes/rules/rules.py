"""All rules on deployments that hold for every target which makes pods.

Each rule is a function from a deployment to findings; nothing is asked of a cluster. A finding of severity error
stops rendering, one with status unknown names what only the cluster can tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.kubernetes.rules import model_rules, network_rules, pod_rules, storage_rules

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment
    from shardwright.core.rules import Finding

__all__ = ["RULES", "findings_of"]


def findings_of(deployment: Deployment) -> tuple[Finding, ...]:
    """All findings, in the order of the rules."""
    return tuple(finding for rule in RULES for finding in rule(deployment))


RULES = (*model_rules.RULES, *storage_rules.RULES, *network_rules.RULES, *pod_rules.RULES)
"""All rules, in the order in which people read what they find."""
