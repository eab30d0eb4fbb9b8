"""Emulated hosts of this machine: namespaces of their own with root, loopback addresses without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.local import kernel
from shardwright.local.hosts.base import Host, Hosts, Order

if TYPE_CHECKING:
    from collections.abc import Callable

    from shardwright.local.spec import HostKind

__all__ = ["Host", "Hosts", "Order", "open_hosts"]


def open_hosts(kind: HostKind, order: Order, note: Callable[[str], None]) -> Hosts:
    """Make the hosts. `auto`: namespaces where they can be made, else loopback, and `note` is told why.

    EnvironmentFault where this machine does not allow what was asked for.
    """
    # Imported here: what only Linux and only root needs, 0.15 s.
    if kind == "loopback" or (kind == "auto" and not kernel.can_make_namespaces()):
        return _open_loopback(order)
    from shardwright.local.hosts import netns  # noqa: PLC0415 - see above

    try:
        return netns.open_hosts(order)
    except errors.EnvironmentFault as fault:
        if kind != "auto":
            raise
        note(f"hosts are loopback addresses: {fault.message}")
        return _open_loopback(order)


def _open_loopback(order: Order) -> Hosts:
    from shardwright.local.hosts import loopback  # noqa: PLC0415 - as above

    return loopback.open_hosts(order)
