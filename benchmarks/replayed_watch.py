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
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

__all__ = ["playing"]

_VERSION = b"RESOURCE-VERSION"


def _serve(answers: dict[str, bytes], lines: list[bytes], rate: int, seconds: float, pipe: Any) -> None:  # noqa: ANN401 - a pipe
    """Play in this process; sends the port, then when the last line was written."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_given: object) -> None:
            pass

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            if "watch" in parse_qs(asked.query):
                self._watch(is_played=asked.path.endswith("/pods"))
                return
            found = answers[asked.path]
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(found)))
            self.end_headers()
            self.wfile.write(found)

        def _watch(self, *, is_played: bool) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.flush()
            if is_played:
                pipe.send(self._play())
            threading.Event().wait()

        def _play(self) -> tuple[int, float]:
            began, count = time.monotonic(), 0
            while (passed := time.monotonic() - began) < seconds:
                due = int(passed * rate)
                for number in range(count, due):
                    self._write(lines[number % len(lines)], 10_000_000 + number)
                count = max(count, due)
                time.sleep(0.005)
            for line in lines[-16:]:
                count += 1
                self._write(line, 10_000_000 + count)
            return count, time.monotonic()

        def _write(self, line: bytes, version: int) -> None:
            body = line.replace(_VERSION, str(version).encode()) + b"\n"
            self.wfile.write(b"%x\r\n%b\r\n" % (len(body), body))

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
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
    process = context.Process(target=_serve, args=(answers, lines, rate, seconds, there), daemon=True)
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
