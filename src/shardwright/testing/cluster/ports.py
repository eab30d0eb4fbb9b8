"""Ports for a run: held from their choice to the end where a server can share its port, else merely free and unlikely.

Programs that take port 0 get theirs from the kernel's own range; what cannot be held is chosen below it.
"""

from __future__ import annotations

import contextlib
import random
import socket
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.local import ports

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["accepts", "free_port", "held_ports"]

_UNHELD = range(10_000, 30_000)
"""Below the range that Linux gives ports from on its own (32768 and up)."""
_TRIES = 100


@contextlib.contextmanager
def held_ports(count: int, address: str = "127.0.0.1") -> Generator[list[int]]:
    """Free ports, kept from other programs until the block ends; a server that shares its port can listen there."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for holder in sockets:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            holder.bind((address, 0))
        yield [holder.getsockname()[1] for holder in sockets]


def free_port() -> int:
    """A port that nobody listens on, at any address; for servers that share no port."""
    for _ in range(_TRIES):
        number = random.choice(_UNHELD)  # noqa: S311 - no secret: two runs are to choose differently
        if ports.is_free("0.0.0.0", number):  # noqa: S104 - a test whether it is free
            return number
    raise errors.EnvironmentFault(
        f"no free port among {_TRIES} tried from {_UNHELD.start} to {_UNHELD.stop - 1}", hint="end other programs"
    )


def accepts(port: int, address: str = "127.0.0.1") -> bool:
    """Whether someone accepts connections there."""
    try:
        socket.create_connection((address, port), 1).close()
    except OSError:
        return False
    return True
