"""What puts pods right, whatever platform makes them: credentials, shared memory, probes, rights, tolerations, variables.

Each mend is given an object, and a breach whose path leads to what is wrong; it answers with changes by path, or with none
where a person has to decide. Times and sizes are those of the product's own manifests (`members`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Change
from shardwright.kubernetes import manifest_pods
from shardwright.units import GIB

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.manifests.objects import Context, Object, Value
    from shardwright.core.marked.paths import Path
    from shardwright.core.rules.rule import Breach, Mend

__all__ = ["MENDS", "credential", "long_start", "memory_mount", "removal", "toleration"]

_SHM, _SHM_VOLUME = "/dev/shm", "shared-memory"  # noqa: S108 - a path inside the pod
_SHM_GIB = 16
_START_SECONDS = 1200
"""Time to load a large model; the product's own manifests reckon it from the model's size."""
_SECRET_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_LONGEST_NAME = 240
_STARTS_RAY = re.compile(r"multi-node-serving\.sh|ray\s+start")
_HANDLERS = ("httpGet", "tcpSocket", "exec", "grpc")
_LINKS = "enableServiceLinks"


def removal(_: Object, __: Context, breach: Breach) -> tuple[Change, ...]:
    """What stands there goes."""
    return (Change(breach.path, is_removal=True),)


def credential(manifest: Object, _: Context, breach: Breach) -> tuple[Change, ...]:
    """A variable takes its value from a Secret of the object's own, by a key of the variable's name; a command's word stays."""
    *entry, last = breach.path
    name = manifest.text_at(*entry, "name")
    if last != "value" or len(entry) < 2 or entry[-2] != "env" or not _SECRET_KEY.fullmatch(name):
        return ()
    secret = f"{manifest.name[:_LONGEST_NAME]}-credentials" if manifest.name else "credentials"
    reference: Value = {"secretKeyRef": {"name": secret, "key": name}}
    return (Change(breach.path, is_removal=True), Change((*entry, "valueFrom"), reference))


def memory_mount(manifest: Object, _: Context, breach: Breach) -> tuple[Change, ...]:
    """A volume of memory at /dev/shm; one that is there and is no memory, or too small, becomes one."""
    container = breach.path[:-1] if breach.path[-1] == "volumeMounts" else breach.path
    if container[-1] == "volumes":
        return _as_memory(manifest, container[:-1])
    pod = container[:-2]
    mounts, volumes = manifest.list_at(*container, "volumeMounts"), manifest.list_at(*pod, "volumes")
    mounted = next((each.get("name") for each in mounts if isinstance(each, dict) and _is_shm(each)), None)
    if mounted is not None:
        return _resized(manifest, pod, mounted)
    mount: Value = {"name": _SHM_VOLUME, "mountPath": _SHM}
    changes = [Change((*container, "volumeMounts", len(mounts)), mount)]
    if not any(isinstance(each, dict) and each.get("name") == _SHM_VOLUME for each in volumes):
        changes.insert(
            0, Change((*pod, "volumes", len(volumes)), {"name": _SHM_VOLUME, "emptyDir": _memory(manifest, container)})
        )
    return tuple(changes)


def _is_shm(mount: Mapping[str, Value]) -> bool:
    return str(mount.get("mountPath", "")).rstrip("/") == _SHM


def _as_memory(manifest: Object, pod: Path) -> tuple[Change, ...]:
    """Volumes on disk that are mounted at /dev/shm become memory."""
    names = {
        str(each.get("name"))
        for index in range(len(manifest.list_at(*pod, "containers")))
        for each in manifest.list_at(*pod, "containers", index, "volumeMounts")
        if isinstance(each, dict) and _is_shm(each)
    }
    return tuple(
        Change((*pod, "volumes", index, "emptyDir", "medium"), "Memory")
        for index, each in enumerate(manifest.list_at(*pod, "volumes"))
        if isinstance(each, dict) and str(each.get("name")) in names and isinstance(each.get("emptyDir"), dict)
    )


def _resized(manifest: Object, pod: Path, name: Value) -> tuple[Change, ...]:
    for index, each in enumerate(manifest.list_at(*pod, "volumes")):
        if isinstance(each, dict) and each.get("name") == name and isinstance(each.get("emptyDir"), dict):
            return (Change((*pod, "volumes", index, "emptyDir", "sizeLimit"), f"{_SHM_GIB}Gi"),)
    return ()


