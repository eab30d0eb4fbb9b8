"""What goes wrong with pods of every platform, as functions that look through one pod: secrets, memory, probes, rights.

They read what is there and know no platform; `pod_lint` makes rules of them, and platforms use single ones.
Source: API core/v1; a container's /dev/shm is 64 MiB where nothing is mounted there; failures that users report.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shardwright.core.marked import secret_values
from shardwright.core.rules.rule import Breach
from shardwright.kubernetes.manifest_pods import containers_of, items, mapping, quantity, text_list

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Value
    from shardwright.kubernetes.manifest_pods import Container, Pod

__all__ = [
    "after_shell",
    "all_credentials",
    "credentials",
    "has_small_memory",
    "image",
    "liveness",
    "lock_memory",
    "lone_requests",
    "references",
    "rights",
    "secret_literals",
    "shared_memory",
    "startup",
    "tokens",
    "unmatched_tolerations",
]

_STARTS_RAY = re.compile(r"multi-node-serving\.sh|ray\s+start")
_ENGINE = re.compile(r"vllm\s+serve|vllm\.entrypoints|sglang\.launch_server|sglang\s+serve")
_SHORTEST_START_SECONDS = 120
_RDMA = re.compile(r"^(rdma/|.*/(rdma|roce|hca|ib|mlnxnics)[\w.-]*$)")
_SHM = "/dev/shm"  # noqa: S108 - a path inside the pod
_LEAST_SHARED_MEMORY_BYTES = 2**30
_REFERENCE = re.compile(r"\$[({].*|%.*%|<.*>", re.DOTALL)


def secret_literals(pod: Pod) -> Iterator[Breach]:
    """Variables with a secret's name whose value stands there; tokens of the hub are told apart by `tokens`."""
    for container in _all_containers(pod):
        yield from _secrets_of(container)


def tokens(pod: Pod) -> Iterator[Breach]:
    """Tokens of the hub in variables and command lines."""
    for container in _all_containers(pod):
        yield from _tokens_of(container)


def credentials(container: Container) -> Iterator[Breach]:
    """Both of these in one container."""
    yield from _secrets_of(container)
    yield from _tokens_of(container)


def all_credentials(pod: Pod) -> Iterator[Breach]:
    """Both of these in all containers of a pod."""
    for container in _all_containers(pod):
        yield from credentials(container)


def _all_containers(pod: Pod) -> tuple[Container, ...]:
    return (*pod.containers, *containers_of(pod, "initContainers"))


def _secrets_of(container: Container) -> Iterator[Breach]:
    for index, entry in enumerate(items(container.value.get("env"))):
        if isinstance(entry, dict) and _is_secret(entry.get("name"), entry.get("value")):
            path = (*container.path, "env", index, "value")
            yield Breach(path, f"the value of {entry.get('name')} stands in the manifest", "(a secret, not shown)")


def _is_secret(name: Value, value: Value) -> bool:
    if not isinstance(name, str) or not isinstance(value, str) or not value.strip():
        return False
    is_reference = _REFERENCE.fullmatch(value.strip()) is not None
    return not is_reference and secret_values.is_secret_name(name) and not secret_values.has_hub_token(value)


def _tokens_of(container: Container) -> Iterator[Breach]:
    for field in ("command", "args"):
        for index, part in enumerate(text_list(container.value.get(field))):
            if any(secret_values.has_hub_token(word) for word in part.split()):
                yield Breach((*container.path, field, index), "a token of the hub stands in the command line")
    for index, entry in enumerate(items(container.value.get("env"))):
        value = entry.get("value") if isinstance(entry, dict) else None
        if isinstance(value, str) and secret_values.has_hub_token(value):
            yield Breach((*container.path, "env", index, "value"), "a token of the hub stands in the manifest")


