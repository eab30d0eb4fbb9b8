"""What lint knows of Kubernetes' own kinds: those that make pods, Services and claims, releases 1.20 to 1.36.

Fields by release are in `fields.toml`; what the API server refuses beyond them, and what goes wrong with an engine in such
pods, are rules in the modules beside. Source: named in each of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.manifests.platform import Platform
from shardwright.core.rules.rule import with_mends
from shardwright.kubernetes import field_tables, manifest_pods
from shardwright.kubernetes.rules import pod_lint
from shardwright.targets.kubernetes_plain import (
    lint_containers,
    lint_controllers,
    lint_names,
    lint_pods,
    lint_practice,
    lint_services,
    mend,
    releases,
    workloads,
)

if TYPE_CHECKING:
    from shardwright.core.manifests.schema import Schema
    from shardwright.core.rules.rule import Rule

__all__ = ["LINT"]


def _schema() -> Schema:
    return field_tables.load_schema("shardwright.targets.kubernetes_plain")


def _pod_rules() -> tuple[Rule, ...]:
    """Those on pods of all platforms, but for requests of GPUs, which the API server itself refuses here."""
    rules = pod_lint.pod_rules(workloads.WORKLOADS, manifest_pods.pods_of)
    return tuple(rule for rule in rules if rule.id != "pod.gpu-limit")


LINT = Platform(
    "kubernetes",
    "Kubernetes",
    releases.known_versions(),
    schema=_schema,
    rules=with_mends(
        (
            *lint_names.RULES,
            *lint_controllers.RULES,
            *lint_pods.RULES,
            *lint_containers.RULES,
            *lint_services.RULES,
            *lint_practice.RULES,
            *_pod_rules(),
        ),
        mend.MENDS,
    ),
)
"""The platform of this package."""
