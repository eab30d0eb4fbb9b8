"""Hosts without root: loopback addresses 127.0.0.2 and up, different for each deployment.

They share the machine's /dev/shm, host name and processes; only addresses and temporary folders are their own.
"""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING, Literal

from shardwright import errors
from shardwright.local import ports, reservations
from shardwright.local.hosts.base import Host, Order

if TYPE_CHECKING:
    from shardwright.local.reservations import Reservation

__all__ = ["LoopbackHosts", "open_hosts"]

_ADDRESSES = tuple(f"127.0.0.{last}" for last in range(2, 255))
_PORTS_TRIED = 200


class LoopbackHosts:
    """Addresses and ports that are held for one deployment."""

    kind: Literal["netns", "loopback"] = "loopback"

    def __init__(self, hosts: tuple[Host, ...], held: list[Reservation]) -> None:
        self.hosts = hosts
        self._held = held

    def choose_port(self, preferred: int, *, pinned: bool) -> int:
        """The preferred port, or the next that is free; free means on the whole machine, unless it is pinned."""
        leader = self.hosts[0].address
        for number in range(preferred, min(preferred + (1 if pinned else _PORTS_TRIED), 65536)):
            if self._hold(number, (leader,) if pinned else (leader, "0.0.0.0")):  # noqa: S104 - a test whether it is free
                return number
        owner = ports.describe_owner(preferred, leader)
        raise errors.Conflict(
            f"port {preferred} on {leader} is taken{owner}",
            hint="choose another with target.options.port, or leave it out and the next free one is used",
        )

    def _hold(self, number: int, addresses: tuple[str, ...]) -> bool:
        held = reservations.reserve(f"port/{number}")
        if held is None:
            return False
        if all(ports.is_free(address, number) for address in addresses):
            self._held.append(held)
            return True
        held.close()
        return False

    def close(self) -> None:
        """Free addresses and ports for others."""
        for held in self._held:
            held.close()
        self._held.clear()


def open_hosts(order: Order) -> LoopbackHosts:
    """Take as many addresses as there are hosts; EnvironmentFault if there are not enough."""
    _demand_loopback()
    held: list[Reservation] = []
    hosts: list[Host] = []
    for address in _ADDRESSES:
        if len(hosts) == order.count:
            break
        reservation = reservations.reserve(f"address/{address}")
        if reservation is not None:
            held.append(reservation)
            folder = order.runtime_folder / f"host-{len(hosts)}"
            folder.mkdir()
            hosts.append(Host(len(hosts), address, "lo", folder, None))
    taken = LoopbackHosts(tuple(hosts), held)
    if len(hosts) < order.count:
        taken.close()
        raise errors.EnvironmentFault(
            f"{order.count} hosts need as many loopback addresses; {len(hosts)} of {len(_ADDRESSES)} are free",
            hint="end deployments that are not needed: shardwright delete NAME",
        )
    return taken


def _demand_loopback() -> None:
    with socket.socket() as probe:
        try:
            probe.bind((_ADDRESSES[0], 0))
        except OSError as problem:
            name = errno.errorcode.get(problem.errno or 0, "error")
            raise errors.EnvironmentFault(
                f"this machine has no address {_ADDRESSES[0]} ({name})", hint="bring the interface lo up"
            ) from problem
