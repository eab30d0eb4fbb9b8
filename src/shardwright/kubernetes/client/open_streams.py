"""Answers of one server that still come bit by bit, each read by a thread: ended from outside, and waited for."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

    import httpx2

__all__ = ["OpenStreams"]


class OpenStreams:
    """Knows the sockets behind them. A socket is not to be closed while another thread waits to read from it."""

    def __init__(self) -> None:
        self._open: list[tuple[int, socket.socket | None]] = []
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def reading(self, answer: httpx2.Response) -> Generator[None]:
        """For the length of a block this thread reads that answer."""
        connection = answer.extensions.get("network_stream")
        found = connection.get_extra_info("socket") if connection is not None else None
        mine = (threading.get_ident(), found if isinstance(found, socket.socket) else None)
        with self._changed:
            self._open.append(mine)
        try:
            yield
        finally:
            with self._changed:
                self._open.remove(mine)
                self._changed.notify_all()

    def hang_up(self) -> None:
        """End all of them; whoever reads one is woken."""
        with self._changed:
            for _, each in self._open:
                with contextlib.suppress(OSError):
                    if each is not None:
                        # Of the plain socket: TLS would first say goodbye, and another thread is using it.
                        socket.socket.shutdown(each, socket.SHUT_RDWR)

    def wait(self, seconds: float) -> None:
        """Until no other thread reads one, for so long at most."""
        me = threading.get_ident()
        with self._changed:
            self._changed.wait_for(lambda: all(reader == me for reader, _ in self._open), timeout=seconds)
