"""A hub that stalls, never ends or lies: one clear error, in bounded time and memory."""

from __future__ import annotations

import contextlib
import gzip
import json
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MEMORY_BYTES = 2**30
PATIENCE_SECONDS = 3
PROGRAM = """
import json, sys
from shardwright import errors
from shardwright.models import hub, hub_errors
model = hub_errors.HubModel("someone/tiny", None, sys.argv[1], None)
try:
    hub.fetch_shape(model, patience_seconds=float(sys.argv[2]))
except errors.ShardwrightError as error:
    print(json.dumps([type(error).__name__, error.message]))
"""
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
Answer = Callable[[socket.socket], None]


def silent(_: socket.socket) -> None:
    """Accept and say nothing."""
    time.sleep(30)


def slow_headers(connection: socket.socket) -> None:
    """A byte now and then, never a whole line."""
    for byte in OK * 100:
        connection.sendall(bytes([byte]))
        time.sleep(0.2)


def slow_body(connection: socket.socket) -> None:
    """The answer begins at once and never comes to its end."""
    connection.sendall(OK + b"Content-Length: 1000\r\n\r\n{")
    for _ in range(300):
        connection.sendall(b" ")
        time.sleep(0.2)


def endless(connection: socket.socket) -> None:
    """A configuration without an end."""
    connection.sendall(OK + b"\r\n")
    for _ in range(2**14):
        connection.sendall(b" " * 2**17)


def endless_error(connection: socket.socket) -> None:
    """A refusal whose text does not end."""
    connection.sendall(b"HTTP/1.1 503 Unavailable\r\nConnection: close\r\n\r\n")
    for _ in range(2**14):
        connection.sendall(b"x" * 2**17)


def short(connection: socket.socket) -> None:
    """Less than was announced."""
    connection.sendall(OK + b"Content-Length: 1000\r\n\r\n{}")


def circle(connection: socket.socket) -> None:
    """A redirect to itself."""
    place = connection.getsockname()
    target = f"http://{place[0]}:{place[1]}/someone/tiny/resolve/main/config.json".encode()
    connection.sendall(
        b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nConnection: close\r\nLocation: " + target + b"\r\n\r\n"
    )


def bomb(connection: socket.socket) -> None:
    """A few kilobytes that unpack to a gigabyte."""
    packed = gzip.compress(bytes(2**24))
    connection.sendall(OK + b"Content-Encoding: gzip\r\n\r\n" + packed * 64)


def nonsense(connection: socket.socket) -> None:
    """No HTTP at all."""
    connection.sendall(b"\x00\xff" * 1000)


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], str]]:
    """Starts a server that answers every connection in one way; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer(connection: socket.socket, how: Answer) -> None:
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                how(connection)

        def accept(how: Answer) -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection = listener.accept()[0]
                    threading.Thread(target=answer, args=(connection, how), daemon=True).start()

        def start(how: Answer) -> str:
            threading.Thread(target=accept, args=(how,), daemon=True).start()
            return f"http://127.0.0.1:{listener.getsockname()[1]}"

        yield start
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("how", "error", "said"),
    [
        (silent, "TemporaryError", "did not answer in full"),
        (slow_headers, "TemporaryError", "did not answer in full"),
        (slow_body, "TemporaryError", "did not answer in full"),
        (endless, "InputError", "config.json is larger than 8388608 bytes"),
        (endless_error, "TemporaryError", "cannot answer for hf://someone/tiny now (status 503)"),
        (short, "TemporaryError", "cannot be reached"),
        (circle, "TemporaryError", "TooManyRedirects"),
        (bomb, "TargetError", "packed, which was not asked for"),
        (nonsense, "TemporaryError", "cannot be reached"),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_a_hub_that_misbehaves_is_left(
    serve: Callable[[Answer], str], tmp_path: Path, how: Answer, error: str, said: str
) -> None:
    """Who must act, in a line; no longer than the patience, and no more memory than a small file needs."""
    command = [sys.executable, "-c", PROGRAM, serve(how), str(PATIENCE_SECONDS)]
    started = time.monotonic()
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={"HF_HOME": str(tmp_path), "HOME": str(tmp_path)},
        timeout=30,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES)),
    )
    assert time.monotonic() - started < PATIENCE_SECONDS + 5
    assert (done.returncode, done.stderr) == (0, "")
    name, message = json.loads(done.stdout)
    assert name == error
    assert said in message
