"""A small hub on this machine: files of repositories over HTTP, with the refusals, ranges and redirects of the real one."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

CHUNK = 65536


@dataclass(frozen=True, slots=True)
class Answer:
    """How a path is answered."""

    status: int = 200
    body: bytes = b""
    code: str = ""
    """The hub's own name of an error, in a header."""
    location: str = ""
    delay_seconds: float = 0.0
    ranges: bool = True
    total_bytes: int = 0
    """The file's length, where the answer to a range says it."""


@dataclass
class Hub:
    """What the server has, and what it was asked."""

    answers: dict[str, Answer] = field(default_factory=dict[str, Answer])
    asked: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    """Path, Range and Authorization of every request, in order."""
    sent_bytes: int = 0
    port: int = 0

    @property
    def endpoint(self) -> str:
        """What HF_ENDPOINT is set to."""
        return f"http://127.0.0.1:{self.port}"

    def put(
        self,
        repository: str,
        name: str,
        body: bytes,
        *,
        revision: str = "main",
        ranges: bool = True,
        total_bytes: int = 0,
    ) -> None:
        """A file of a repository."""
        answer = Answer(body=body, ranges=ranges, total_bytes=total_bytes)
        self.answers[f"/{repository}/resolve/{revision}/{name}"] = answer

    def refuse(self, repository: str, answer: Answer) -> None:
        """Answer everything of a repository in one way."""
        self.answers[f"/{repository}/"] = answer

    def answer_to(self, path: str) -> Answer:
        """The file, else what holds for the repository, else that there is no such file or repository."""
        repository = "/" + "/".join(path.split("/")[1:3]) + "/"
        known = any(key.startswith(repository) for key in self.answers)
        missing = Answer(404, code="EntryNotFound") if known else Answer(401, code="RepoNotFound")
        return self.answers.get(path) or self.answers.get(repository) or missing


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_GET(self) -> None:
        """Note what was asked, then answer."""
        wanted = self.headers.get("Range", "")
        self.hub.asked.append((self.path, wanted, self.headers.get("Authorization", "")))
        answer = self.hub.answer_to(self.path)
        time.sleep(answer.delay_seconds)
        body, status = answer.body, answer.status
        if wanted and answer.ranges and status == 200:
            first, last = (int(part) for part in wanted.removeprefix("bytes=").split("-"))
            body, status = body[first : last + 1], 206
        self.send_response(status)
        total = (
            f"bytes {wanted.removeprefix('bytes=')}/{answer.total_bytes}"
            if status == 206 and answer.total_bytes
            else ""
        )
        for name, value in (("X-Error-Code", answer.code), ("Location", answer.location), ("Content-Range", total)):
            if value:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self._send(body)

    def _send(self, body: bytes) -> None:
        for start in range(0, len(body), CHUNK):
            self.wfile.write(body[start : start + CHUNK])
            self.hub.sent_bytes += len(body[start : start + CHUNK])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing on stderr."""


@contextlib.contextmanager
def running_hub() -> Generator[Hub]:
    """A hub that listens until the end of the block."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        hub.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
