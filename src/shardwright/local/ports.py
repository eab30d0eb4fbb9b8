"""Ports of this machine: whether one is free, and who has it."""

from __future__ import annotations

import errno
import socket

import psutil

from shardwright import errors

__all__ = ["describe_owner", "is_free"]


def is_free(address: str, number: int) -> bool:
    """Whether a server could listen there now; EnvironmentFault if this user may not at all."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: old connections do not count
        try:
            probe.bind((address, number))
        except PermissionError as problem:
            raise errors.EnvironmentFault(
                f"port {number}: ports below 1024 need root", hint="choose a port of 1024 or more"
            ) from problem
        except OSError as problem:
            if problem.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def describe_owner(number: int, address: str) -> str:
    """` by python (pid 123)`, for the end of a sentence; empty where it cannot be known (another user's process)."""
    try:
        connections = psutil.net_connections(kind="tcp4")
    except psutil.AccessDenied:
        return ""
    for connection in connections:
        if (
            connection.pid
            and connection.status == psutil.CONN_LISTEN
            and connection.laddr
            and connection.laddr.port == number
            and connection.laddr.ip in {address, "0.0.0.0"}  # noqa: S104 - compared, not bound
        ):
            return _name(connection.pid)
    return ""


def _name(pid: int) -> str:
    try:
        return f" by {psutil.Process(pid).name()} (pid {pid})"
    except psutil.NoSuchProcess:
        return ""
