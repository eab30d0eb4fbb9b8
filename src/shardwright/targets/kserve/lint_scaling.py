"""Replicas, autoscaling, logging and concurrency of an InferenceService's components.

Source: kserve/kserve v0.13.1 to v0.20.0 pkg/apis/serving/v1beta1/inference_service_validation.go and component.go;
pkg/constants (allowed classes and metrics).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Rule
from shardwright.targets.kserve import components, scaling_metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.core.marked.paths import Path

__all__ = ["RULES", "extensions"]

_SOURCE = "kserve/kserve v0.20.0 pkg/apis/serving/v1beta1/inference_service_validation.go"
_KNATIVE_CLASS = "autoscaling.knative.dev/class"
_KNATIVE_HPA = "hpa.autoscaling.knative.dev"
_TARGET = "serving.kserve.io/targetUtilizationPercentage"
_METRICS = "serving.kserve.io/metrics"


def _classes(context: Context) -> tuple[str, ...]:
    if components.at_release(context, "0.15.1"):
        return ("hpa", "external", "keda", "none")
    return ("hpa", "external", "keda") if components.at_release(context, "0.15") else ("hpa", "external")


def _autoscaler(manifest: Object, context: Context) -> Iterator[Breach]:
    value = components.annotation(manifest, components.AUTOSCALER)
    allowed = _classes(context)
    if value is not None and value not in allowed:
        at = ("metadata", "annotations", components.AUTOSCALER)
        yield Breach(at, f'autoscalerClass "{value}" is none of {", ".join(allowed)}', value)


def _annotated_target(manifest: Object, _: Context) -> Iterator[Breach]:
    target = components.annotation(manifest, _TARGET)
    if target is not None and not (target.isdecimal() and 1 <= int(target[:9]) <= 100):
        yield Breach(("metadata", "annotations", _TARGET), f'"{target}" is no number from 1 to 100', target)
    metric = components.annotation(manifest, _METRICS)
    is_scaled = components.annotation(manifest, components.AUTOSCALER) == "hpa"
    if is_scaled and metric is not None and metric not in {"cpu", "memory"}:
        yield Breach(("metadata", "annotations", _METRICS), f'"{metric}" is neither cpu nor memory', metric)


def _extensions(manifest: Object, _: Context) -> Iterator[Breach]:
    for component in components.components(manifest):
        yield from extensions(manifest, component)


def extensions(manifest: Object, component: Path) -> Iterator[Breach]:
    """What every component says of its replicas, concurrency and logger."""
    least, most = manifest.number_at(*component, "minReplicas"), manifest.number_at(*component, "maxReplicas") or 0
    if least is not None and least < 0:
        yield Breach((*component, "minReplicas"), f"minReplicas is {least}; it cannot be below 0", str(least))
    elif most < 0:
        yield Breach((*component, "maxReplicas"), f"maxReplicas is {most}; it cannot be below 0", str(most))
    elif most and (1 if least is None else least) > most:
        given = "not given, so it is 1" if least is None else str(least)
        yield Breach((*component, "minReplicas"), f"minReplicas is {given}, above maxReplicas {most}")
    concurrency = manifest.number_at(*component, "containerConcurrency")
    if concurrency is not None and concurrency < 0:
        at = (*component, "containerConcurrency")
        yield Breach(at, f"containerConcurrency is {concurrency}; it cannot be below 0", str(concurrency))
    if isinstance(manifest.get(*component, "logger"), dict):
        yield from _logger(manifest, (*component, "logger"))


def _logger(manifest: Object, path: Path) -> Iterator[Breach]:
    if manifest.text_at(*path, "mode") not in {"all", "request", "response"}:
        yield Breach(path, "the logger has no mode; write all, request or response", manifest.text_at(*path, "mode"))
    storage = manifest.get(*path, "storage")
    if isinstance(storage, dict):
        missing = [name for name in ("path", "parameters", "key") if storage.get(name) is None]
        if missing:
            yield Breach((*path, "storage"), f"the logger's storage lacks {', '.join(missing)}")


def _autoscaling(manifest: Object, context: Context) -> Iterator[Breach]:
    chosen = _scaler(manifest, context)
    for component in components.components(manifest):
        if chosen == "hpa":
            yield from scaling_metrics.hpa(manifest, component)
        elif chosen == "keda":
            yield from scaling_metrics.keda(manifest, component)
        elif chosen == "knative":
            yield from scaling_metrics.knative(manifest, component)


def _scaler(manifest: Object, context: Context) -> str:
    """Whose rules the webhook takes; a mode that is not written counts as Knative."""
    annotated = components.annotation(manifest, components.AUTOSCALER)
    is_standard = components.mode_of(manifest, context) == "standard"
    is_hpa = components.annotation(manifest, _KNATIVE_CLASS) == _KNATIVE_HPA
    if not components.at_release(context, "0.15"):
        return "hpa" if is_standard or is_hpa else "knative"
    if is_standard:
        return annotated if annotated in {"hpa", "keda"} else "none"
    return "hpa" if is_hpa else "knative"


RULES = (
    Rule(
        "kserve.autoscaler-class",
        "error",
        components.ISVC,
        "The annotation autoscalerClass names a class that the release has.",
        "hpa and external came first, keda with 0.15.0, none with 0.15.1.",
        "write hpa, external, keda or none, as the release allows, or leave the annotation out",
        "webhook",
        _SOURCE,
        components.live(_autoscaler),
        requirements=("R012",),
    ),
    Rule(
        "kserve.autoscaler-target",
        "error",
        components.ISVC,
        "Targets and metrics in annotations are a percentage and cpu or memory.",
        "Releases up to 0.14 read them there.",
        "write a number from 1 to 100, and cpu or memory",
        "webhook",
        "kserve/kserve v0.14.1 pkg/apis/serving/v1beta1/inference_service_validation.go",
        components.live(_annotated_target),
        until="0.15",
    ),
    Rule(
        "kserve.replicas",
        "error",
        components.ISVC,
        "Replicas and concurrency are not negative, minReplicas is at most maxReplicas, a logger says what it logs.",
        "minReplicas is 1 where it is not given; maxReplicas 0 means no limit.",
        "put the numbers in order; give the logger a mode",
        "webhook",
        "kserve/kserve v0.20.0 pkg/apis/serving/v1beta1/component.go",
        components.live(_extensions),
    ),
    Rule(
        "kserve.autoscaling",
        "error",
        components.ISVC,
        "Metrics and targets are those of the autoscaler in use.",
        "Knative scales by concurrency or requests per second, an HPA by cpu or memory, KEDA by what its triggers say. "
        "Without the annotation deploymentMode the webhook takes Knative's rules, unless the cluster's "
        "inferenceservice-config makes Standard the default.",
        "write the annotation serving.kserve.io/deploymentMode, and metrics of that autoscaler",
        "webhook",
        _SOURCE,
        components.live(_autoscaling),
    ),
)
