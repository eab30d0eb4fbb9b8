"""What the vendors' programs print of a pod's devices, as numbers where it is a table; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Device", "devices_in", "planned_bytes"]

_MIB = 2**20
_COLUMNS = 5


@frozen
class Device:
    """One GPU as the driver sees it now."""

    index: int
    name: str
    used_bytes: int
    total_bytes: int
    use: float | None
    """Of its time, 0 to 1."""


def devices_in(text: str) -> tuple[Device, ...]:
    """The GPUs of nvidia-smi's table (`index, name, memory.used, memory.total, utilization.gpu` as CSV).

    Empty where the text is no such table: another vendor's, which is shown as it is.
    """
    rows = [[part.strip() for part in line.split(",")] for line in text.splitlines()]
    return tuple(_device(row) for row in rows if len(row) == _COLUMNS and row[0].isdigit() and _is_size(row[2]))


def _is_size(text: str) -> bool:
    return text.partition(" ")[0].isdigit()


def _device(row: list[str]) -> Device:
    used, total = (int(part.partition(" ")[0]) * _MIB if _is_size(part) else 0 for part in row[2:4])
    use = row[4].partition(" ")[0]
    return Device(int(row[0]), row[1], used, total, int(use) / 100 if use.isdigit() else None)


def planned_bytes(plan: Mapping[str, Any], member: int) -> tuple[tuple[int, int], ...]:
    """Rank and planned bytes of every rank that a member holds, in the order of its GPUs."""
    terms = ("weightsBytes", "kvCacheBytes", "activationBytes", "graphBytes", "otherBytes")
    return tuple(
        (int(rank["rank"]), sum(int(rank.get(term) or 0) for term in terms))
        for rank in plan.get("ranks") or ()
        if rank.get("node") == member
    )
