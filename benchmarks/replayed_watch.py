"""A server that plays an API server's recorded answers, and the changes of its pods at a given rate.

For rates that an API server on a small machine does not write; what is played is what a real one said.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import multiprocessing
import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

__all__ = ["playing"]

_VERSION = b"RESOURCE-VERSION"
_FIRST = 10_000_000
_NOTHING = b'{"kind": "Status", "reason": "NotFound", "message": "not recorded"}'


class _Handler(http.server.BaseHTTPRequestHandler):
    """Lists from what was recorded; a watch of pods plays, any other one says nothing."""

    protocol_version = "HTTP/1.1"
    answers: ClassVar[dict[str, bytes]]
    lines: ClassVar[list[bytes]]
    rate: ClassVar[int]
    seconds: ClassVar[float]
    pipe: ClassVar[Any]

    def log_message(self, *_given: object) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        """One request."""
        asked = urlsplit(self.path)
        if "watch" in parse_qs(asked.query):
            self._watch(is_played=asked.path.endswith("/pods"))
            return
        found = self.answers.get(asked.path)
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(found or _NOTHING)))
        self.end_headers()
        self.wfile.write(found or _NOTHING)

    def _watch(self, *, is_played: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        if is_played:
            self.pipe.send(self._play())
        threading.Event().wait()

    def _play(self) -> tuple[int, float, float]:
        """How many were written, when the last one was, and in how many seconds."""
        began, count = time.monotonic(), 0
        while (passed := time.monotonic() - began) < self.seconds:
            due = max(count, int(passed * self.rate))
            for number in range(count, due):
                self._write(self.lines[number % len(self.lines)], number)
            count = due
            time.sleep(0.005)
        for line in self.lines[-16:]:
            self._write(line, count)
            count += 1
        ended = time.monotonic()
        return count, ended, ended - began

    def _write(self, line: bytes, number: int) -> None:
        body = line.replace(_VERSION, str(_FIRST + number).encode()) + b"\n"
        self.wfile.write(b"%x\r\n%b\r\n" % (len(body), body))


def _serve(pipe: Any, **given: Any) -> None:  # noqa: ANN401 - a pipe, and what the handler has
    """Play in this process; sends the port, then when the last line was written."""
    handler = type("Handler", (_Handler,), {"pipe": pipe, **given})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    pipe.send(server.server_address[1])
    server.serve_forever()


@contextlib.contextmanager
def playing(
    answers: dict[str, bytes], changes: list[dict[str, Any]], folder: Path, *, rate: int, seconds: float
) -> Generator[tuple[Path, Any]]:
    """For as long as the block lasts; gives a kubeconfig, and a pipe that tells how many were played and until when.

    The changes play over and over, each time with a new resource version; the last 16 once more at the end.
    """
    lines: list[bytes] = []
    for change in changes:
        change["object"]["metadata"]["resourceVersion"] = _VERSION.decode()
        lines.append(json.dumps(change, separators=(",", ":")).encode())
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    given = {"answers": answers, "lines": lines, "rate": rate, "seconds": seconds}
    process = context.Process(target=_serve, args=(there,), kwargs=given, daemon=True)
    process.start()
    name = {"name": "played"}
    config = {
        "clusters": [name | {"cluster": {"server": f"http://127.0.0.1:{here.recv()}"}}],
        "users": [name | {"user": {}}],
        "contexts": [name | {"context": {"cluster": "played", "user": "played"}}],
        "current-context": "played",
    }
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(json.dumps(config), "utf-8")
    try:
        yield kubeconfig, here
    finally:
        process.kill()
        process.join()