def unmatched_tolerations(pod: Pod) -> Iterator[Breach]:
    """Tolerations of a key with neither operator nor value, which match only a taint that has no value."""
    for index, each in enumerate(items(pod.spec.get("tolerations"))):
        if isinstance(each, dict) and each.get("key") and not each.get("value") and each.get("operator") != "Exists":
            message = f'the toleration of {each["key"]} has no operator, so it means "Equal" to an empty value'
            yield Breach((*pod.path, "tolerations", index), message)


def has_small_memory(container: Container) -> bool:
    """Whether nothing is mounted at a container's /dev/shm, or less than 1 GiB of memory."""
    mount = _mount_of(container, _SHM)
    volume = _volume(container.pod, mount) if mount is not None else None
    if mount is None or volume is None:
        return mount is None
    limit = mapping(volume.get("emptyDir")).get("sizeLimit")
    try:
        return limit is not None and quantity(limit) < _LEAST_SHARED_MEMORY_BYTES
    except ValueError:
        return False


def shared_memory(pod: Pod) -> Iterator[Breach]:
    """Pods of several GPUs without a memory volume at /dev/shm."""
    for container in pod.containers:
        if container.gpus * pod.group_size < 2 or pod.spec.get("hostIPC") is True:
            continue
        mount = _mount_of(container, _SHM)
        if mount is None:
            message = f"{_name(container)} has no memory volume at {_SHM}: 64 MiB is what the runtime gives"
            yield Breach((*container.path, "volumeMounts"), message)
        elif (volume := _volume(pod, mount)) is not None and not _is_memory(volume):
            yield Breach((*pod.path, "volumes"), f"the volume at {_SHM} of {_name(container)} is not medium: Memory")


def _mount_of(container: Container, place: str) -> str | None:
    for each in items(container.value.get("volumeMounts")):
        if isinstance(each, dict) and str(each.get("mountPath", "")).rstrip("/") == place:
            return str(each.get("name"))
    return None


def _volume(pod: Pod, name: str) -> dict[str, Value] | None:
    for each in items(pod.spec.get("volumes")):
        if isinstance(each, dict) and each.get("name") == name:
            return each
    return None


def _is_memory(volume: dict[str, Value]) -> bool:
    empty = volume.get("emptyDir")
    return not isinstance(empty, dict) or empty.get("medium") == "Memory"


def liveness(pod: Pod) -> Iterator[Breach]:
    """Liveness probes that kill an engine while it loads or is busy."""
    for container in pod.containers:
        probe = container.value.get("livenessProbe")
        if not isinstance(probe, dict) or not container.gpus:
            continue
        path = (*container.path, "livenessProbe")
        seconds = _whole(probe, "initialDelaySeconds", 0) + _patience(probe)
        if "startupProbe" not in container.value and seconds < _SHORTEST_START_SECONDS:
            yield Breach(
                path,
                f"{_name(container)} is killed {seconds} s after its start, while it loads the model",
                str(seconds),
            )
        elif "httpGet" in probe and _whole(probe, "timeoutSeconds", 1) < 5 and _patience(probe) < 60:
            yield Breach(
                path,
                f"{_name(container)} is killed when it does not answer for {_patience(probe)} s, also while it is busy",
            )


def _patience(probe: dict[str, Value]) -> int:
    return _whole(probe, "periodSeconds", 10) * _whole(probe, "failureThreshold", 3)


def _whole(table: dict[str, Value], name: str, default: int) -> int:
    value = table.get(name)
    return value if isinstance(value, int) else default


def startup(pod: Pod) -> Iterator[Breach]:
    """Startup probes that leave too little time to load a model."""
    for container in pod.containers:
        probe = container.value.get("startupProbe")
        if isinstance(probe, dict) and container.gpus:
            seconds = _whole(probe, "initialDelaySeconds", 0) + _patience(probe)
            if seconds < _SHORTEST_START_SECONDS:
                message = f"{_name(container)} has {seconds} s to load its model before it is killed"
                yield Breach((*container.path, "startupProbe"), message, str(seconds))


