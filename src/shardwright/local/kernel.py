"""Linux calls that Python has no name for: namespaces, mounts, death signals, and how a process ended.

Knows numbers of the kernel's interface and nothing of groups or hosts. Source: unshare(2), setns(2), mount(2),
prctl(2); `PIDFD_GET_INFO` from include/uapi/linux/pidfd.h (exit codes from Linux 6.15).
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import os
import struct
from typing import TYPE_CHECKING

from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = [
    "NEW_IPC",
    "NEW_MOUNTS",
    "NEW_NETWORK",
    "NEW_PIDS",
    "NEW_UTS",
    "UNKNOWN",
    "Outcome",
    "become_subreaper",
    "bind_mount",
    "can_make_namespaces",
    "enter_namespaces",
    "in_namespace",
    "make_mounts_private",
    "mount",
    "outcome_of_reaped",
    "outcome_of_status",
    "set_death_signal",
    "set_host_name",
    "unshare",
]

NEW_MOUNTS = 0x00020000
NEW_UTS = 0x04000000
NEW_IPC = 0x08000000
NEW_PIDS = 0x20000000
NEW_NETWORK = 0x40000000

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
_CAP_NET_ADMIN, _CAP_SYS_ADMIN = 12, 21
_PIDFD_INFO = struct.Struct("=QQ11Ii")
_PIDFD_GET_INFO = 0xC0000000 | _PIDFD_INFO.size << 16 | 0xFF << 8 | 11
_PIDFD_INFO_EXIT = 1 << 3


@frozen
class Outcome:
    """How a process ended; both None where it cannot be known."""

    code: int | None = None
    signal: int | None = None


UNKNOWN = Outcome()


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, call: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """Leave these namespaces for new ones; a new pid namespace counts for children only."""
    _check(_libc().unshare(flags), "unshare")


def enter_namespaces(descriptor: int, flags: int) -> None:
    """Enter namespaces by a descriptor of one of them, or those of a process by its pidfd."""
    _check(_libc().setns(descriptor, flags), "setns")


@contextlib.contextmanager
def in_namespace(descriptor: int | None, kind: str, flag: int) -> Generator[None]:
    """Be in another namespace (pid: have children there) for a while; None: stay.

    Only this thread moves, and the way back is opened before the first step.
    """
    if descriptor is None:
        yield
        return
    own = os.open(f"/proc/self/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        enter_namespaces(descriptor, flag)
        try:
            yield
        finally:
            enter_namespaces(own, flag)
    finally:
        os.close(own)


def set_death_signal(number: int) -> None:
    """Ask for this signal when the thread that made this process ends; the caller checks that it has not ended yet."""
    _check(_libc().prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(number), 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")


def become_subreaper() -> None:
    """Descendants whose parent ends become children of this process."""
    _check(_libc().prctl(_PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(1), 0, 0, 0), "prctl(PR_SET_CHILD_SUBREAPER)")


def set_host_name(name: str) -> None:
    """Host name of this UTS namespace."""
    encoded = name.encode()
    _check(_libc().sethostname(encoded, len(encoded)), "sethostname")


def make_mounts_private() -> None:
    """What is mounted in this mount namespace from now on is seen in no other."""
    _check(_libc().mount(b"none", b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None), "mount(private)")


def mount(kind: str, place: str, options: str = "") -> None:
    """Mount a new file system of that kind (proc, tmpfs)."""
    flags = _MS_NOSUID | _MS_NODEV | (_MS_NOEXEC if kind == "proc" else 0)
    call = _libc().mount(kind.encode(), place.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode())
    _check(call, f"mount {kind} on {place}")


def bind_mount(source: str, place: str) -> None:
    """Show one file at another place."""
    call = _libc().mount(source.encode(), place.encode(), None, ctypes.c_ulong(_MS_BIND), None)
    _check(call, f"bind {source} to {place}")


def can_make_namespaces() -> bool:
    """Whether this process has the capabilities that hosts of their own need (root has them)."""
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - one line of a kernel file
        line = next(line for line in status if line.startswith("CapEff:"))
    held = int(line.split()[1], 16)
    return all(held >> bit & 1 for bit in (_CAP_NET_ADMIN, _CAP_SYS_ADMIN))


def outcome_of_status(status: int) -> Outcome:
    """The outcome in a wait status."""
    if os.WIFSIGNALED(status):
        return Outcome(signal=os.WTERMSIG(status))
    return Outcome(code=os.WEXITSTATUS(status))


def outcome_of_reaped(pidfd: int) -> Outcome:
    """How the process behind a pidfd ended, once its parent has waited for it; UNKNOWN before, or before Linux 6.15."""
    question = bytearray(_PIDFD_INFO.pack(_PIDFD_INFO_EXIT, *[0] * 13))
    try:
        fcntl.ioctl(pidfd, _PIDFD_GET_INFO, question)
    except OSError:
        return UNKNOWN
    answer = _PIDFD_INFO.unpack(question)
    return outcome_of_status(answer[-1]) if answer[0] & _PIDFD_INFO_EXIT else UNKNOWN
