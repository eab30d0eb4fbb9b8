"""Talks to an engine's warm parent: a process that has loaded the engine and forks a launcher for each host.

One JSON object a packet over a SOCK_SEQPACKET socket, whose number is the program's last argument. It sends
`{"event": "warm", "seconds"}`, `{"event": "started", "id", "pid"}`, `{"event": "exited", "id", "code", "signal"}`,
`{"event": "refused", "id", "reason"}`; it gets `{"start": {"id", "argv", "env", "log", "processes", "enter",
"shared_memory_prefix", "folder"}}`. When either end closes, what it started ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from shardwright.local import spawning

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shardwright.local.spawning import Command

__all__ = ["WarmParent"]

_PACKET_BYTES = 1 << 18


class WarmParent:
    """The running warm parent."""

    def __init__(self, command: Command, on_event: Callable[[dict[str, object]], None]) -> None:
        """Start it; OSError if the program cannot be run."""
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._on_event = on_event
        with theirs:
            number = theirs.fileno()
            argv = (*command.argv, str(number))
            self.pid = spawning.spawn(replace(command, argv=argv, inherited=number))
        self._socket.setblocking(False)  # noqa: FBT003 - its signature
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def start(self, name: str, order: Mapping[str, object]) -> None:
        """Ask for a launcher; `started` or `refused` is the answer. OSError if it cannot be asked."""
        self._socket.send(json.dumps({"start": {"id": name, **order, "folder": os.getcwd()}}).encode())  # noqa: PTH109

    def _read(self) -> None:
        try:
            packet = self._socket.recv(_PACKET_BYTES)
        except BlockingIOError:
            return
        except ConnectionResetError:
            packet = b""
        if packet:
            self._on_event(cast("dict[str, object]", json.loads(packet)))
        else:
            self.close()

    def close(self) -> None:
        """Let it end; nothing if it has ended."""
        if self._socket.fileno() == -1:
            return
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