def after_shell(pod: Pod) -> Iterator[Breach]:
    """Servers that start even if the cluster they need has not formed."""
    for container in pod.containers:
        for field in ("command", "args"):
            for index, part in enumerate(text_list(container.value.get(field))):
                for before in part.split(";")[:-1]:
                    after = part.partition(before + ";")[2]
                    if _STARTS_RAY.search(before) and _ENGINE.search(after):
                        message = "after ; the server starts even if the workers never joined"
                        yield Breach((*container.path, field, index), message)
                        break


def lock_memory(pod: Pod) -> Iterator[Breach]:
    """RDMA devices without the right to lock memory."""
    for container in pod.containers:
        limits = mapping(mapping(container.value.get("resources")).get("limits"))
        devices = [name for name in limits if _RDMA.match(name)]
        if devices and not _may_lock(container):
            message = f"{_name(container)} asks for {devices[0]} but may not lock memory (capability IPC_LOCK)"
            yield Breach((*container.path, "securityContext"), message, devices[0])


def _may_lock(container: Container) -> bool:
    context = mapping(container.value.get("securityContext"))
    added = text_list(mapping(context.get("capabilities")).get("add"))
    return context.get("privileged") is True or bool({"IPC_LOCK", "ALL", "CAP_IPC_LOCK"} & set(added))


def rights(pod: Pod) -> Iterator[Breach]:
    """Rights of the node."""
    for name in ("hostNetwork", "hostPID"):
        if pod.spec.get(name) is True:
            yield Breach((*pod.path, name), f"{name} gives the pod the node's own")
    for container in pod.containers:
        if mapping(container.value.get("securityContext")).get("privileged") is True:
            message = f"{_name(container)} is privileged: it has all rights of the node"
            yield Breach((*container.path, "securityContext", "privileged"), message)


def image(pod: Pod) -> Iterator[Breach]:
    """Images of engines without a version."""
    for container in pod.containers:
        image = container.value.get("image")
        if isinstance(image, str) and image and "@" not in image:
            tag = image.rpartition("/")[2].partition(":")[2]
            if tag in {"", "latest"} and container.gpus:
                message = (
                    f"the image {secret_values.shown(image)} names no version: the engine changes with the next pull"
                )
                yield Breach((*container.path, "image"), message, image)


def references(pod: Pod) -> Iterator[Breach]:
    """Variables that are used before they are defined."""
    for container in pod.containers:
        env = items(container.value.get("env"))
        if container.value.get("envFrom"):
            continue
        seen: set[str] = set()
        later = {str(each.get("name")) for each in env if isinstance(each, dict)}
        for index, each in enumerate(env):
            if not isinstance(each, dict):
                continue
            for name in re.findall(r"(?<!\$)\$\(([A-Z][A-Z0-9_]*)\)", str(each.get("value", ""))):
                if name in later and name not in seen:
                    message = f"$({name}) stands before {name} is defined, so it stays as it is"
                    yield Breach((*container.path, "env", index, "value"), message, f"$({name})")
            seen.add(str(each.get("name")))


def lone_requests(pod: Pod) -> Iterator[Breach]:
    """Requests of GPUs that differ from the limit."""
    for container in pod.containers:
        resources = mapping(container.value.get("resources"))
        limits = mapping(resources.get("limits"))
        for name, value in mapping(resources.get("requests")).items():
            limit = limits.get(name)
            if name in _GPUS and str(limit) != str(value):
                message = f"requests {value} {name} with the limit {'missing' if limit is None else limit}; they must be equal"
                yield Breach((*container.path, "resources", "requests", name), message, str(value))


_GPUS = frozenset({"nvidia.com/gpu", "amd.com/gpu", "gpu.intel.com/xe", "gpu.intel.com/i915", "habana.ai/gaudi"})


def _name(container: Container) -> str:
    name = container.value.get("name")
    return f"container {name}" if isinstance(name, str) and name else "a container"
