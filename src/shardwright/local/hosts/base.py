"""What emulated hosts are to the rest: a name, an address, an interface, a folder for temporary files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from shardwright.values import frozen

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Host", "Hosts", "Order", "link_name"]


@frozen
class Host:
    """One emulated host."""

    index: int
    address: str
    interface: str
    temporary_folder: Path
    first_process: int | None
    """Pid, seen from this machine, of the process that holds its namespaces; None: it has none of its own."""

    @property
    def name(self) -> str:
        """Its host name, where it has one of its own; its name in messages everywhere."""
        return f"host-{self.index}"


@frozen
class Order:
    """What is to be made."""

    run: str
    """Short label of this run; the beginning of names that the whole machine sees."""
    count: int
    runtime_folder: Path
    shared_memory_bytes: int
    output: Path
    """Where processes of the hosts themselves write."""


class Hosts(Protocol):
    """Hosts that exist until they are closed, or until this process ends."""

    kind: Literal["netns", "loopback"]
    hosts: tuple[Host, ...]

    def choose_port(self, preferred: int, *, pinned: bool) -> int:
        """A port that is free on the leader; Conflict if it is pinned and taken."""
        ...

    def close(self) -> None:
        """Let go of what is held here; the hosts' processes are ended by the caller, before."""
        ...


def link_name(run: str) -> str:
    """The one link of a run that the machine itself sees; at most 15 characters, as the kernel demands."""
    return f"sw{run}"
