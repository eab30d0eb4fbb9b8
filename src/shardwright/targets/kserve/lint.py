"""How KServe's InferenceServices and runtimes are judged: fields by release, the mutating webhook, the rules.

Source: kserve/kserve v0.13.1 to v0.20.0, its CRDs and pkg/apis/serving/v1beta1/inference_service_defaults.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.manifests.platform import Platform
from shardwright.core.rules.rule import with_mends
from shardwright.kubernetes import field_tables
from shardwright.kubernetes.rules import metadata_lint
from shardwright.targets.kserve import (
    components,
    lint_canary,
    lint_gpus,
    lint_probes,
    lint_runtime,
    lint_scaling,
    lint_service,
    lint_sizes,
    lint_storage,
    lint_upkeep,
    lint_workers,
    mend,
)

if TYPE_CHECKING:
    from shardwright.core.manifests.objects import Context, Value
    from shardwright.core.manifests.schema import Schema

__all__ = ["LINT", "VERSIONS"]

VERSIONS = ("0.13", "0.14", "0.15", "0.15.1", "0.15.2", "0.16", "0.17", "0.18", "0.19", "0.20")
_MODES = {"RawDeployment": "Standard", "Serverless": "Knative"}


def _schema() -> Schema:
    return field_tables.load_schema("shardwright.targets.kserve")


def _mutate(value: dict[str, Value], context: Context) -> dict[str, Value]:
    """The names of deployment modes become today's, from 0.16 on; what the webhook cannot leave empty is written out.

    A framework's own field stays as it is written: what becomes of it (predictor.model) changes no rule, and findings
    point to what stands in the file.
    """
    metadata = value.get("metadata")
    if value.get("kind") != "InferenceService" or not isinstance(metadata, dict):
        return value
    value = {**value, "spec": _written_out(value.get("spec"))}
    annotations = metadata.get("annotations")
    if not components.at_release(context, "0.16") or not isinstance(annotations, dict):
        return value
    mode = annotations.get(components.DEPLOYMENT_MODE)
    if not isinstance(mode, str) or mode not in _MODES:
        return value
    changed: dict[str, Value] = {**annotations, components.DEPLOYMENT_MODE: _MODES[mode]}
    return {**value, "metadata": {**metadata, "annotations": changed}}


def _written_out(spec: Value) -> Value:
    """A spec that is left out is an empty one, and a metric's choices that are left out become empty texts."""
    if not isinstance(spec, dict):
        return {} if spec is None else spec
    made = dict(spec)
    for name in ("predictor", "transformer", "explainer"):
        component = made.get(name)
        scaling = component.get("autoScaling") if isinstance(component, dict) else None
        metrics = scaling.get("metrics") if isinstance(scaling, dict) else None
        if isinstance(component, dict) and isinstance(scaling, dict) and isinstance(metrics, list):
            chosen: list[Value] = [_chosen(each) for each in metrics]
            made[name] = {**component, "autoScaling": {**scaling, "metrics": chosen}}
    return made


def _chosen(metric: Value) -> Value:
    """A metric as the webhook writes it back: `type` and `backend` are always there, and no empty text is among them."""
    if not isinstance(metric, dict):
        return metric
    made = dict(metric)
    for name in ("resource", "external", "podmetric"):
        source = made.get(name)
        if isinstance(source, dict):
            filled = {**source, "target": _with_text(source.get("target"), "type")}
            if name != "resource":
                filled["metric"] = _with_text(source.get("metric"), "backend")
            made[name] = filled
    return made


def _with_text(value: Value, field: str) -> Value:
    if value is not None and not isinstance(value, dict):
        return value
    return {field: "", **(value or {})}


LINT = Platform(
    name="kserve",
    title="KServe",
    versions=VERSIONS,
    schema=_schema,
    rules=with_mends(
        (
            *metadata_lint.metadata_rules((*components.ISVC, *components.RUNTIMES), named=components.ISVC),
            *lint_service.RULES,
            *lint_scaling.RULES,
            *lint_storage.RULES,
            *lint_workers.RULES,
            *lint_canary.RULES,
            *lint_runtime.RULES,
            *lint_sizes.RULES,
            *lint_gpus.RULES,
            *lint_upkeep.RULES,
            *lint_probes.RULES,
        ),
        mend.MENDS,
    ),
    mutate=_mutate,
)
