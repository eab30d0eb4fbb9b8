"""How LLMInferenceServices and their configs are judged: fields by release, the mutating webhook, the rules.

Their releases are KServe's, so their rules bear its name.
Source: kserve/kserve v0.16.0 to v0.20.0, its CRDs and pkg/apis/serving/v1alpha2/llm_inference_service_defaults.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.manifests.platform import Platform
from shardwright.core.rules.rule import with_mends
from shardwright.kubernetes import field_tables
from shardwright.kubernetes.rules import metadata_lint
from shardwright.targets.llmisvc import (
    lint_devices,
    lint_model,
    lint_parallelism,
    lint_practice,
    lint_router,
    lint_routes,
    lint_scaling,
    lint_templates,
    mend,
    workloads,
)

if TYPE_CHECKING:
    from shardwright.core.manifests.objects import Context, Value
    from shardwright.core.manifests.schema import Schema

__all__ = ["LINT", "VERSIONS"]

VERSIONS = ("0.13", "0.14", "0.15", "0.15.1", "0.15.2", "0.16", "0.17", "0.18", "0.19", "0.20")
"""KServe's, for they are told by one name; its kinds came with 0.16."""


def _schema() -> Schema:
    return field_tables.load_schema("shardwright.targets.llmisvc")


def _mutate(value: dict[str, Value], context: Context) -> dict[str, Value]:  # noqa: ARG001 - the form of `Platform.mutate`
    """A service whose model has no name is served under its own."""
    spec, metadata = value.get("spec"), value.get("metadata")
    if value.get("kind") != "LLMInferenceService" or not isinstance(spec, dict) or not isinstance(metadata, dict):
        return value
    model = spec.get("model")
    if not isinstance(model, dict) or model.get("name") not in (None, ""):
        return value
    return {**value, "spec": {**spec, "model": {**model, "name": metadata.get("name", "")}}}


LINT = Platform(
    name="kserve",
    title="KServe",
    versions=VERSIONS,
    schema=_schema,
    rules=with_mends(
        (
            *metadata_lint.metadata_rules(workloads.ALL),
            *lint_parallelism.RULES,
            *lint_scaling.RULES,
            *lint_model.RULES,
            *lint_router.RULES,
            *lint_routes.RULES,
            *lint_devices.RULES,
            *lint_templates.RULES,
            *lint_practice.RULES,
        ),
        mend.MENDS,
    ),
    mutate=_mutate,
)
