"""Real nodes on one machine: containerd and kubelet, each pair in namespaces of its own. Needs root.

A node is held by one first process; when it is killed, or the process that started it dies, the kernel ends all of the
node with its pods, mounts and links. What remains are empty control groups, which the next run removes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2

from shardwright import errors
from shardwright.local import kernel, proc, reservations
from shardwright.local.hosts import links
from shardwright.testing.cluster import cgroups, images, node_files, routes
from shardwright.testing.cluster.node_files import Site
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shardwright.testing.cluster.api import Api
    from shardwright.testing.cluster.building import Programs
    from shardwright.testing.cluster.control_plane import ControlPlane
    from shardwright.testing.cluster.processes import Processes

__all__ = [
    "PROGRAMS",
    "Ground",
    "Node",
    "gpus_of",
    "is_ready",
    "join",
    "kubelet_of",
    "lay_ground",
    "missing",
    "set_gpus",
]

PROGRAMS = ("kubelet", "coredns")
_PACKAGES = "containerd runc containernetworking-plugins busybox-static"
_TOOLS = ("containerd", "ctr", "runc", "containerd-shim-runc-v2", "mount")
_PLUGIN_PLACES = ("/usr/lib/cni", "/opt/cni/bin")
_PLUGINS = ("bridge", "host-local", "loopback")
_MOUNT_POINTS = (Path("/var/lib/cni"), Path("/var/lib/kubelet"))
_OWN = kernel.NEW_NETWORK | kernel.NEW_IPC | kernel.NEW_UTS | kernel.NEW_MOUNTS
_OURS = 0o701
"""Permissions of folders that we make on the machine, by which a later run knows them."""
_NAME_SERVER_PORT = 8181
_SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


_NAMES = """cluster.local:53 {{
    bind {address}
    errors
    ready {address}:{port}
    kubernetes cluster.local {{
        kubeconfig {kubeconfig} test-cluster
        endpoint_pod_names
        ttl 1
    }}
}}
"""


@frozen
class Node:
    """One node."""

    name: str
    """Also that of its first process among those of the run."""
    address: str
    folder: Path
    """With the logs of containerd and kubelet."""


@frozen
class Ground:
    """Nodes that wait for an API server, and the addresses of all."""

    nodes: tuple[Node, ...]
    addresses: routes.Plan


@frozen
class _Inside:
    """What a node's first process does before its program."""

    name: str

    def __call__(self) -> None:
        kernel.unshare(_OWN)
        kernel.make_mounts_private()
        kernel.mount("proc", "/proc")
        kernel.set_host_name(self.name)


def missing() -> str | None:
    """Why nodes cannot be had here, and what to do; None if they can."""
    if not kernel.can_make_namespaces():
        return "nodes need root (CAP_SYS_ADMIN and CAP_NET_ADMIN)"
    lacking = [tool for tool in _TOOLS if shutil.which(tool, path=_SEARCHED) is None]
    lacking += [] if _plugins() else ["CNI plugins"]
    lacking += [] if images.find_busybox() else ["a static busybox"]
    if lacking:
        return f"nodes need {', '.join(lacking)}: apt-get install --no-install-recommends {_PACKAGES}"
    return None


def lay_ground(count: int, programs: Programs, started: Processes, folder: Path, ends: contextlib.ExitStack) -> Ground:
    """Start so many nodes up to their kubelets, which wait for `join`; EnvironmentFault where this is not allowed.

    When `ends` closes, the processes of the run are killed and what the nodes had outside their folders is removed.
    """
    reason = missing()
    if reason or count > routes.MOST_NODES:
        raise errors.EnvironmentFault(reason or f"{count} nodes asked for; {routes.MOST_NODES} are the most")
    archives = folder / "images"
    archives.mkdir()
    images.write_images(archives)
    names = tuple(f"node-{number}" for number in range(1, count + 1))
    groups = {name: f"{cgroups.PREFIX}{folder.name}-{name}" for name in names}
    try:
        _lend(groups.values(), ends)
        ends.callback(started.kill_all)  # before what they use is taken away
        pids = [_start_first_process(name, folder, started) for name in names]
        network = links.build_network(folder.name.removeprefix("run-"), tuple(pids))
        ends.callback(os.close, network.switch)
        plan = routes.plan_addresses(network.addresses)
        routes.connect(plan, pids)
    except OSError as problem:
        raise errors.EnvironmentFault(
            f"nodes cannot be made here: {problem.strerror or problem}", hint="containers often forbid it"
        ) from problem
    for name, address, pods in zip(names, plan.nodes, plan.pods, strict=True):
        node_files.write_files(
            Site(
                name=name,
                address=address,
                folder=folder / name,
                cgroup=groups[name],
                images=archives,
                kubelet=programs.path("kubelet"),
                plugins=_plugins() or Path(),
                pods=pods,
                dns=plan.machine,
                authority=folder / "ca.crt",
            )
        )
    return Ground(tuple(Node(name, at, folder / name) for name, at in zip(names, plan.nodes, strict=True)), plan)


