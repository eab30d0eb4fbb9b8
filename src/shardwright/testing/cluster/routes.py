"""Routes between this machine, its nodes and their pods, without address translation: pods can be called from a test.

All addresses are of the one network that `local.hosts.links` took for the run, so nothing else has to be free: the
first quarter is for services, this machine and the nodes, each of the others for the pods of a node.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
from typing import TYPE_CHECKING, Protocol, cast

from pyroute2 import IPRoute, NetlinkError  # pyright: ignore[reportMissingTypeStubs] - it has none; _Netlink stands in

from shardwright.local import kernel
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

__all__ = ["MOST_NODES", "Plan", "connect", "plan_addresses"]

MOST_NODES = 3


class _Netlink(Protocol):
    """What is used of a netlink socket."""

    def route(self, command: str, **fields: object) -> object: ...
    def close(self) -> None: ...


@frozen
class Plan:
    """Who has which addresses."""

    machine: str
    """This machine's address, where pods and nodes reach it; also the first of the services."""
    services: str
    nodes: tuple[str, ...]
    pods: tuple[str, ...]
    """Network of each node's pods."""


def plan_addresses(nodes: Sequence[str]) -> Plan:
    """Divide the network of 256 addresses that the nodes' own addresses are in."""
    quarters = list(ipaddress.IPv4Network(f"{nodes[0]}/24", strict=False).subnets(new_prefix=26))
    return Plan(str(quarters[0][1]), str(quarters[0]), tuple(nodes), tuple(map(str, quarters[1 : 1 + len(nodes)])))


def connect(plan: Plan, first_processes: Sequence[int]) -> None:
    """Tell this machine and the nodes, held by these processes, the way to all pods; OSError where that fails."""
    with _netlink() as machine:
        for address, pods in zip(plan.nodes, plan.pods, strict=True):
            machine.route("add", dst=pods, gateway=address)
    for own, pid in zip(plan.nodes, first_processes, strict=True):
        with _netlink(pid) as node:
            node.route("add", dst="default", gateway=plan.machine)
            for address, pods in zip(plan.nodes, plan.pods, strict=True):
                if address != own:
                    node.route("add", dst=pods, gateway=address)


@contextlib.contextmanager
def _netlink(pid: int | None = None) -> Generator[_Netlink]:
    """A netlink socket in the network namespace of that process, or in this one's."""
    namespace = None if pid is None else os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        with kernel.in_namespace(namespace, "net", kernel.NEW_NETWORK):
            connection = cast("_Netlink", IPRoute())
        try:
            yield connection
        finally:
            connection.close()
    except NetlinkError as problem:
        raise OSError(cast("int", problem.code), f"netlink: {problem}") from problem
    finally:
        if namespace is not None:
            os.close(namespace)
