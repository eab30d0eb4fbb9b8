"""A port of this machine that leads to one of a pod, by the API server: a WebSocket for each connection.

Protocol `v4.channel.k8s.io`: the first byte of a message is its channel, 0 for data and 1 for errors; the first message of
each channel is the port. Every kubelet since Kubernetes 1.8 speaks it. Source: k8s.io/kubelet, streaming port forward.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Self

import httpx2
from httpx2.websockets import HTTPXWSException
from wsproto.utilities import ProtocolError

from shardwright import errors
from shardwright.kubernetes.client import channels, refusals, streams
from shardwright.kubernetes.client.refusals import Asked

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from shardwright.kubernetes.client.channels import Session
    from shardwright.kubernetes.client.client import Client

__all__ = ["Forward"]

_PROTOCOL = "v4.channel.k8s.io"
_DATA, _ERROR = 0, 1
_CHUNK = 32 * 1024
_MESSAGE = 256 * 1024
_ADDRESS = "127.0.0.1"
_BACKLOG = 64
_LOOK_SECONDS = 0.5


class Forward:
    """Listens for as long as its block lasts; EnvironmentFault if the port is taken."""

    def __init__(
        self,
        client: Client,
        namespace: str,
        target: Callable[[], tuple[str, int]],
        *,
        port: int = 0,
        on_problem: Callable[[errors.ShardwrightError], None] | None = None,
    ) -> None:
        """`target` gives the pod and its port, asked for each connection; `port` 0 is any that is free."""
        self._client, self._namespace, self._target = client, namespace, target
        self._on_problem = on_problem
        self._stopped = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        try:
            self._listener = socket.create_server((_ADDRESS, port), backlog=_BACKLOG)
        except OSError as problem:
            raise errors.EnvironmentFault(
                f"port {port} of this machine cannot be listened on: {problem.strerror}", hint="name another one"
            ) from problem
        self._listener.settimeout(_LOOK_SECONDS)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        self._accepting = threading.Thread(target=self._accept, daemon=True, name="port-forward")
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                accepted, _ = self._listener.accept()
            except TimeoutError:
                continue
            accepted.settimeout(None)
            threading.Thread(target=self._carry, args=(accepted,), daemon=True, name="port-forward").start()

    def _carry(self, local: socket.socket) -> None:
        """One connection, from its beginning to its end."""
        with self._lock:
            self._open.add(local)
        try:
            pod, port = self._target()
            carry(self._client, self._namespace, pod, port, local)
        except errors.ShardwrightError as problem:
            if self._on_problem is not None and not self._stopped.is_set():
                self._on_problem(problem)
        finally:
            with self._lock:
                self._open.discard(local)
            local.close()


def carry(client: Client, namespace: str, pod: str, port: int, local: socket.socket) -> None:
    """Carry bytes between a socket and a pod's port until either ends; Forbidden without pods/portforward."""
    asked = Asked("create", "pods/portforward", pod, namespace)
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/portforward"
    try:
        query = [("ports", str(port))]
        with channels.opened(client, path, [_PROTOCOL], query, message_bytes=_MESSAGE) as session:
            sending = threading.Thread(target=_send, args=(local, session), daemon=True, name="port-forward")
            sending.start()
            try:
                _receive(asked, session, local)
            finally:
                with contextlib.suppress(OSError):
                    local.shutdown(socket.SHUT_RDWR)
                sending.join()
    except httpx2.TransportError as problem:
        raise refusals.transport_error(asked, client.url, problem) from problem
    except HTTPXWSException as problem:
        raise streams.refused(asked, problem) from problem


def _send(local: socket.socket, session: Session) -> None:
    """What this machine says; its end is the end of all, since the protocol has no half of a connection."""
    ends = (OSError, httpx2.TransportError, HTTPXWSException, ProtocolError)
    with contextlib.suppress(*ends):
        while data := local.recv(_CHUNK):
            session.send_bytes(bytes([_DATA]) + data)
    with contextlib.suppress(*ends):
        session.hang_up()


def _receive(asked: Asked, session: Session, local: socket.socket) -> None:
    """What the pod says."""
    begun: set[int] = set()
    while True:
        try:
            message = session.receive_bytes()
        except HTTPXWSException:
            return
        channel, data = message[0], message[1:]
        if channel not in begun:  # the first message of a channel is the port's number
            begun.add(channel)
        elif channel == _ERROR:
            said = bytes(data).decode("utf-8", "replace").strip()
            raise errors.TargetError(f"{asked}: {said}")
        elif channel == _DATA:
            try:
                local.sendall(data)
            except OSError:
                return
