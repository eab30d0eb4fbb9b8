"""Autoscaling of an LLMInferenceService's workloads.

The same demands stand in the CRD (as CEL rules, from 0.17 on) and in the webhook.
Source: kserve/kserve v0.17.0 to v0.20.0 CRDs and pkg/apis/serving/v1alpha2/llm_inference_service_validation.go
(ValidateWorkloadScaling, ValidateActuatorConsistency).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Rule
from shardwright.targets.llmisvc import workloads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.core.marked.paths import Path

__all__ = ["RULES"]

_SOURCE = "kserve/kserve v0.20.0 pkg/apis/serving/v1alpha2/llm_inference_service_validation.go (validateScaling, ValidateWorkloadScaling)"
_COST = re.compile(r"[0-9]+(\.[0-9]+)?")


def _scaled(manifest: Object) -> Iterator[Path]:
    for workload in workloads.workloads(manifest):
        if isinstance(manifest.get(*workload, "scaling"), dict):
            yield workload


def _scaling(manifest: Object, _: Context) -> Iterator[Breach]:
    for workload in _scaled(manifest):
        at = (*workload, "scaling")
        if manifest.get(*workload, "replicas") is not None:
            yield Breach(at, "scaling and replicas are both set; one may be")
        least, most = manifest.number_at(*at, "minReplicas"), manifest.number_at(*at, "maxReplicas") or 0
        if least is not None and least > most:
            yield Breach((*at, "minReplicas"), f"minReplicas {least} is above maxReplicas {most}", str(least))
        if isinstance(manifest.get(*at, "wva"), dict):
            yield from _actuator(manifest, (*at, "wva"))
        else:
            yield Breach(at, "scaling has no wva, which does the scaling")


def _actuator(manifest: Object, path: Path) -> Iterator[Breach]:
    found = [name for name in ("hpa", "keda") if isinstance(manifest.get(*path, name), dict)]
    if len(found) != 1:
        yield Breach(
            path, f"{'both hpa and keda are' if found else 'neither hpa nor keda is'} set; exactly one must be"
        )
    cost = manifest.text_at(*path, "variantCost")
    if cost and not _COST.fullmatch(cost):
        yield Breach((*path, "variantCost"), f'variantCost "{cost}" is no number such as "10" or "0.5"', cost)


def _keda(manifest: Object, _: Context) -> Iterator[Breach]:
    for workload in _scaled(manifest):
        at = (*workload, "scaling", "wva", "keda")
        idle = manifest.number_at(*at, "idleReplicaCount")
        least = manifest.number_at(*workload, "scaling", "minReplicas")
        if idle is not None and (least is None or idle >= least):
            given = "not set" if least is None else str(least)
            yield Breach(
                (*at, "idleReplicaCount"), f"idleReplicaCount {idle} is not below minReplicas ({given})", str(idle)
            )
        if isinstance(manifest.get(*at, "advanced"), dict):
            yield from _advanced(manifest, (*at, "advanced"))


def _advanced(manifest: Object, path: Path) -> Iterator[Breach]:
    modifiers = (*path, "scalingModifiers")
    set_ones = [name for name, value in manifest.map_at(*modifiers).items() if value]
    if set_ones:
        yield Breach(modifiers, f"scalingModifiers sets {', '.join(sorted(set_ones))}, which is the controller's own")
    name = (*path, "horizontalPodAutoscalerConfig", "name")
    if manifest.text_at(*name):
        yield Breach(name, "the name of the HPA is the controller's own", manifest.text_at(*name))
    if not set_ones:
        message = (
            "the CRD's rule reads scalingModifiers.metricType, which cannot be empty, so advanced is always refused"
        )
        yield Breach(path, message)


def _same_actuator(manifest: Object, _: Context) -> Iterator[Breach]:
    used: list[set[str]] = []
    for workload in _scaled(manifest):
        wva = manifest.map_at(*workload, "scaling", "wva")
        if isinstance(manifest.get(*workload, "scaling", "wva"), dict):
            used.append({name for name in ("hpa",) if isinstance(wva.get(name), dict)})
    if len(used) == 2 and used[0] != used[1]:
        yield Breach(("spec", "prefill", "scaling", "wva"), "decode and prefill are scaled by different means")


RULES = (
    Rule(
        "kserve.llm-scaling",
        "error",
        workloads.ALL,
        "A workload is scaled by wva with either hpa or keda, without replicas, from minReplicas to maxReplicas.",
        "The autoscaler owns the number of replicas.",
        "keep scaling or replicas, and in scaling.wva one of hpa and keda",
        "webhook",
        _SOURCE,
        workloads.live(_scaling),
        since="0.17",
    ),
    Rule(
        "kserve.llm-keda",
        "error",
        workloads.ALL,
        "idleReplicaCount is below minReplicas, and KEDA's advanced settings are left to the controller.",
        "The controller writes the formula and the HPA's name itself.",
        "remove keda.advanced, or make idleReplicaCount smaller",
        "schema",
        _SOURCE + "; the CRD's CEL rules of keda",
        workloads.live(_keda),
        since="0.17",
    ),
    Rule(
        "kserve.llm-same-actuator",
        "error",
        workloads.SERVICE,
        "Decode and prefill are both scaled by hpa, or both by keda.",
        "Two kinds need two pipelines of metrics and scale without knowing of each other.",
        "use the same one in both",
        "webhook",
        "kserve/kserve v0.19.0 llm_inference_service_validation.go (validateScaling, ValidateActuatorConsistency)",
        workloads.live(_same_actuator),
        since="0.19",
    ),
)
