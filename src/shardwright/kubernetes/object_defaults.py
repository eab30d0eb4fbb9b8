"""What Kubernetes makes of an object before it is used: defaults of its own kinds, one spelling for quantities and images.

Two manifests that mean the same are the same tree afterwards, as far as Kubernetes' own kinds go; what a CRD defaults is in
`core/manifests/admission`. Pure: gives a new tree.
Source: Kubernetes 1.36, pkg/apis/core/v1/defaults.go, apps/v1, batch/v1, networking/v1 likewise; distribution's image names.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, cast

from shardwright.core import image_names
from shardwright.units import format_quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["with_defaults"]

_FACTORS = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    **{unit: Decimal(1000) ** power for power, unit in enumerate(("", "k", "M", "G", "T", "P"))},
    **{unit: Decimal(1024) ** power for power, unit in enumerate(("", "Ki", "Mi", "Gi", "Ti", "Pi"))},
}
_POD = {
    "restartPolicy": "Always",
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
    "terminationGracePeriodSeconds": 30,
    "enableServiceLinks": True,
}
_CONTAINER = {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}
_PROBE = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
_FALSE_IS_DEFAULT = frozenset(
    {
        "readOnly",
        "hostNetwork",
        "hostPID",
        "hostIPC",
        "privileged",
        "readOnlyRootFilesystem",
        "stdin",
        "tty",
        "optional",
    }
)
_QUANTITIES = frozenset({"requests", "limits", "capacity"})
_MAY_BE_EMPTY = frozenset({"emptyDir", "tls"})
_SPECS: dict[str, dict[str, Any]] = {
    "Service": {"type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster"},
    "PersistentVolumeClaim": {"volumeMode": "Filesystem"},
    "Job": {"backoffLimit": 6, "completions": 1, "parallelism": 1, "completionMode": "NonIndexed", "suspend": False},
    "Deployment": {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600},
    "StatefulSet": {"replicas": 1, "revisionHistoryLimit": 10, "podManagementPolicy": "OrderedReady"},
    "Route": {"wildcardPolicy": "None"},
}


def with_defaults(body: Mapping[str, object]) -> dict[str, Any]:
    """An object as Kubernetes would hold it, without its status; empty lists and mappings are left out."""
    made = cast("dict[str, Any]", _spelled({name: each for name, each in body.items() if name != "status"}, ""))
    metadata = made.setdefault("metadata", {})
    if isinstance(metadata, dict):
        cast("dict[str, Any]", metadata).setdefault("namespace", "default")
    kind = str(made.get("kind") or "")
    defaults = _SPECS.get(kind, {})
    if defaults and isinstance(made.get("spec"), dict):
        made["spec"] = {**defaults, **made["spec"]}
        _OF_KIND.get(kind, _nothing)(made["spec"])
    _fill_pods(made)
    return made


def _nothing(spec: dict[str, Any]) -> None:
    del spec


def _spelled(value: object, name: str) -> object:
    """Without what says nothing, quantities in one spelling, images without the registry that everybody means."""
    if isinstance(value, dict):
        tree = {
            key: _quantity(each) if name in _QUANTITIES else _spelled(each, key)
            for key, each in cast("dict[str, object]", value).items()
        }
        return {key: each for key, each in tree.items() if not _says_nothing(key, each)}
    if isinstance(value, list | tuple):
        return [_spelled(each, "") for each in cast("list[object]", value)]
    if name == "image" and isinstance(value, str):
        return image_names.plain_name(value)
    if name in {"sizeLimit", "storage"}:
        return _quantity(value)
    return value


def _says_nothing(name: str, value: object) -> bool:
    if value is None or (value is False and name in _FALSE_IS_DEFAULT):
        return True
    return isinstance(value, dict | list) and not value and name not in _MAY_BE_EMPTY


def _quantity(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    text = str(value)
    suffix = text.lstrip("+-.0123456789eE") if not text[-1:].isdigit() else ""
    number, unit = (text.removesuffix(suffix), suffix) if suffix in _FACTORS else ("", "")
    try:
        exact = Decimal(number) * _FACTORS[unit]
    except (InvalidOperation, ValueError):
        return value
    if not exact.is_finite() or abs(exact.adjusted()) > 30:
        return value
    return format_quantity(int(exact)) if exact == exact.to_integral_value() else f"{exact.normalize():f}"


def _fill_pods(tree: object) -> None:
    """Defaults of every pod spec in a tree that is ours: what has a list of containers."""
    if isinstance(tree, list):
        for each in cast("list[object]", tree):
            _fill_pods(each)
    elif isinstance(tree, dict):
        mapping = cast("dict[str, Any]", tree)
        if isinstance(mapping.get("containers"), list):
            _fill_pod(mapping)
        for each in mapping.values():
            _fill_pods(each)


def _fill_pod(pod: dict[str, Any]) -> None:
    for name, value in _POD.items():
        pod.setdefault(name, value)
    account = pod.pop("serviceAccount", None)
    if account:
        pod.setdefault("serviceAccountName", account)
    for name in ("initContainers", "containers"):
        for each in _maps(pod.get(name)):
            _fill_container(each)
    for volume in _maps(pod.get("volumes")):
        if set(volume) == {"name"}:
            volume["emptyDir"] = {}
        for source in ("configMap", "secret", "downwardAPI", "projected"):
            if isinstance(volume.get(source), dict):
                volume[source].setdefault("defaultMode", 420)


def _fill_container(container: dict[str, Any]) -> None:
    for name, value in _CONTAINER.items():
        container.setdefault(name, value)
    image = str(container.get("image") or "")
    if image:
        tag = image.rpartition("/")[2].partition(":")[2]
        container.setdefault(
            "imagePullPolicy", "Always" if tag in {"", "latest"} and "@" not in image else "IfNotPresent"
        )
    resources = container.get("resources")
    if isinstance(resources, dict):
        held = cast("dict[str, Any]", resources)
        limits, requests = held.get("limits"), held.get("requests", {})
        if isinstance(limits, dict) and isinstance(requests, dict):
            held["requests"] = {**cast("dict[str, Any]", limits), **cast("dict[str, Any]", requests)}
    for port in _maps(container.get("ports")):
        port.setdefault("protocol", "TCP")
    for name in _PROBES:
        if isinstance(container.get(name), dict):
            _fill_probe(container[name])
    for variable in _maps(container.get("env")):
        _fill_variable(variable)


def _fill_probe(probe: dict[str, Any]) -> None:
    for name, value in _PROBE.items():
        probe.setdefault(name, value)
    if not probe.get("initialDelaySeconds"):
        probe.pop("initialDelaySeconds", None)
    if isinstance(probe.get("httpGet"), dict):
        probe["httpGet"].setdefault("scheme", "HTTP")
        probe["httpGet"].setdefault("path", "/")


def _fill_variable(variable: dict[str, Any]) -> None:
    source = variable.get("valueFrom")
    if source is None:
        variable.setdefault("value", "")
        return
    fields = cast("dict[str, Any]", source).get("fieldRef") if isinstance(source, dict) else None
    if isinstance(fields, dict):
        cast("dict[str, Any]", fields).setdefault("apiVersion", "v1")


def _maps(value: object) -> list[dict[str, Any]]:
    listed = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", each) for each in listed if isinstance(each, dict)]


def _service(spec: dict[str, Any]) -> None:
    for port in _maps(spec.get("ports")):
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))


def _job(spec: dict[str, Any]) -> None:
    if not spec.get("manualSelector"):
        spec.pop("selector", None)


def _deployment(spec: dict[str, Any]) -> None:
    strategy = spec.setdefault("strategy", {"type": "RollingUpdate"})
    if isinstance(strategy, dict) and strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":  # pyright: ignore[reportUnknownMemberType] - JSON
        rolling = cast("dict[str, Any]", strategy).setdefault("rollingUpdate", {})
        if isinstance(rolling, dict):
            cast("dict[str, Any]", rolling).setdefault("maxUnavailable", "25%")
            cast("dict[str, Any]", rolling).setdefault("maxSurge", "25%")


def _route(spec: dict[str, Any]) -> None:
    target = spec.get("to")
    if isinstance(target, dict):
        cast("dict[str, Any]", target).setdefault("weight", 100)
        cast("dict[str, Any]", target).setdefault("kind", "Service")


_OF_KIND: dict[str, Callable[[dict[str, Any]], None]] = {
    "Service": _service,
    "Job": _job,
    "Deployment": _deployment,
    "Route": _route,
}
