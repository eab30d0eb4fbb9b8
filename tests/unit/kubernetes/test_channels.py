"""Connections that one thread ends while another reads: real sockets."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING

import httpcore2
import httpx2
import pytest

from shardwright.kubernetes.client.channels import PatientStream
from shardwright.kubernetes.client.open_streams import OpenStreams

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 10


@pytest.fixture
def connected() -> Iterator[tuple[httpcore2.NetworkStream, socket.socket]]:
    """A connection as the library has it, and its other end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stream = httpcore2.SyncBackend().connect_tcp("127.0.0.1", listener.getsockname()[1])
        there, _ = listener.accept()
        with there:
            yield stream, there
        stream.close()


def wait_until_blocked(thread: threading.Thread) -> None:
    """Give a thread the time to get into its read; a test that is too early still holds."""
    time.sleep(0.1)
    assert thread.is_alive()


def test_a_file_is_closed_when_its_reader_has_left(connected: tuple[httpcore2.NetworkStream, socket.socket]) -> None:
    """Its number may belong to another connection at once: what a late reader took would be taken from that one."""
    patient = PatientStream(connected[0])
    found: socket.socket = patient.get_extra_info("socket")
    numbers: list[int] = []

    def read() -> None:
        with contextlib.suppress(httpcore2.ReadError):
            patient.read(1024)
        numbers.append(found.fileno())

    reader = threading.Thread(target=read)
    reader.start()
    wait_until_blocked(reader)
    patient.close()
    reader.join(SECONDS)
    assert numbers == [found.fileno()]
    assert found.fileno() != -1
    patient.release()
    assert found.fileno() == -1


def test_what_came_before_the_end_is_read(connected: tuple[httpcore2.NetworkStream, socket.socket]) -> None:
    """Both ways."""
    patient = PatientStream(connected[0])
    patient.write(b"there")
    assert connected[1].recv(16) == b"there"
    connected[1].sendall(b"back")
    assert patient.read(16) == b"back"
    patient.release()
    assert connected[1].recv(16) == b""


def test_streams_are_ended_and_waited_for(connected: tuple[httpcore2.NetworkStream, socket.socket]) -> None:
    """Not longer than asked, and never for the one who waits."""
    streams = OpenStreams()
    answer = httpx2.Response(200, extensions={"network_stream": connected[0]})
    left: list[bytes] = []

    def read() -> None:
        with streams.reading(answer):
            left.append(connected[0].read(16))

    reader = threading.Thread(target=read)
    reader.start()
    wait_until_blocked(reader)
    streams.wait(0.01)
    assert left == []
    with streams.reading(httpx2.Response(200)):
        streams.hang_up()
        streams.wait(SECONDS)
    assert left == [b""]
    reader.join(SECONDS)