def _memory(manifest: Object, container: Path) -> Value:
    """16 GiB at most, and no more than half of the container's memory, against which it counts."""
    limit = manifest_pods.requested(manifest, container, "limits").get("memory")
    try:
        half = int(manifest_pods.quantity(limit) / 2 / GIB) if limit is not None else _SHM_GIB
    except ValueError:
        half = _SHM_GIB
    return {"medium": "Memory", "sizeLimit": f"{max(1, min(_SHM_GIB, half))}Gi"}


def toleration(_: Object, __: Context, breach: Breach) -> tuple[Change, ...]:
    """A toleration of a key, whatever its value."""
    return (Change((*breach.path, "operator"), "Exists"),)


def long_start(manifest: Object, _: Context, breach: Breach) -> tuple[Change, ...]:
    """A startup probe that waits for 20 minutes; where there is none, one that asks what the liveness probe asks."""
    container = breach.path if breach.path[-1] not in {"startupProbe", "livenessProbe"} else breach.path[:-1]
    probe = manifest.map_at(*container, "startupProbe")
    if probe:
        period = manifest.number_at(*container, "startupProbe", "periodSeconds") or 10
        return (Change((*container, "startupProbe", "failureThreshold"), -(-_START_SECONDS // max(period, 1))),)
    asks: dict[str, Value] = {
        name: value for name, value in manifest.map_at(*container, "livenessProbe").items() if name in _HANDLERS
    }
    if len(asks) != 1:
        return ()
    return (
        Change((*container, "startupProbe"), {**asks, "periodSeconds": 10, "failureThreshold": _START_SECONDS // 10}),
    )


def patience(manifest: Object, context: Context, breach: Breach) -> tuple[Change, ...]:
    """Time to load, and a liveness probe that only gives up an engine which has been silent for five minutes."""
    container = breach.path[:-1]
    if "startupProbe" not in manifest.map_at(*container):
        return long_start(manifest, context, breach)
    wanted: dict[str, Value] = {"periodSeconds": 30, "timeoutSeconds": 30, "failureThreshold": 10}
    return tuple(Change((*breach.path, name), value) for name, value in wanted.items())


def after_shell(manifest: Object, _: Context, breach: Breach) -> tuple[Change, ...]:
    """The command after the one that starts Ray waits for its success."""
    script = manifest.text_at(*breach.path)
    begin = 0
    while (end := script.find(";", begin)) >= 0:
        if _STARTS_RAY.search(script, begin, end) and script[end : end + 2] != ";;":
            return (Change(breach.path, f"{script[:end].rstrip(' ')} &&{script[end + 1 :]}"),)
        begin = end + 1
    return ()


def lock_memory(manifest: Object, _: Context, breach: Breach) -> tuple[Change, ...]:
    """The right to lock memory on top of the others."""
    at = (*breach.path, "capabilities", "add")
    return (Change((*at, len(manifest.list_at(*at))), "IPC_LOCK"),)


def gpu_limit(manifest: Object, _: Context, breach: Breach) -> tuple[Change, ...]:
    """The limit that is missing is the request; two numbers are a person's matter."""
    *resources, _requests, name = breach.path
    if manifest.get(*resources, "limits", name) is not None:
        return ()
    return (Change((*resources, "limits", name), manifest.get(*breach.path)),)


def no_links(_: Object, __: Context, breach: Breach) -> tuple[Change, ...]:
    """No variables for the Services of the namespace."""
    return (Change(breach.path, value=False),) if breach.path[-1] == _LINKS else ()


MENDS: Mapping[str, Mend] = {
    "pod.token-literal": credential,
    "pod.secret-literal": credential,
    "pod.shared-memory": memory_mount,
    "pod.liveness": patience,
    "pod.startup": long_start,
    "pod.after-shell": after_shell,
    "pod.lock-memory": lock_memory,
    "pod.gpu-limit": gpu_limit,
    "pod.toleration": toleration,
    "kubernetes.service-links": no_links,
}
"""By the ids of rules."""
