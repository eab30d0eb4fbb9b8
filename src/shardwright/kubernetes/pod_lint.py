"""Rules that hold for the pods of every platform: secrets, shared memory, probes, RDMA, rights, what shells make of scripts.

Nobody refuses what they find, it goes wrong later; so they warn, but for a token that stands in a file. A platform
says where its pods are and gets the rules for its kinds. Source: failures that users of these platforms report.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from shardwright.core.marked import secret_values
from shardwright.core.rules.rule import Breach, Rule
from shardwright.kubernetes.pod_places import containers_of, gpus_of, text_list

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shardwright.core.manifests.objects import Context, Object, Value
    from shardwright.core.rules.finding import Severity
    from shardwright.kubernetes.pod_places import Container, Pod, PodsOf

__all__ = ["pod_rules"]

_IN_SECRET = "reference a Secret: valueFrom.secretKeyRef with its name and key"  # noqa: S105 - an advice, no secret
_STARTS_RAY = re.compile(r"multi-node-serving\.sh|ray\s+start")
_ENGINE = re.compile(r"vllm\s+serve|vllm\.entrypoints|sglang\.launch_server|sglang\s+serve")
_SHORTEST_START_SECONDS = 120
_RDMA = re.compile(r"^(rdma/|.*/(rdma|roce|hca|ib|mlnxnics)[\w.-]*$)")
_SHM = "/dev/shm"  # noqa: S108 - a path inside the pod


def _secret_literals(pod: Pod) -> Iterator[Breach]:
    for container in (*containers_of(pod), *containers_of(pod, "initContainers")):
        listed = container.value.get("env")
        for index, entry in enumerate(listed if isinstance(listed, list) else []):
            if isinstance(entry, dict) and _is_secret(entry.get("name"), entry.get("value")):
                path = (*container.path, "env", index, "value")
                yield Breach(path, f"the value of {entry.get('name')} stands in the manifest", "(a secret, not shown)")


def _is_secret(name: Value, value: Value) -> bool:
    if not isinstance(name, str) or not isinstance(value, str) or not value or value.startswith("$("):
        return False
    return secret_values.is_secret_name(name) and not secret_values.has_hub_token(value)


def _tokens(pod: Pod) -> Iterator[Breach]:
    for container in (*containers_of(pod), *containers_of(pod, "initContainers")):
        for field in ("command", "args"):
            for index, part in enumerate(text_list(container.value.get(field))):
                if any(secret_values.has_hub_token(word) for word in part.split()):
                    yield Breach((*container.path, field, index), "a token of the hub stands in the command line")
        listed = container.value.get("env")
        for index, entry in enumerate(listed if isinstance(listed, list) else []):
            value = entry.get("value") if isinstance(entry, dict) else None
            if isinstance(value, str) and secret_values.has_hub_token(value):
                yield Breach((*container.path, "env", index, "value"), "a token of the hub stands in the manifest")


def _shared_memory(pod: Pod) -> Iterator[Breach]:
    for container in containers_of(pod):
        if gpus_of(container) * pod.group_size < 2 or pod.spec.get("hostIPC") is True:
            continue
        mount = _mount_of(container, _SHM)
        if mount is None:
            message = f"{_name(container)} has no memory volume at {_SHM}: 64 MiB is what the runtime gives"
            yield Breach((*container.path, "volumeMounts"), message)
        elif (volume := _volume(pod, mount)) is not None and not _is_memory(volume):
            yield Breach((*pod.path, "volumes"), f"the volume at {_SHM} of {_name(container)} is not medium: Memory")


def _mount_of(container: Container, place: str) -> str | None:
    listed = container.value.get("volumeMounts")
    for each in listed if isinstance(listed, list) else []:
        if isinstance(each, dict) and str(each.get("mountPath", "")).rstrip("/") == place:
            return str(each.get("name"))
    return None


def _volume(pod: Pod, name: str) -> dict[str, Value] | None:
    listed = pod.spec.get("volumes")
    found = (
        [each for each in listed if isinstance(each, dict) and each.get("name") == name]
        if isinstance(listed, list)
        else []
    )
    return found[0] if found else None


def _is_memory(volume: dict[str, Value]) -> bool:
    empty = volume.get("emptyDir")
    return not isinstance(empty, dict) or empty.get("medium") == "Memory"


def _liveness(pod: Pod) -> Iterator[Breach]:
    for container in containers_of(pod):
        probe = container.value.get("livenessProbe")
        if not isinstance(probe, dict) or not gpus_of(container):
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


def _startup(pod: Pod) -> Iterator[Breach]:
    for container in containers_of(pod):
        probe = container.value.get("startupProbe")
        if isinstance(probe, dict) and gpus_of(container):
            seconds = _whole(probe, "initialDelaySeconds", 0) + _patience(probe)
            if seconds < _SHORTEST_START_SECONDS:
                message = f"{_name(container)} has {seconds} s to load its model before it is killed"
                yield Breach((*container.path, "startupProbe"), message, str(seconds))


def _after_shell(pod: Pod) -> Iterator[Breach]:
    for container in containers_of(pod):
        for field in ("command", "args"):
            for index, part in enumerate(text_list(container.value.get(field))):
                for before in part.split(";")[:-1]:
                    after = part.partition(before + ";")[2]
                    if _STARTS_RAY.search(before) and _ENGINE.search(after):
                        message = "after ; the server starts even if the workers never joined"
                        yield Breach((*container.path, field, index), message)
                        break


def _lock_memory(pod: Pod) -> Iterator[Breach]:
    for container in containers_of(pod):
        resources = container.value.get("resources")
        limits = resources.get("limits") if isinstance(resources, dict) else None
        devices = [name for name in limits if _RDMA.match(name)] if isinstance(limits, dict) else []
        if devices and not _may_lock(container):
            message = f"{_name(container)} asks for {devices[0]} but may not lock memory (capability IPC_LOCK)"
            yield Breach((*container.path, "securityContext"), message, devices[0])


def _may_lock(container: Container) -> bool:
    context = container.value.get("securityContext")
    if not isinstance(context, dict):
        return False
    capabilities = context.get("capabilities")
    added = text_list(capabilities.get("add")) if isinstance(capabilities, dict) else []
    return context.get("privileged") is True or bool({"IPC_LOCK", "ALL", "CAP_IPC_LOCK"} & set(added))


def _rights(pod: Pod) -> Iterator[Breach]:
    for name in ("hostNetwork", "hostPID"):
        if pod.spec.get(name) is True:
            yield Breach((*pod.path, name), f"{name} gives the pod the node's own")
    for container in containers_of(pod):
        context = container.value.get("securityContext")
        if isinstance(context, dict) and context.get("privileged") is True:
            message = f"{_name(container)} is privileged: it has all rights of the node"
            yield Breach((*container.path, "securityContext", "privileged"), message)


def _image(pod: Pod) -> Iterator[Breach]:
    for container in containers_of(pod):
        image = container.value.get("image")
        if isinstance(image, str) and image and "@" not in image:
            tag = image.rpartition("/")[2].partition(":")[2]
            if tag in {"", "latest"} and gpus_of(container):
                message = (
                    f"the image {secret_values.shown(image)} names no version: the engine changes with the next pull"
                )
                yield Breach((*container.path, "image"), message, image)


def _references(pod: Pod) -> Iterator[Breach]:
    for container in containers_of(pod):
        env, links = container.value.get("env"), container.value.get("envFrom")
        if links or not isinstance(env, list):
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


def _lone_requests(pod: Pod) -> Iterator[Breach]:
    for container in containers_of(pod):
        resources = container.value.get("resources")
        if not isinstance(resources, dict):
            continue
        limits, requests = resources.get("limits"), resources.get("requests")
        for name, value in requests.items() if isinstance(requests, dict) else ():
            limit = limits.get(name) if isinstance(limits, dict) else None
            if name in _GPUS and str(limit) != str(value):
                message = f"requests {value} {name} with the limit {'missing' if limit is None else limit}; they must be equal"
                yield Breach((*container.path, "resources", "requests", name), message, str(value))


_GPUS = frozenset({"nvidia.com/gpu", "amd.com/gpu", "gpu.intel.com/xe", "gpu.intel.com/i915", "habana.ai/gaudi"})


def _name(container: Container) -> str:
    name = container.value.get("name")
    return f"container {name}" if isinstance(name, str) and name else "a container"


def _in_pods(
    look: Callable[[Pod], Iterator[Breach]], pods_of: PodsOf, each: Object, context: Context
) -> Iterator[Breach]:
    del context
    for pod in pods_of(each):
        yield from look(pod)


_Row = tuple[str, "Severity", "Callable[[Pod], Iterator[Breach]]", str, str, str, "tuple[str, ...]"]
_ROWS: tuple[_Row, ...] = (
    (
        "pod.token-literal",
        "error",
        _tokens,
        "No token of the hub stands in a manifest",
        "whoever may read the object, or the repository it lies in, has the token",
        _IN_SECRET,
        ("R123",),
    ),
    (
        "pod.secret-literal",
        "warning",
        _secret_literals,
        "Variables with a secret's name take it from a Secret",
        "whoever may read the object, or the repository it lies in, has the secret",
        _IN_SECRET,
        (),
    ),
    (
        "pod.shared-memory",
        "warning",
        _shared_memory,
        "Pods of several GPUs have a memory volume at /dev/shm",
        "NCCL and the engine's processes exchange data there; too little ends in a bus error or an unhandled system error",
        "mount an emptyDir with medium: Memory and a sizeLimit of some GiB at /dev/shm",
        ("R135",),
    ),
    (
        "pod.liveness",
        "warning",
        _liveness,
        "No liveness probe kills an engine that loads or is busy",
        "loading takes minutes and a full queue delays every answer; a restart of one member restarts the group",
        "give it a startupProbe with time to load, and a liveness probe of long patience or none",
        (),
    ),
    (
        "pod.startup",
        "warning",
        _startup,
        "A startup probe leaves time to load the model",
        "weights of a large model take minutes to load, and the container is killed before they are there",
        "raise failureThreshold, so that periodSeconds x failureThreshold covers the load",
        (),
    ),
    (
        "pod.after-shell",
        "warning",
        _after_shell,
        "A server starts only when the cluster it needs has formed",
        "; goes on whatever came before; the engine then waits for GPUs that are not there",
        "write && instead of ;",
        ("R145",),
    ),
    (
        "pod.lock-memory",
        "warning",
        _lock_memory,
        "Pods with RDMA devices may lock memory",
        "the registration of memory with the device fails (ibv_reg_mr: cannot allocate memory), or sockets are used instead",
        "add securityContext.capabilities.add: [IPC_LOCK]",
        ("R130",),
    ),
    (
        "pod.rights",
        "warning",
        _rights,
        "Pods have no rights of the node that they do not need",
        "clusters with Pod Security refuse it, and whoever breaks into the engine has the node",
        "remove it; RDMA needs the capability IPC_LOCK and its device only",
        (),
    ),
    (
        "pod.image-version",
        "info",
        _image,
        "Images of engines name a version",
        "members of one group may run different engines, and memory and flags differ between versions",
        "name a version or a digest",
        (),
    ),
    (
        "pod.variable-order",
        "warning",
        _references,
        "Variables are defined before they are used",
        "Kubernetes replaces $(NAME) by variables that stand before it only",
        "move the definition up",
        (),
    ),
    (
        "pod.gpu-limit",
        "warning",
        _lone_requests,
        "Requests and limits of GPUs are equal",
        "the API server refuses the pod, long after it has accepted the object that makes it",
        "write the number under limits; requests follow",
        (),
    ),
)


def pod_rules(kinds: tuple[str, ...], pods_of: PodsOf) -> tuple[Rule, ...]:
    """The rules on pods for kinds whose pods a function finds."""
    return tuple(
        Rule(
            name,
            severity,
            kinds,
            title,
            why,
            fix,
            "practice",
            "reports of users and the documentation of Kubernetes",
            partial(_in_pods, look, pods_of),
            requirements=requirements,
        )
        for name, severity, look, title, why, fix, requirements in _ROWS
    )
