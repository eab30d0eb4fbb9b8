"""What LeaderWorkerSet, DisaggregatedSet and its scalers demand of a manifest, releases 0.5 to 0.10.

Fields by release are in `fields.toml`; what its mutating webhook writes is here; rules are in the modules beside.
Source: CRDs and webhooks of kubernetes-sigs/lws v0.5.1 to v0.10.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.manifests.platform import Platform
from shardwright.core.rules.rule import with_mends
from shardwright.kubernetes import field_tables
from shardwright.kubernetes.rules import metadata_lint, pod_lint
from shardwright.targets.lws import (
    lint_disaggregated,
    lint_group,
    lint_ranks,
    lint_webhook,
    mend,
    releases,
    sets,
)

if TYPE_CHECKING:
    from shardwright.core.manifests.objects import Context, Value
    from shardwright.core.manifests.schema import Schema

__all__ = ["LINT"]

_KINDS = (*sets.SETS, "DisaggregatedSetRoleScaler")


def _schema() -> Schema:
    return field_tables.load_schema("shardwright.targets.lws")


def _mutated(value: dict[str, Value], context: Context) -> dict[str, Value]:
    """What the mutating webhook writes before the schema is checked: strategies and policies that are empty or old."""
    del context
    spec = value.get("spec")
    if value.get("kind") != "LeaderWorkerSet" or (spec is not None and not isinstance(spec, dict)):
        return value
    made = dict(spec or {})
    template = _with_pods(made.get("leaderWorkerTemplate"))
    if isinstance(template, dict):
        made["leaderWorkerTemplate"] = template
        policy = template.get("restartPolicy")
        changed = {"": "RecreateGroupOnPodRestart", "Default": "None"}
        made["leaderWorkerTemplate"] = (
            {**template, "restartPolicy": changed[policy]}
            if isinstance(policy, str) and policy in changed
            else template
        )
    made["rolloutStrategy"] = _rollout(made.get("rolloutStrategy"))
    network = made.get("networkConfig")
    if network is None or (isinstance(network, dict) and network.get("subdomainPolicy") is None):
        made["networkConfig"] = {"subdomainPolicy": "Shared"}
    return {**value, "spec": made}


def _with_pods(template: Value) -> Value:
    """The webhook writes out what it has read, and a pod that is left out becomes one without containers."""
    if template is not None and not isinstance(template, dict):
        return template
    made = dict(template or {})
    for name in ("leaderTemplate", "workerTemplate"):
        pod = made.get(name, None if name == "leaderTemplate" else {})
        if isinstance(pod, dict) and pod.get("spec") is None:
            made[name] = {**pod, "spec": {}}
    return made


def _rollout(strategy: Value) -> Value:
    if strategy is not None and not isinstance(strategy, dict):
        return strategy
    made = dict(strategy or {})
    if made.get("type") is None or made.get("type") == "":
        made["type"] = "RollingUpdate"
    made.setdefault("rollingUpdateConfiguration", {"maxUnavailable": 1, "maxSurge": 0, "partition": 0})
    return made


LINT = Platform(
    "lws",
    "LeaderWorkerSet",
    releases.known_versions(),
    schema=_schema,
    rules=with_mends(
        (
            *lint_webhook.RULES,
            *lint_disaggregated.RULES,
            *lint_ranks.RULES,
            *lint_group.RULES,
            *metadata_lint.metadata_rules(_KINDS, named=("LeaderWorkerSet",)),
            *pod_lint.pod_rules(sets.SETS, sets.pods_of),
        ),
        mend.MENDS,
    ),
    mutate=_mutated,
)
"""The platform of this package."""
