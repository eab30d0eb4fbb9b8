"""A whole test cluster: what is wanted of it, and the running thing.

Two levels. Without nodes (no root): etcd, API server, controller manager, scheduler and, each on demand, the managers of
LeaderWorkerSet, KServe and KubeRay; pods are made and wait for a node. With nodes (root, containerd): the same, and two
real nodes with DNS, where pods run. Everything has its own ports, network and files, and is gone when the block ends or
the process that started it dies.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.local import ports
from shardwright.testing.cluster import building, control_plane, known_managers, managers, nodes, processes, run_folders
from shardwright.testing.cluster.control_plane import ControlPlane, Seat
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from pathlib import Path

    from shardwright.testing.cluster.api import Api
    from shardwright.testing.cluster.building import Programs
    from shardwright.testing.cluster.nodes import Ground, Node
    from shardwright.testing.cluster.processes import Processes

__all__ = ["Cluster", "Running", "missing", "program_names", "running"]

_HTTPS = 443


@frozen
class Cluster:
    """What is wanted."""

    managers: tuple[str, ...] = ()
    """Of `known_managers.MANAGERS`: lws, llmisvc, kserve, kserve-spread, kuberay."""
    nodes: int = 0
    """0: the level without root."""
    gpus: int = 1
    """How many GPUs each node says it has; none is there."""


class Running:
    """A cluster that runs; made by `running`."""

    def __init__(self, plane: ControlPlane, started: Processes, folder: Path, ground: Ground | None) -> None:
        self._folder, self._ground = folder, ground
        self.plane = plane
        self.processes = started
        """To stop one, have it hang or start it again, and for their logs."""
        self._managers: set[str] = set()

    @property
    def kubeconfig(self) -> Path:
        """Of the administrator."""
        return self.plane.kubeconfig

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Its nodes; none at the level without root."""
        return self._ground.nodes if self._ground else ()

    def api(self) -> Api:
        """A client of the administrator, to be used in a `with` block."""
        return self.plane.api()

    def need(self, names: Iterable[str], programs: Programs) -> None:
        """Have these managers, started now if they are not there; KeyError for one that is not known."""
        for name in names:
            if name not in self._managers:
                manager = known_managers.MANAGERS[name]
                managers.start(manager, programs, self.plane, self.processes, self._folder / manager.program)
                self._managers.add(name)

    @contextlib.contextmanager
    def namespace(self, prefix: str = "test") -> Generator[str]:
        """A new namespace that pods can be made in; its objects are asked to go at the end, and are not waited for."""
        name = f"{prefix}-{secrets.token_hex(3)}"
        with self.api() as api:
            api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
            self.wait_until(lambda: api.has(f"/api/v1/namespaces/{name}/serviceaccounts/default"), f"{name} is ready")
            try:
                yield name
            finally:
                with contextlib.suppress(errors.NotFound):
                    api.delete(f"/api/v1/namespaces/{name}")

    def wait_until(
        self, is_so: Callable[[], bool], what: str, *, of: str = "kube-controller-manager", timeout_seconds: float = 60
    ) -> None:
        """Wait for something; TargetError, with the last lines of the process `of`, if it does not come in time."""
        self.processes.wait_until(is_so, what, of, timeout_seconds=timeout_seconds)

    def restart(self, name: str = "kube-apiserver", number: int = signal.SIGKILL) -> None:
        """End a process of the cluster and start it again; the API server is waited for, others are not."""
        self.processes.stop(name, number)
        self.processes.start_again(name)
        with self.api() as api:
            self.wait_until(api.connection.is_ready, "the API server is ready", of="kube-apiserver")

    @contextlib.contextmanager
    def hanging(self, node: str) -> Generator[None]:
        """For the length of a block have a node's kubelet say and do nothing; its pods go on."""
        pid = nodes.kubelet_of(self.processes.pids[node])
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def service_path(self, namespace: str, name: str, port: int | str) -> str:
        """Where the API server's proxy shows a service: below it are the pages of its pods."""
        return f"/api/v1/namespaces/{namespace}/services/{name}:{port}/proxy"

    def set_gpus(self, count: int, resource: str = "nvidia.com/gpu") -> None:
        """Have each node say that it has so many GPUs, and wait until pods may ask for them."""
        with self.api() as api:
            for node in self.nodes:
                nodes.set_gpus(api, node.name, count, resource)
            for node in self.nodes:
                self.wait_until(
                    lambda name=node.name: nodes.gpus_of(api, name, resource) == count,
                    f"{node.name} has {count} {resource}",
                    of=node.name,
                )


def program_names(cluster: Cluster) -> tuple[str, ...]:
    """The programs that it is made of."""
    names = [*building.ENVTEST, *control_plane.CONTROLLERS]
    names += nodes.PROGRAMS if cluster.nodes else ()
    return (*names, *(known_managers.MANAGERS[name].program for name in cluster.managers))


def missing(cluster: Cluster) -> str | None:
    """Why this machine cannot have it, apart from programs that are to be built; None if it can."""
    return nodes.missing() if cluster.nodes else None


@contextlib.contextmanager
def running(cluster: Cluster, programs: Programs, runs: Path) -> Generator[Running]:
    """Start it, with files below the folder `runs`; nothing of it is left when the block ends.

    EnvironmentFault where this machine does not allow it, TargetError, with what it logged, where a program does not
    come up. To be used from the main thread.
    """
    with run_folders.run_folder(runs) as folder, contextlib.ExitStack() as ends:
        started = processes.Processes(folder)
        ends.callback(started.kill_all)
        ground = nodes.lay_ground(cluster.nodes, programs, started, folder, ends) if cluster.nodes else None
        seat = _seat(ground)
        plane = control_plane.start(programs, seat, started, folder, ends)
        made = Running(plane, started, folder, ground)
        if ground is not None:
            nodes.join(ground, programs, plane, started, folder)
        made.need(cluster.managers, programs)
        control_plane.wait_for_controllers(plane, started)
        made.set_gpus(cluster.gpus)
        yield made


def _seat(ground: Ground | None) -> Seat:
    if ground is None:
        return Seat(controllers=True, services="10.96.0.0/16")
    addresses = ground.addresses
    # The service `kubernetes` has the first address of its network and port 443: pods find the API server there if it
    # listens on just that, and nothing has to translate addresses.
    return Seat(
        address=addresses.machine,
        port=_HTTPS if ports.is_free(addresses.machine, _HTTPS) else None,
        services=addresses.services,
        controllers=True,
        node_names=tuple(node.name for node in ground.nodes),
    )