def join(ground: Ground, programs: Programs, plane: ControlPlane, started: Processes, folder: Path) -> None:
    """Have the nodes join the cluster, start its name server, and wait until all are ready; TargetError if not in time."""
    for node in ground.nodes:
        draft = plane.kubeconfig_for(f"system:node:{node.name}", node.folder / "draft")
        draft.replace(node.folder / "kubeconfig")  # their script waits for it
    names = folder / "Corefile"
    text = _NAMES.format(address=ground.addresses.machine, port=_NAME_SERVER_PORT, kubeconfig=plane.kubeconfig)
    names.write_text(text, "utf-8")
    started.start("coredns", (programs.path("coredns"), "-conf", str(names)))
    with plane.api() as api:
        for node in ground.nodes:
            started.wait_until(
                lambda name=node.name: is_ready(api, name), f"{node.name} is ready", node.name, timeout_seconds=90
            )
    url = f"http://{ground.addresses.machine}:{_NAME_SERVER_PORT}/ready"
    started.wait_until(lambda: _answers(url), "the name server is ready", "coredns", timeout_seconds=30)


def set_gpus(api: Api, node: str, count: int, resource: str = "nvidia.com/gpu") -> None:
    """Say that a node has so many GPUs: pods are placed and admitted by them as by real ones. Seconds until it counts."""
    path = f"/status/capacity/{resource.replace('/', '~1')}"
    api.patch(f"/api/v1/nodes/{node}/status", [{"op": "add", "path": path, "value": str(count)}])


def gpus_of(api: Api, node: str, resource: str = "nvidia.com/gpu") -> int:
    """How many of them pods may ask for now."""
    return int(api.get(f"/api/v1/nodes/{node}")["status"].get("allocatable", {}).get(resource, 0))


def is_ready(api: Api, node: str) -> bool:
    """Whether the cluster takes a node for ready."""
    if not api.has(f"/api/v1/nodes/{node}"):
        return False
    conditions = api.get(f"/api/v1/nodes/{node}")["status"].get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def kubelet_of(first_process: int) -> int:
    """Pid of a node's kubelet; ProcessLookupError if it does not run."""
    known = proc.processes()
    found = [pid for pid in proc.descendants(first_process, known) if known[pid].name == "kubelet"]
    if not found:
        raise ProcessLookupError(f"no kubelet below {first_process}")
    return found[0]


def _start_first_process(name: str, folder: Path, started: Processes) -> int:
    place = folder / name
    place.mkdir()
    begin = f"until [ -e {place}/{node_files.SCRIPT} ]; do sleep 0.02; done; exec sh {place}/{node_files.SCRIPT}"
    environment = {"PATH": _SEARCHED}
    argv = ("sh", "-c", begin)
    return started.start(name, argv, environment=environment, first_of_namespace=True, prepare=_Inside(name))


def _lend(groups: Iterable[str], ends: contextlib.ExitStack) -> None:
    """Make the control groups of these nodes, and the folders they mount over; both go when `ends` closes."""
    cgroups.sweep()
    ends.callback(_take_back_folders)
    for place in _MOUNT_POINTS:
        if not place.exists():
            place.mkdir(_OURS, parents=True)
    for group in groups:
        held = reservations.reserve(group)  # as long as it is held no other run sweeps the group
        if held is not None:
            ends.enter_context(held)
        ends.callback(cgroups.remove, group)
        cgroups.make(group)


def _take_back_folders() -> None:
    """Remove empty folders that a run has made, unless another run mounts over them: its mounts would go too."""
    if not cgroups.others():
        for place in _MOUNT_POINTS:
            with contextlib.suppress(OSError):
                if place.stat().st_mode & 0o777 == _OURS:
                    place.rmdir()


def _plugins() -> Path | None:
    return next((place for place in map(Path, _PLUGIN_PLACES) if all((place / it).exists() for it in _PLUGINS)), None)


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url, trust_env=False, timeout=5).is_success
    except httpx2.TransportError:
        return False
