# ruff: noqa: INP001  a script's neighbour, found through sys.path[0]; it is no part of the tool's own package
"""Two Linux calls that Python 3.11 does not offer: prctl(PR_SET_PDEATHSIG) and setns.

Knows nothing of engines or hosts. Source: prctl(2), setns(2), namespaces(7).
"""

from __future__ import annotations

import ctypes
import os

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)

# The order in which a process can enter them: what needs rights in the old mount tree comes before mnt.
NAMESPACES = ("pid", "net", "ipc", "uts", "mnt")


def die_with_parent(signal_number: int) -> None:
    """Ask the kernel for this signal when the thread that forked this process ends."""
    _check(_LIBC.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal_number), 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")


def open_namespaces(pid: int) -> list[int]:
    """Descriptors of the namespaces of that process, all opened before the first is entered."""
    return [os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC) for name in NAMESPACES]


def enter_namespaces(descriptors: list[int]) -> None:
    """Enter them all and close the descriptors; the pid namespace counts only for processes forked afterwards."""
    for name, descriptor in zip(NAMESPACES, descriptors, strict=True):
        _check(_LIBC.setns(descriptor, 0), f"setns({name})")
        os.close(descriptor)


def _check(result: int, call: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
