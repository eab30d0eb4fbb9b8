"""WebSockets to pods, as `exec` and `port-forward` speak: opened with the client's credentials, closed when nobody reads.

The library closes a socket while a thread of its own still waits to read from it. The number of a closed file goes to the
next one that is opened, and what the thread then reads is taken from a stranger's connection. Here a socket that is to
be closed is shut down first, which wakes the reader, and closed when it has left.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any

from httpcore2 import NetworkStream
from httpx2.websockets import WebSocketClient, WebSocketSession
from wsproto.events import CloseConnection
from wsproto.frame_protocol import CloseReason

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from types import TracebackType

    from shardwright.kubernetes.client.client import Client

__all__ = ["PatientStream", "Session", "opened"]


class PatientStream(NetworkStream):
    """A connection that one thread may close while another reads."""

    def __init__(self, stream: NetworkStream) -> None:
        self._stream = stream
        self._reading = threading.Lock()

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What came; empty, or an error of the transport, once it is closed."""
        with self._reading:
            return self._stream.read(max_bytes, timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it."""
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        """No more bytes either way, whoever waits for some is woken; the file stays open until `release`."""
        found = self._stream.get_extra_info("socket")
        with contextlib.suppress(OSError):
            # Of the plain socket: TLS would first say goodbye, and another thread is using it.
            socket.socket.shutdown(found, socket.SHUT_RDWR)

    def release(self) -> None:
        """Close the file, when nobody reads any more."""
        self.close()
        with self._reading:
            self._stream.close()

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - as the library has it
        """What the library knows of the connection."""
        return self._stream.get_extra_info(info)


class Session(WebSocketSession):
    """As the library's, but for how it ends."""

    def __init__(self, stream: NetworkStream, **given: Any) -> None:  # noqa: ANN401 - the library's own
        self._patient = PatientStream(stream)
        super().__init__(self._patient, **given)

    def hang_up(self) -> None:
        """End it, from any thread: the pod is told, and whoever receives is woken with WebSocketNetworkError.

        `close` of the library wakes nobody.
        """
        try:
            self.send(CloseConnection(CloseReason.NORMAL_CLOSURE))
        finally:
            self._patient.close()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        try:
            super().__exit__(exc_type, exc, tb)
        finally:
            self._patient.release()


def opened(
    client: Client,
    path: str,
    protocols: Sequence[str],
    query: Sequence[tuple[str, str]],
    *,
    message_bytes: int = 64 * 1024,
) -> AbstractContextManager[Session]:
    """A session for the length of a block; HTTPXWSException if it is refused or breaks.

    `message_bytes`: the largest message that is taken.
    """
    sockets = WebSocketClient(client.http, max_message_size_bytes=message_bytes, session_class=Session)
    params = list[tuple[str, str | int | float | bool | None]](query)
    return sockets.connect(path, subprotocols=[*protocols], params=params)
