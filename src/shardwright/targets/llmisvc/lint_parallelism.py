"""Parallelism of an LLMInferenceService: what goes together, and what an update may not change.

Source: kserve/kserve v0.16.0 pkg/controller/v1alpha1/llmisvc/validation and v0.17.0 to v0.20.0
pkg/apis/serving/v1alpha2/llm_inference_service_validation.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Rule
from shardwright.targets.llmisvc import workloads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.core.marked.paths import Path

__all__ = ["RULES"]

_SOURCE = "kserve/kserve v0.20.0 pkg/apis/serving/v1alpha2/llm_inference_service_validation.go"


def _parallelism(manifest: Object, _: Context) -> Iterator[Breach]:
    for workload in workloads.workloads(manifest):
        yield from _worker(manifest, workload)
        if isinstance(manifest.get(*workload, "parallelism"), dict):
            yield from _together(manifest, (*workload, "parallelism"), workload)


def _worker(manifest: Object, workload: Path) -> Iterator[Breach]:
    is_wide = workloads.is_data_parallel(manifest, workload) or workloads.is_pipeline_parallel(manifest, workload)
    if isinstance(manifest.get(*workload, "worker"), dict) and not is_wide:
        message = "worker is set, and parallelism has neither pipeline nor data and dataLocal"
        yield Breach((*workload, "worker"), message)


def _together(manifest: Object, path: Path, workload: Path) -> Iterator[Breach]:
    if workloads.is_pipeline_parallel(manifest, workload) and workloads.is_data_parallel(manifest, workload):
        yield Breach(path, "pipeline cannot be set together with data or dataLocal")
    given = {name: manifest.get(*path, name) is not None for name in ("data", "dataLocal")}
    if given["data"] != given["dataLocal"]:
        there, missing = ("data", "dataLocal") if given["data"] else ("dataLocal", "data")
        yield Breach((*path, there), f"{there} is set and {missing} is not; they are set together")
    for name in ("pipeline", "data", "dataLocal"):
        value = manifest.number_at(*path, name)
        if value is not None and value <= 0:
            yield Breach((*path, name), f"{name} is {value}; it must be greater than 0", str(value))


def _fixed_size(manifest: Object, context: Context) -> Iterator[Breach]:
    if context.old is None:
        return
    for workload in workloads.workloads(manifest):
        if not isinstance(context.old.get(*workload), dict):
            continue
        before, now = workloads.group_size(context.old, workload), workloads.group_size(manifest, workload)
        if before != now:
            message = f"a group has {before} pods and would have {now}; its size cannot change"
            yield Breach((*workload, "parallelism"), message, str(now))


def _replicas(manifest: Object, _: Context) -> Iterator[Breach]:
    at: Path = ("spec", "router", "scheduler", "replicas")
    value = manifest.number_at(*at)
    if value is not None and value <= 0:
        yield Breach(at, f"the scheduler's replicas are {value}; at least 1 is allowed", str(value))


def _base_refs(manifest: Object, _: Context) -> Iterator[Breach]:
    if manifest.list_at("spec", "baseRefs"):
        yield Breach(("spec", "baseRefs"), "a config cannot be based on other configs")


RULES = (
    Rule(
        "kserve.llm-parallelism",
        "error",
        workloads.SERVICE,
        "worker needs pipeline, or data and dataLocal; pipeline and data exclude each other.",
        "The size of a group of pods is pipeline, or data divided by dataLocal.",
        "set pipeline, or both data and dataLocal",
        "webhook",
        _SOURCE + " (validateWorkloadParallelism)",
        workloads.live(_parallelism),
        requirements=("R115",),
    ),
    Rule(
        "kserve.llm-size-change",
        "error",
        workloads.SERVICE,
        "The number of pods in a group does not change.",
        "Single sizes may change as long as pipeline, or data divided by dataLocal, stays.",
        "delete the object and apply it anew, or give the new one another name",
        "webhook",
        _SOURCE + " (validateImmutableParallelism)",
        workloads.live(_fixed_size),
    ),
    Rule(
        "kserve.llm-scheduler-replicas",
        "error",
        workloads.ALL,
        "A scheduler has at least one replica.",
        "The webhook refuses 0.",
        "write 1 or more, or leave the field out",
        "webhook",
        _SOURCE,
        workloads.live(_replicas),
        since="0.17",
    ),
    Rule(
        "kserve.llm-config-base",
        "error",
        workloads.CONFIG,
        "A config has no baseRefs.",
        "Configs that refer to configs were taken out.",
        "list all configs in the LLMInferenceService's own baseRefs",
        "webhook",
        "kserve/kserve v0.20.0 pkg/apis/serving/v1alpha2/llm_inference_service_config_validation.go",
        workloads.live(_base_refs),
        since="0.17",
    ),
)
