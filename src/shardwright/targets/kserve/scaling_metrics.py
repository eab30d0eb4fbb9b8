"""What HPA, KEDA and Knative's autoscaler each take as metric and target in a component of an InferenceService.

Source: kserve/kserve v0.20.0 pkg/apis/serving/v1beta1/inference_service_validation.go (validateScaling*CompExtension).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach
from shardwright.kubernetes import manifest_pods

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Object
    from shardwright.core.marked.paths import Path

__all__ = ["hpa", "keda", "knative"]

_MEBIBYTE = 2**20


def knative(manifest: Object, component: Path) -> Iterator[Breach]:
    """Knative's autoscaler: concurrency or rps; the strategy of an update is Knative's own."""
    if isinstance(manifest.get(*component, "deploymentStrategy"), dict):
        message = "deploymentStrategy is for the mode Standard (RawDeployment) only, and this is deployed by Knative"
        yield Breach((*component, "deploymentStrategy"), message)
    metric = manifest.text_at(*component, "scaleMetric") or "concurrency"
    target = manifest.number_at(*component, "scaleTarget")
    if metric not in {"concurrency", "rps"}:
        yield Breach((*component, "scaleMetric"), f'Knative does not scale by "{metric}"', metric)
    elif metric == "rps" and target is not None and target < 1:
        yield Breach((*component, "scaleTarget"), f"the target of rps is {target}; at least 1 is allowed", str(target))


def hpa(manifest: Object, component: Path) -> Iterator[Breach]:
    """A HorizontalPodAutoscaler: cpu or memory, and metrics of resources."""
    metric = manifest.text_at(*component, "scaleMetric") or "cpu"
    target = manifest.number_at(*component, "scaleTarget")
    if metric not in {"cpu", "memory"}:
        yield Breach((*component, "scaleMetric"), f'an HPA does not scale by "{metric}" here', metric)
    elif target is not None and (target < 1 or target > 100):
        # Above 100 is refused for memory too, although that target is in MiB.
        yield Breach((*component, "scaleTarget"), f"the target is {target}; 1 to 100 is allowed", str(target))
    for path, kind in _metrics(manifest, component):
        if kind != "Resource":
            yield Breach((*path, "type"), f'an HPA takes metrics of type Resource, not "{kind}"', kind)
        elif not isinstance(manifest.get(*path, "resource"), dict):
            yield Breach(path, "a metric of type Resource needs the field resource")


def keda(manifest: Object, component: Path) -> Iterator[Breach]:
    """KEDA: resources, external metrics and metrics of pods, each with a target."""
    if manifest.get(*component, "scaleMetric") is not None:
        at = (*component, "scaleMetric")
        yield Breach(at, "KEDA scales by autoScaling.metrics, not by scaleMetric", manifest.text_at(*at))
    for path, kind in _metrics(manifest, component):
        if kind == "Resource":
            yield from _resource(manifest, path)
        elif kind in {"External", "PodMetric"}:
            yield from _queried(manifest, path, kind)
        else:
            yield Breach((*path, "type"), f'KEDA takes Resource, External and PodMetric, not "{kind}"', kind)


def _metrics(manifest: Object, component: Path) -> Iterator[tuple[Path, str]]:
    at = (*component, "autoScaling", "metrics")
    for index, each in enumerate(manifest.list_at(*at)):
        if isinstance(each, dict):
            yield (*at, index), manifest.text_at(*at, index, "type")


def _resource(manifest: Object, path: Path) -> Iterator[Breach]:
    at = (*path, "resource")
    if not isinstance(manifest.get(*at), dict):
        yield Breach(path, "a metric of type Resource needs the field resource")
        return
    name, kind = manifest.text_at(*at, "name"), manifest.text_at(*at, "target", "type")
    allowed = {"cpu": ("Utilization",), "memory": ("AverageValue", "Utilization")}.get(name)
    if allowed is None:
        yield Breach((*at, "name"), f'KEDA scales by cpu or memory, not by "{name}"', name)
    elif kind not in allowed:
        yield Breach((*at, "target", "type"), f"the target of {name} is of type {' or '.join(allowed)}", kind)
    elif kind == "AverageValue" and _is_below(manifest, (*at, "target", "averageValue"), _MEBIBYTE):
        yield Breach((*at, "target", "averageValue"), "the target of memory is below 1 MiB")
    else:
        yield from _target(manifest, (*at, "target"))


def _is_below(manifest: Object, path: Path, least: int) -> bool:
    try:
        return manifest_pods.quantity(manifest.get(*path)) < least
    except ValueError:
        return False


def _queried(manifest: Object, path: Path, kind: str) -> Iterator[Breach]:
    at = (*path, "external" if kind == "External" else "podmetric")
    if not isinstance(manifest.get(*at), dict):
        yield Breach(path, f"a metric of type {kind} needs the field {at[-1]}")
    elif not manifest.text_at(*at, "metric", "query"):
        yield Breach((*at, "metric"), "the metric has no query")
    elif manifest.get(*at, "target", "value") is None:
        yield Breach((*at, "target"), "the target has no value")
    else:
        yield from _target(manifest, (*at, "target"))


def _target(manifest: Object, path: Path) -> Iterator[Breach]:
    kind = manifest.text_at(*path, "type")
    field = {"Utilization": "averageUtilization", "AverageValue": "averageValue", "Value": "value"}.get(kind)
    if field is None:
        return
    value = manifest.get(*path, field)
    if value is None:
        yield Breach(path, f"a target of type {kind} needs the field {field}")
    elif kind == "Utilization" and isinstance(value, int) and not 1 <= value <= 100:
        yield Breach((*path, field), f"{field} is {value}; 1 to 100 is allowed", str(value))
