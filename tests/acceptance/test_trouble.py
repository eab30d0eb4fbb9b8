"""Trouble before anything starts: each is told with its cure, in one message, and leaves nothing."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import unprivileged
from stories import EXAMPLE, Home, demand_clean, local_recipe, shared_twin, traces

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for 64 KiB."""
    if os.geteuid() != 0:
        pytest.skip("a small disk is made by a mount, which needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["/bin/umount", str(disk)], check=True)


@pytest.fixture
def nobody() -> Iterator[Home]:
    """A user without rights, whose caches are cold; nothing of theirs may be left either."""
    folder = Path(tempfile.mkdtemp(prefix="sw-home-"))
    variables = {"HOME": str(folder), "SHARDWRIGHT_ENGINES_DIR": str(unprivileged.engines_dir())}
    made = Home(folder / "state", variables, unprivileged.through(folder))
    before = traces(made)
    yield made
    demand_clean(made, before)
    shutil.rmtree(folder)


def changed(home: Home, **variables: object) -> Home:
    """The same user with other variables."""
    return dataclasses.replace(home, variables={name: str(value) for name, value in variables.items()})


def assert_told(done: subprocess.CompletedProcess[str], *texts: str) -> None:
    """One message of ours, with all of these texts, and no traceback."""
    said = done.stderr[done.stderr.index("shardwright: ") :]
    assert [text for text in texts if text not in said] == []
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr


@pytest.mark.parametrize(
    "command", [["rehearse", "-f", str(EXAMPLE)], ["apply", "-y", "-f", "-"]], ids=["rehearse", "apply"]
)
def test_without_an_engine(home: Home, tmp_path: Path, command: list[str]) -> None:
    """The command that installs it is named."""
    bare = changed(home, SHARDWRIGHT_ENGINES_DIR=tmp_path / "empty")
    recipe = local_recipe("bare", shared_twin(2, 2), tensor=1, pipeline=2)
    done = bare.run(*command, text=recipe, code=1)
    assert_told(done, "vllm 0.32.0 (cpu) is not installed", "shardwright engine install --version 0.32.0")
    assert not home.state.exists()


def test_no_room_for_the_twin(home: Home, small_disk: Path) -> None:
    """How much it needs and which variable moves it; no half of a twin stays."""
    done = changed(home, SHARDWRIGHT_CACHE_DIR=small_disk).run("rehearse", "-f", str(EXAMPLE), code=1)
    assert_told(done, "No space left on device", str(small_disk), "MiB", "SHARDWRIGHT_CACHE_DIR")
    assert [path for path in small_disk.rglob("*") if path.is_file()] == []


def test_no_room_for_the_state(home: Home, small_disk: Path) -> None:
    """Nothing is started that could not be written down."""
    with contextlib.suppress(OSError), (small_disk / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(b"x" * 4096)
    full = dataclasses.replace(home, state=small_disk / "state")
    done = full.run("rehearse", "-f", str(EXAMPLE), code=1)
    assert_told(done, "No space left on device", "SHARDWRIGHT_STATE_DIR")


def test_a_pinned_port_that_is_taken(home: Home) -> None:
    """The port, the address and who has it; without a pin the next free one would do."""
    with socket.create_server(("0.0.0.0", 0)) as other:  # noqa: S104 - taken for everyone
        port = other.getsockname()[1]
        recipe = local_recipe("pinned", shared_twin(2, 2), tensor=1, pipeline=2, hosts="loopback")
        pin = ("--set", f"target.options.port={port}")
        done = home.run("apply", "-y", "-f", "-", *pin, text=recipe, code=1)
    assert_told(done, f"port {port} on 127.0.0.", f"(pid {os.getpid()})", "target.options.port")


def test_a_gated_model(home: Home) -> None:
    """The licence, the page where it is accepted, and how a token is given."""
    with gated_hub() as endpoint:
        asking = changed(home, HF_ENDPOINT=endpoint, HF_HUB_OFFLINE="", HF_HOME=home.state, HF_TOKEN="")
        done = asking.run("plan", "hf://somebody/gated", "--gpu", "L40S", code=1)
    assert_told(done, "licence", f"{endpoint}/somebody/gated", "HF_TOKEN", "hf auth login")


@contextlib.contextmanager
def gated_hub() -> Generator[str]:
    """A hub on this machine that refuses everything as the real one refuses a gated model."""

    class Refusal(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """What every request gets."""
            self.send_response(403)
            self.send_header("X-Error-Code", "GatedRepo")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_HEAD(self) -> None:
            """Likewise."""
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Say nothing on stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusal) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_namespaces_without_root(nobody: Home) -> None:
    """Asked for outright they are refused, and both ways out are named."""
    done = nobody.run("rehearse", "-f", str(EXAMPLE), "--hosts", "netns", code=1)
    assert_told(done, "need root", "--hosts loopback")
    assert list(nobody.state.glob("deployments/*/*")) == []


def test_a_rehearsal_without_root(nobody: Home) -> None:
    """Left to the tool, hosts are loopback addresses: the real engine answers, and the list says what that leaves out."""
    done = nobody.run("rehearse", "-f", str(EXAMPLE))
    assert "TP1 x PP2 on 2 nodes answered" in done.stdout
    assert "separate hosts: without root all members share one network" in done.stdout
    assert list(nobody.state.glob("deployments/*/*")) == []


def test_there_is_nothing_of_that_name(home: Home) -> None:
    """Every command about a deployment says so, and which there are."""
    for command in (["status", "ghost"], ["logs", "ghost"], ["delete", "ghost", "-y"]):
        assert_told(home.run(*command, code=1), "no deployment default/ghost", "there are: none")
