"""Links, addresses and a free network for emulated hosts: the only module that speaks netlink.

One network of 256 addresses a run, out of 198.18.0.0/15, which is set aside for tests of network devices (RFC 2544).
A bridge in a namespace without processes joins the hosts; one pair of links joins it to this machine.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from pyroute2 import IPRoute, NetlinkError  # pyright: ignore[reportMissingTypeStubs] - it has none; _Netlink stands in

from shardwright import errors
from shardwright.local import kernel, reservations
from shardwright.local.hosts.base import link_name
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping

__all__ = ["HOST_INTERFACE", "Network", "build_network", "remove_link"]

HOST_INTERFACE = "eth0"
_POOL = ipaddress.IPv4Network("198.18.0.0/15")
_PREFIX = 24
_LOCK_SECONDS = 15.0


class _Netlink(Protocol):
    """What is used of a netlink socket; messages are mappings with header fields and attributes."""

    def link(self, command: str, **fields: object) -> object: ...
    def addr(self, command: str, **fields: object) -> object: ...
    def link_lookup(self, *, ifname: str) -> list[int]: ...
    def get_addr(self, *, family: int) -> Iterable[Mapping[str, Any]]: ...
    def get_routes(self, *, family: int) -> Iterable[Mapping[str, Any]]: ...
    def close(self) -> None: ...


@frozen
class Network:
    """What joins the hosts of a run."""

    addresses: tuple[str, ...]
    """One for each host."""
    switch: int
    """Descriptor of the namespace that holds the bridge; closing it removes bridge and links."""


def build_network(run: str, first_processes: tuple[int, ...]) -> Network:
    """Join the network namespaces of these processes to each other and to this machine.

    Two runs at once do not choose the same network: choosing and taking happen under a reservation.
    """
    switch = _new_namespace()
    try:
        with contextlib.closing(reservations.wait_for("network", _LOCK_SECONDS)), _netlink() as machine:
            network = _free_network(machine)
            _join_machine(machine, run, network, switch)
        addresses = tuple(str(network[2 + index]) for index in range(len(first_processes)))
        with _netlink(switch) as inside:
            _join_hosts(inside, first_processes)
        for pid, address in zip(first_processes, addresses, strict=True):
            _configure_host(pid, address)
    except NetlinkError as problem:
        os.close(switch)
        raise OSError(cast("int", problem.code), f"netlink: {problem}") from problem
    except BaseException:
        os.close(switch)
        raise
    return Network(addresses, switch)


def remove_link(run: str) -> None:
    """Remove what joined a run to this machine, if the kernel has not done so yet."""
    if not (Path("/sys/class/net") / link_name(run)).exists():
        return
    with _netlink() as machine, contextlib.suppress(NetlinkError):
        for index in machine.link_lookup(ifname=link_name(run)):
            machine.link("del", index=index)


def _new_namespace() -> int:
    own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        kernel.unshare(kernel.NEW_NETWORK)
        try:
            return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            kernel.enter_namespaces(own, kernel.NEW_NETWORK)
    finally:
        os.close(own)


@contextlib.contextmanager
def _netlink(namespace: int | None = None) -> Generator[_Netlink]:
    """A netlink socket of that network namespace; it stays there although this process comes back."""
    with kernel.in_namespace(namespace, "net", kernel.NEW_NETWORK):
        connection = cast("_Netlink", IPRoute())
    try:
        yield connection
    finally:
        connection.close()


def _free_network(machine: _Netlink) -> ipaddress.IPv4Network:
    """The first network of the pool that no address and no route of this machine touches."""
    taken = [_network(entry.get("IFA_ADDRESS"), entry["prefixlen"]) for entry in machine.get_addr(family=2)]
    routes = [route for route in machine.get_routes(family=2) if route["dst_len"]]  # a default route takes nothing
    taken += [_network(route.get("RTA_DST"), route["dst_len"]) for route in routes]
    for network in _POOL.subnets(new_prefix=_PREFIX):
        if not any(network.overlaps(other) for other in taken):
            return network
    raise errors.EnvironmentFault(
        f"no free network in {_POOL}: all are used by addresses or routes of this machine",
        hint="end deployments that are not needed, or use --hosts loopback",
    )


def _network(address: object, prefix: object) -> ipaddress.IPv4Network:
    return ipaddress.IPv4Network(f"{address}/{prefix}", strict=False)


def _join_machine(machine: _Netlink, run: str, network: ipaddress.IPv4Network, switch: int) -> None:
    name = link_name(run)
    machine.link("add", ifname=name, kind="veth", peer={"ifname": "uplink", "net_ns_fd": switch})
    index = machine.link_lookup(ifname=name)[0]
    machine.addr("add", index=index, address=str(network[1]), prefixlen=_PREFIX)
    machine.link("set", index=index, state="up")


def _join_hosts(inside: _Netlink, first_processes: tuple[int, ...]) -> None:
    inside.link("add", ifname="bridge", kind="bridge", br_stp_state=0)
    bridge = inside.link_lookup(ifname="bridge")[0]
    for number, pid in enumerate(first_processes):
        peer = {"ifname": HOST_INTERFACE, "net_ns_pid": pid}
        inside.link("add", ifname=f"port{number}", kind="veth", peer=peer)
    ports = [f"port{number}" for number in range(len(first_processes))]
    for name in ("uplink", *ports):
        index = inside.link_lookup(ifname=name)[0]
        inside.link("set", index=index, master=bridge, state="up")
    inside.link("set", index=bridge, state="up")


def _configure_host(pid: int, address: str) -> None:
    namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        with _netlink(namespace) as host:
            link = host.link_lookup(ifname=HOST_INTERFACE)[0]
            host.addr("add", index=link, address=address, prefixlen=_PREFIX)
            for index in (link, host.link_lookup(ifname="lo")[0]):
                host.link("set", index=index, state="up")
    finally:
        os.close(namespace)
