"""What lint knows of KubeRay: its kinds and their fields by release, and all rules on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.manifests.platform import Platform
from shardwright.core.rules.rule import with_mends
from shardwright.kubernetes import field_tables
from shardwright.kubernetes.rules import metadata_lint, pod_lint
from shardwright.targets.kuberay import (
    lint_autoscaler,
    lint_deletion,
    lint_gcs,
    lint_groups,
    lint_history,
    lint_job,
    lint_practice,
    lint_practice_service,
    lint_security,
    lint_service,
    mend,
    ray_objects,
    releases,
)

if TYPE_CHECKING:
    from shardwright.core.manifests.objects import Context, Value
    from shardwright.core.manifests.schema import Schema
    from shardwright.core.rules.rule import Rule

__all__ = ["LINT", "schema"]


def schema() -> Schema:
    """Kinds and fields by release."""
    return field_tables.load_schema("shardwright.targets.kuberay")


def _pod_rules() -> tuple[Rule, ...]:
    """Those on pods of all platforms, but for shared memory, which the operator mounts, and tolerations, on which it has its own."""
    rules = pod_lint.pod_rules(ray_objects.ALL_KINDS, ray_objects.pods_of)
    return tuple(rule for rule in rules if rule.id not in {"pod.shared-memory", "pod.toleration"})


def _read(value: dict[str, Value], context: Context) -> dict[str, Value]:  # noqa: ARG001 - the form of `Platform.mutate`
    """What the operator reads: a spec that is left out is an empty one."""
    return value if value.get("spec") is not None else {**value, "spec": {}}


LINT = Platform(
    name="kuberay",
    title="KubeRay",
    versions=releases.known_versions(),
    gates=tuple(releases.gates()),
    schema=schema,
    rules=with_mends(
        (
            *lint_service.RULES,
            *lint_groups.RULES,
            *lint_gcs.RULES,
            *lint_autoscaler.RULES,
            *lint_security.RULES,
            *lint_history.RULES,
            *lint_job.RULES,
            *lint_deletion.RULES,
            *lint_practice.RULES,
            *lint_practice_service.RULES,
            *metadata_lint.metadata_rules(ray_objects.ALL_KINDS, named=lint_service.LABELLED),
            *_pod_rules(),
        ),
        mend.MENDS,
    ),
    mutate=_read,
)
