"""A reverse proxy in front of an API server that makes trouble as a seed has it; plain HTTP on this machine.

    with fault_proxy.running(cluster.plane, Storm(seed=7, share=0.3)) as proxy:
        client = connect(Place(kubeconfig=str(proxy.write_kubeconfig(folder / "kubeconfig"))))
        ...
        proxy.storm = faults.CALM                     # from now on nothing goes wrong
        proxy.counts                                  # what went wrong how often

Requests go to the real server with the credentials that they bring, so that what it keeps is real. Not for upgraded
connections (exec, port-forward).
"""

from __future__ import annotations

import collections
import contextlib
import http.client
import json
import re
import socket
import ssl
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, urlsplit

from shardwright.testing.cluster import faults
from shardwright.testing.cluster.faults import Asked, Fault, Storm
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

    from shardwright.testing.cluster.control_plane import ControlPlane

__all__ = ["Proxy", "running"]

_UPSTREAM_SECONDS = 60.0
_SLOW_SECONDS = 0.1
_EVENTS = 2
"""A watch brings so many before it is cut off."""
_DROPPED = frozenset({"connection", "transfer-encoding", "content-length", "host", "accept-encoding"})
_LIMIT = re.compile(r"(?<=[?&])limit=\d+")
_REFUSED: Mapping[Fault, tuple[int, str]] = {
    "conflict": (409, "Conflict"),
    "busy": (429, "TooManyRequests"),
    "internal": (500, "InternalError"),
    "unavailable": (503, "ServiceUnavailable"),
    "gone": (410, "Expired"),
    "unauthorized": (401, "Unauthorized"),
}


@frozen
class _Answer:
    """What the server said."""

    code: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


_PAGE = _Answer(504, (("Content-Type", "text/html"),), b"<html><body><h1>504 Gateway Time-out</h1></body></html>\n")


class Proxy:
    """A running proxy; `storm` may be exchanged at any time."""

    def __init__(self, plane: ControlPlane, storm: Storm) -> None:
        self.plane = plane
        self.url = ""
        self.page: int | None = None
        """Entries of a page of a list, whatever the client asked for, so that few objects make several pages."""
        self.counts: collections.Counter[Fault] = collections.Counter()
        """What went wrong."""
        self.requests: list[str] = []
        """Every request with what befell it, for messages: `PATCH /apis/... late-reset`."""
        self._storm, self._number = storm, 0
        self._seen: collections.Counter[str] = collections.Counter()
        self._lock = threading.Lock()
        self._idle: list[http.client.HTTPSConnection] = []
        self._trusting = ssl.create_default_context(cafile=str(plane.authority))

    @property
    def storm(self) -> Storm:
        """What goes wrong now; set anew, counting of requests begins anew."""
        return self._storm

    @storm.setter
    def storm(self, storm: Storm) -> None:
        with self._lock:
            self._storm, self._number = storm, 0
            self._seen.clear()
            self.requests.clear()

    def write_kubeconfig(self, path: Path, token: str = "") -> Path:
        """A kubeconfig whose server is the proxy; the administrator's credentials unless a token is given."""
        whole: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "faults",
            # Plain HTTP: nothing is to be verified, and reading the system's certificates takes a client 50 ms.
            "clusters": [{"name": "faults", "cluster": {"server": self.url, "insecure-skip-tls-verify": True}}],
            "users": [{"name": "faults", "user": {"token": token or self.plane.token}}],
            "contexts": [{"name": "faults", "context": {"cluster": "faults", "user": "faults"}}],
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(whole), "utf-8")
        return path

    @contextlib.contextmanager
    def upstream(self) -> Generator[http.client.HTTPSConnection]:
        """A connection to the server, kept for the next request if it can be."""
        with self._lock:
            found = self._idle.pop() if self._idle else None
        at = urlsplit(self.plane.url)
        made = found or http.client.HTTPSConnection(
            str(at.hostname), at.port, timeout=_UPSTREAM_SECONDS, context=self._trusting
        )
        try:
            yield made
        except BaseException:
            made.close()
            raise
        with self._lock:
            self._idle.append(made)

    def close(self) -> None:
        """Close the connections to the server."""
        with self._lock:
            for each in self._idle:
                each.close()
            self._idle.clear()

    def fate_of(self, asked: Asked) -> Fault | None:
        """Draw what happens to the next request, and note it."""
        with self._lock:
            key = f"{asked.method} {asked.path}{' watch' if asked.is_watch else ''}"
            fate = faults.draw(self._storm, asked, self._number, self._seen[key])
            self._number += 1
            self._seen[key] += 1
            if fate:
                self.counts[fate] += 1
            self.requests.append(f"{key} {fate or ''}".rstrip())
            return fate


