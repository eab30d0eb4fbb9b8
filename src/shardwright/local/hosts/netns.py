"""Hosts with namespaces of their own: network, processes, shared memory, host name, mounts. Needs root.

Each is held by one first process, the network between them by a descriptor of this process: nothing has a name that
could stay behind, and the kernel removes all of it when these processes end, however they end.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Literal

from shardwright import errors
from shardwright.local import kernel, spawning
from shardwright.local.hosts import links
from shardwright.local.hosts.base import Host, Order
from shardwright.values import frozen

__all__ = ["NamespaceHosts", "open_hosts"]

_FIRST_PROCESS = Path(__file__).with_name("first_process.py")
_OWN = kernel.NEW_NETWORK | kernel.NEW_IPC | kernel.NEW_UTS | kernel.NEW_MOUNTS
_NAMES = Path("/etc/hosts")


class NamespaceHosts:
    """Hosts that end with their first processes."""

    kind: Literal["netns", "loopback"] = "netns"

    def __init__(self, hosts: tuple[Host, ...], switch: int) -> None:
        self.hosts = hosts
        self._switch = switch

    def choose_port(self, preferred: int, *, pinned: bool) -> int:
        """The preferred one: nothing else runs at these addresses."""
        del pinned
        return preferred

    def close(self) -> None:
        """Let go of the bridge; the kernel removes it with its links."""
        if self._switch >= 0:
            os.close(self._switch)
            self._switch = -1


@frozen
class _Inside:
    """What makes a host of a process that is the first of its pid namespace."""

    name: str
    shared_memory_bytes: int
    names: Path | None

    def __call__(self) -> None:
        kernel.unshare(_OWN)
        kernel.make_mounts_private()
        kernel.mount("proc", "/proc")
        kernel.mount("tmpfs", "/dev/shm", f"size={self.shared_memory_bytes},mode=1777")  # noqa: S108 - that is its place
        if self.names is not None:
            kernel.bind_mount(str(self.names), str(_NAMES))
        kernel.set_host_name(self.name)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel collects what ends in the host


def open_hosts(order: Order) -> NamespaceHosts:
    """Make the hosts; EnvironmentFault where this machine does not allow it, and then nothing is left."""
    if not kernel.can_make_namespaces():
        raise errors.EnvironmentFault(
            "hosts with namespaces of their own need root (CAP_SYS_ADMIN and CAP_NET_ADMIN)",
            hint="run it as root, or use --hosts loopback",
        )
    names = order.runtime_folder / "hosts"
    first: list[int] = []
    try:
        names.touch()
        for index in range(order.count):
            first.append(_start_first_process(order, index, names))  # noqa: PERF401 - those that exist are ended on failure
        network = links.build_network(order.run, tuple(first))
    except OSError as problem:
        _end(first)
        raise errors.EnvironmentFault(
            f"hosts with namespaces of their own cannot be made here: {problem.strerror or problem}",
            hint="containers often forbid it; use --hosts loopback",
        ) from problem
    except BaseException:
        _end(first)
        raise
    _write_names(names, network.addresses)
    return NamespaceHosts(tuple(_hosts(order, network.addresses, first)), network.switch)


def _start_first_process(order: Order, index: int, names: Path) -> int:
    name = f"host-{index}"
    (order.runtime_folder / name).mkdir()
    command = spawning.Command(
        argv=(sys.executable, "-I", "-S", str(_FIRST_PROCESS), name, order.run),
        environment={"SHARDWRIGHT_RUN": order.run},
        output=order.output,
    )
    inside = _Inside(name, order.shared_memory_bytes, names if _NAMES.exists() else None)
    return spawning.spawn(command, first_of_namespace=True, prepare=inside)


def _end(first: list[int]) -> None:
    for pid in first:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _write_names(names: Path, addresses: tuple[str, ...]) -> None:
    """What /etc/hosts says inside: this machine's own loopback names and all hosts."""
    lines = [
        "127.0.0.1 localhost",
        "::1 localhost",
        *(f"{address} host-{index}" for index, address in enumerate(addresses)),
    ]
    names.write_text("\n".join(lines) + "\n", "utf-8")


def _hosts(order: Order, addresses: tuple[str, ...], first: list[int]) -> list[Host]:
    return [
        Host(index, address, links.HOST_INTERFACE, order.runtime_folder / f"host-{index}", first[index])
        for index, address in enumerate(addresses)
    ]
