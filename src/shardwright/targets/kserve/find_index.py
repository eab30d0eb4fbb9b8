"""Run by workers of a group of more than two: finds which worker this one is, then starts the engine in its place.

Workers are pods of a Deployment, which numbers nothing. All of them see the same addresses behind the headless Service of
the workers, so the place of a pod's own address among them, in order, is its index; the leader's is 0. Nothing is started
before all addresses are there: an index taken from a part of them would be another's too.

This file is also the program itself: what stands below is given to the image's Python.
"""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import sys
import time

__all__ = ["addresses_of", "index_of", "main"]


def addresses_of(name: str) -> list[str]:
    """Addresses behind a name, each once and in the order of their numbers; empty where there are none yet."""
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(name, None)}
    except OSError:
        return []
    return sorted(found, key=lambda text: int(ipaddress.ip_address(text)))


def index_of(own: str, name: str, count: int) -> int:
    """The index of the pod with that address, from 1; waits until `count` addresses are there and this is one of them."""
    seen = None
    while True:
        found = addresses_of(name)
        if len(found) == count and own in found:
            return found.index(own) + 1
        if found != seen:
            _say(f"{len(found)} of {count} workers have an address: {' '.join(found)}")
        seen = found
        time.sleep(2)


def main(count: str, *command: str) -> None:
    """Replace this process by `command`, in which the index stands where MEMBER_INDEX says."""
    # The first process of a container ends at no signal that it does not handle.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    index = index_of(os.environ["POD_IP"], os.environ["WORKER_SVC"], int(count))
    _say(f"this is member {index}")
    mark = os.environ["MEMBER_INDEX"]
    os.execvp(command[0], [part.replace(mark, str(index)) for part in command])  # noqa: S606 - no shell is wanted


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