@contextlib.contextmanager
def running(plane: ControlPlane, storm: Storm = faults.CALM) -> Generator[Proxy]:
    """A proxy in front of that server until the block ends."""
    proxy = Proxy(plane, storm)
    handler = type("_Bound", (_Handler,), {"proxy": proxy})
    with _Server(("127.0.0.1", 0), handler) as server:
        proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        serving.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            server.hang_up()
            serving.join()
            proxy.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[_Handler]) -> None:
        super().__init__(address, handler)
        self.open: set[socket.socket] = set()

    def hang_up(self) -> None:
        """Wake the threads that wait for another request."""
        for each in list(self.open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 300
    proxy: Proxy

    def setup(self) -> None:
        super().setup()
        cast("_Server", self.server).open.add(self.connection)

    def finish(self) -> None:
        cast("_Server", self.server).open.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """The proxy keeps its own record."""

    def do_GET(self) -> None:
        """Every request alike."""
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        asked = Asked(self.command, path, query.get("watch") == ["true"], "continue" in query)
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fate = self.proxy.fate_of(asked)
        try:
            self._meet(asked, fate, content)
        except (OSError, http.client.HTTPException):
            # The server is away, or the client: either way this connection is over.
            self._reset()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the base's names

    def _meet(self, asked: Asked, fate: Fault | None, content: bytes) -> None:
        if fate == "reset":
            self._reset()
        elif fate == "gateway":
            self._write(_PAGE)
        elif fate is not None and fate in _REFUSED:
            self._write(_refusal(*_REFUSED[fate], asked))
        elif asked.is_watch:
            self._stream(content, fate)
        else:
            self._answer(self._ask(content), fate)

    def _reset(self) -> None:
        """End the connection without a word: the client sees ECONNRESET."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _answer(self, answer: _Answer, fate: Fault | None) -> None:
        if fate == "late-reset":
            self._reset()
            return
        if fate == "slow":
            time.sleep(_SLOW_SECONDS)
        half = answer.body[: len(answer.body) // 2]
        if fate == "cut":
            self._write(_Answer(answer.code, answer.headers, half), len(answer.body))
            self._reset()
            return
        told = _PAGE if fate == "late-gateway" else answer
        self._write(_Answer(told.code, told.headers, half) if fate == "garbled" else told)

    def _write(self, answer: _Answer, length: int | None = None) -> None:
        """Head and body at once, since two parts of one answer wait for each other on the way."""
        size = len(answer.body) if length is None else length
        self.wfile.write(_head(answer.code, (("Content-Length", str(size)), *answer.headers)) + answer.body)

    def _ask(self, content: bytes) -> _Answer:
        with self.proxy.upstream() as upstream:
            response = self._forwarded(upstream, content)
            body = response.read()
        return _Answer(response.status, _kept(response), body)

    def _forwarded(self, upstream: http.client.HTTPSConnection, content: bytes) -> http.client.HTTPResponse:
        headers = {key: value for key, value in self.headers.items() if key.lower() not in _DROPPED}
        path = self.path
        if self.proxy.page is not None:
            path = _LIMIT.sub(f"limit={self.proxy.page}", path)
        upstream.request(self.command, path, body=content or None, headers=headers)
        return upstream.getresponse()

    def _stream(self, content: bytes, fate: Fault | None) -> None:
        self.close_connection = True
        with self.proxy.upstream() as upstream:
            response = self._forwarded(upstream, content)
            self.wfile.write(_head(response.status, (("Connection", "close"), *_kept(response))))
            for count, line in enumerate(response):
                self.wfile.write(line)
                if fate in {"watch-cut", "watch-gone"} and count + 1 >= _EVENTS:
                    break
            upstream.close()
        if fate == "watch-gone":
            gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
            self.wfile.write(json.dumps({"type": "ERROR", "object": gone}).encode() + b"\n")


def _kept(response: http.client.HTTPResponse) -> tuple[tuple[str, str], ...]:
    return tuple((key, value) for key, value in response.getheaders() if key.lower() not in _DROPPED)


def _head(code: int, headers: tuple[tuple[str, str], ...]) -> bytes:
    lines = [f"HTTP/1.1 {code} {http.client.responses.get(code, '')}", *(f"{key}: {value}" for key, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _refusal(code: int, reason: str, asked: Asked) -> _Answer:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code}
    body = json.dumps({**status, "message": f"drawn fault: {asked.method} {asked.path}"}).encode()
    again = (("Retry-After", "1"),) if code in {429, 503} else ()
    return _Answer(code, (("Content-Type", "application/json"), *again), body)
