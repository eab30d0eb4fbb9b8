"""Router, scheduler and shares of the traffic of an LLMInferenceService.

Source: kserve/kserve v0.16.0 to v0.20.0, the LLMInferenceService validators (validateRouterCrossFieldConstraints,
validateSchedulerConfig, validateTrafficFields), and CEL rules of the CRDs on the inference pool.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Rule
from shardwright.targets.llmisvc import workloads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object, Value
    from shardwright.core.marked.paths import Path

__all__ = ["RULES"]

_SOURCE = "kserve/kserve v0.20.0 pkg/apis/serving/v1alpha2/llm_inference_service_validation.go"
_ROUTER: Path = ("spec", "router")
_ROUTE: Path = (*_ROUTER, "route")
_HTTP: Path = (*_ROUTE, "http")
_GATEWAY: Path = (*_ROUTER, "gateway")
_CONFIG: Path = (*_ROUTER, "scheduler", "config")
_POOL: Path = (*_ROUTER, "scheduler", "pool", "spec")


def _routes(manifest: Object, context: Context) -> Iterator[Breach]:
    has_refs = bool(manifest.list_at(*_HTTP, "refs"))
    has_spec = isinstance(manifest.get(*_HTTP, "spec"), dict)
    gateways = manifest.list_at(*_GATEWAY, "refs")
    if has_refs and has_spec:
        yield Breach(_HTTP, "the route has refs and a spec; one may be there")
    if has_refs and isinstance(manifest.get(*_GATEWAY), dict) and not gateways:
        yield Breach((*_HTTP, "refs"), "routes of your own cannot be used with a gateway that the controller manages")
    parents = manifest.list_at(*_HTTP, "spec", "parentRefs")
    if has_spec and parents and gateways:
        is_strict = manifest.api_version.endswith("/v1alpha1") or not workloads.at_release(context, "0.17")
        if is_strict or sorted(map(_reference, parents)) != sorted(map(_reference, gateways)):
            yield Breach((*_HTTP, "spec", "parentRefs"), "parentRefs and the gateway's refs name different gateways")


def _reference(value: Value) -> tuple[str, str, str]:
    if not isinstance(value, dict):
        return "", "", ""
    namespace, name, section = (value.get(key) or "" for key in ("namespace", "name", "sectionName"))
    return str(namespace), str(name), str(section)


def _scheduler_config(manifest: Object, _: Context) -> Iterator[Breach]:
    if not isinstance(manifest.get(*_CONFIG), dict):
        return
    inline, reference = manifest.get(*_CONFIG, "inline"), manifest.get(*_CONFIG, "ref")
    if inline is None and reference is None:
        yield Breach(_CONFIG, "the scheduler's config has neither inline nor ref")
    if inline is not None and reference is not None:
        yield Breach(_CONFIG, "the scheduler's config has inline and ref; one may be there")
    if inline is not None and not isinstance(inline, dict):
        yield Breach((*_CONFIG, "inline"), "the scheduler's config is no mapping")
    if inline == {}:
        yield Breach((*_CONFIG, "inline"), "the scheduler's config is empty")
    if isinstance(reference, dict) and not reference.get("name"):
        yield Breach((*_CONFIG, "ref"), "the ConfigMap that is referred to has no name")


def _traffic(manifest: Object, _: Context) -> Iterator[Breach]:
    group, weight = manifest.get(*_ROUTE, "group"), manifest.get(*_ROUTE, "weight")
    if group is None and weight is None:
        return
    if isinstance(manifest.get(*_ROUTER, "ingress"), dict):
        yield Breach(_ROUTE, "traffic is shared by the Gateway API's routes, and this router has an ingress")
    elif group is None or weight is None:
        missing = "group" if group is None else "weight"
        yield Breach(_ROUTE, f"group and weight are set together; {missing} is missing")
    elif manifest.list_at(*_HTTP, "refs"):
        yield Breach((*_HTTP, "refs"), "traffic is shared only by routes that the controller makes")


def _pool(manifest: Object, _: Context) -> Iterator[Breach]:
    picker = manifest.map_at(*_POOL, "endpointPickerRef")
    if picker and picker.get("kind", "Service") == "Service" and picker.get("port") is None:
        yield Breach((*_POOL, "endpointPickerRef"), "a picker that is a Service needs its port")
    labels = manifest.get(*_POOL, "selector", "matchLabels")
    if labels == {} and manifest.kind in workloads.SERVICE and manifest.api_version.endswith("/v1alpha2"):
        yield Breach((*_POOL, "selector", "matchLabels"), "a pool that selects by no label holds no pods")
    numbers = [each.get("number") for each in manifest.list_at(*_POOL, "targetPorts") if isinstance(each, dict)]
    if len(set(map(str, numbers))) < len(numbers):
        yield Breach((*_POOL, "targetPorts"), "two target ports have the same number")


RULES = (
    Rule(
        "kserve.llm-route",
        "error",
        workloads.SERVICE,
        "A route is either yours (refs) or the controller's (spec), and names no other gateway than the router does.",
        "The controller writes parentRefs from the gateway's refs.",
        "keep one of refs and spec; leave parentRefs out",
        "webhook",
        _SOURCE + " (validateRouterCrossFieldConstraints)",
        workloads.live(_routes),
    ),
    Rule(
        "kserve.llm-scheduler-config",
        "error",
        workloads.SERVICE,
        "The scheduler's config is given inline or by reference.",
        "There is no other place to take it from.",
        "write one of inline (not empty) and ref with a name",
        "webhook",
        _SOURCE + " (validateSchedulerConfig)",
        workloads.live(_scheduler_config),
        since="0.17",
    ),
    Rule(
        "kserve.llm-traffic",
        "error",
        workloads.SERVICE,
        "group and weight of a route are set together, for routes that the controller makes.",
        "The controller writes the weights of a group into one route.",
        "set both, without ingress and without refs",
        "webhook",
        _SOURCE + " (validateTrafficFields)",
        workloads.live(_traffic),
        since="0.20",
    ),
    Rule(
        "kserve.llm-pool",
        "error",
        workloads.ALL,
        "The picker of an inference pool has a port, and target ports have numbers of their own.",
        "The CRD's own rules demand it.",
        "add the port of the picker's Service",
        "schema",
        "kserve/kserve v0.17.1 to v0.20.0 CRD (CEL rules of pool.spec)",
        _pool,
        since="0.17",
    ),
)
