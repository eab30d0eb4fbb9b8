"""One pod laid over another as Kubernetes' strategic merge does it: maps field by field, some lists by a key, others whole.

Controllers put pods together so: of a runtime and a service, of a preset and an object. Knows the lists of pods and
containers that have a key. Source: API reference of core/v1 1.36, patch strategies of PodSpec and Container.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.manifests.objects import Value

__all__ = ["merged"]

_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "volumes": "name",
    "env": "name",
    "imagePullSecrets": "name",
    "ports": "containerPort",
    "volumeMounts": "mountPath",
}


def merged(base: Mapping[str, Value], over: Mapping[str, Value]) -> dict[str, Value]:
    """`base` with `over` laid on it; null takes a field away."""
    made = dict(base)
    for name, value in over.items():
        old = made.get(name)
        if value is None:
            made.pop(name, None)
        elif isinstance(value, dict) and isinstance(old, dict):
            made[name] = merged(old, value)
        elif isinstance(value, list) and isinstance(old, list) and name in _KEYS:
            made[name] = _by_key(old, value, _KEYS[name])
        else:
            made[name] = value
    return made


def _by_key(base: list[Value], over: list[Value], key: str) -> list[Value]:
    """Items with the same key are merged where the first of them stands, others follow."""
    made = list(base)
    for item in over:
        at = next((index for index, each in enumerate(made) if _is_same(each, item, key)), None)
        if at is None:
            made.append(item)
        else:
            made[at] = merged(cast("dict[str, Value]", made[at]), cast("dict[str, Value]", item))
    return made


def _is_same(one: Value, other: Value, key: str) -> bool:
    if not isinstance(one, dict) or not isinstance(other, dict):
        return False
    return one.get(key) is not None and one.get(key) == other.get(key)
