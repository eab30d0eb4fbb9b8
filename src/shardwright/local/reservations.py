"""Names that one process of this machine can hold at a time; the kernel frees them when the process ends.

A name is an abstract Unix socket: no file, no clean-up, seen by all users of the network namespace. See unix(7).
"""

from __future__ import annotations

import errno
import socket
import time

from shardwright import errors

__all__ = ["Reservation", "reserve", "wait_for"]

Reservation = socket.socket


def reserve(name: str) -> Reservation | None:
    """Hold that name until the reservation is closed; None if someone else holds it."""
    held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        held.bind(f"\0shardwright/{name}")
    except OSError as problem:
        held.close()
        if problem.errno == errno.EADDRINUSE:
            return None
        raise
    return held


def wait_for(name: str, timeout_seconds: float) -> Reservation:
    """Hold that name as soon as it is free; TemporaryError if it is not in time."""
    deadline = time.monotonic() + timeout_seconds
    while (held := reserve(name)) is None:
        if time.monotonic() > deadline:
            raise errors.TemporaryError(
                f"another process holds {name!r} for more than {timeout_seconds:.0f} s", retry_after_seconds=5
            )
        time.sleep(0.01)
    return held
