"""The commands of the download Job and of the pods that wait for it, run as they are rendered, against a hub of our own."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shardwright.targets.lws.target import TARGET
from shardwright.testing import builders

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

FILES = {
    "config.json": b'{"hidden_size": 8}',
    "model.safetensors": b"weights",
    "original/consolidated.00.pth": b"again",
}
COMMIT = "c" * 40
REPOSITORY = "meta-llama/Meta-Llama-3-8B-Instruct"

pytestmark = [pytest.mark.integration, pytest.mark.skipif(sys.platform != "linux", reason="pods run Linux")]


def oid(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


class Hub(http.server.BaseHTTPRequestHandler):
    """One gated repository: its list of files and the files, for those who bring the token."""

    def do_HEAD(self) -> None:
        """As GET, without the body."""
        self.do_GET()

    def do_GET(self) -> None:
        """The token first, then what was asked for."""
        if self.headers.get("Authorization") != "Bearer right":
            self.answer(401, b"{}", {"X-Error-Code": "GatedRepo"})
        elif self.path.startswith(f"/api/models/{REPOSITORY}/revision/main"):
            names = [{"rfilename": name} for name in FILES]
            self.answer(200, json.dumps({"id": REPOSITORY, "sha": COMMIT, "siblings": names}).encode())
        elif self.path.startswith(f"/api/models/{REPOSITORY}/tree/{COMMIT}"):
            entries = [{"type": "file", "path": n, "size": len(b), "oid": oid(b)} for n, b in FILES.items()]
            self.answer(200, json.dumps(entries).encode())
        elif self.path.startswith(f"/{REPOSITORY}/resolve/{COMMIT}/"):
            body = FILES[self.path.partition(f"{COMMIT}/")[2]]
            self.answer(200, body, {"X-Repo-Commit": COMMIT, "ETag": f'"{oid(body)}"'})
        else:
            self.answer(404, b"{}")

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        """One response."""
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        """Say nothing."""


@pytest.fixture
def hub() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@contextlib.contextmanager
def started(container: dict[str, Any], token: str = "") -> Generator[subprocess.Popen[str]]:
    """Run a container's command with its variables, and with this environment's programs in place of the image's."""
    programs = f"{Path(sys.executable).parent}:{os.defpath}"
    given = {entry["name"]: entry.get("value", token) for entry in container["env"]}
    home = {"HOME": given["HF_HOME"]} if "HF_HOME" in given else {}
    with subprocess.Popen(
        container["command"],
        env={"PATH": programs, **given, **home},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def containers(hub: str, claim: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The Job's container and the one in which pods of the group wait."""
    storage = {"claim": "models", "cache_dir": str(claim)}
    recipe = builders.recipe(storage=storage, engine={"env": {"HF_ENDPOINT": hub, "no_proxy": "127.0.0.1"}})
    bodies: dict[str, Any] = {entry.kind: entry.body for entry in TARGET.render(builders.deployment(recipe))}
    group = bodies["LeaderWorkerSet"]["spec"]["leaderWorkerTemplate"]["workerTemplate"]["spec"]
    return bodies["Job"]["spec"]["template"]["spec"]["containers"][0], group["initContainers"][0]


@pytest.mark.requirement("R157", "R158", "R161")
def test_the_group_starts_when_the_model_is_there(hub: str, tmp_path: Path) -> None:
    """The Job fetches the repository into the cache below HF_HOME, without the second copy of the weights; then the wait ends."""
    fetch, wait = containers(hub, tmp_path)
    with started(wait) as waiting:
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(1)
        with started(fetch, token="right") as fetching:
            output, _ = fetching.communicate(timeout=120)
        assert fetching.returncode == 0, output
        assert waiting.communicate(timeout=20)[0].startswith("waiting for ")
    snapshot = tmp_path / f"hub/models--{REPOSITORY.replace('/', '--')}/snapshots/{COMMIT}"
    found = {str(path.relative_to(snapshot)): path.read_bytes() for path in snapshot.rglob("*") if path.is_file()}
    assert found == {name: body for name, body in FILES.items() if not name.startswith("original")}
    assert (snapshot.parents[1] / "refs/main").read_text() == COMMIT
    assert "deprecat" not in output.lower()


@pytest.mark.requirement("R157")
def test_a_failed_download_leaves_no_mark(hub: str, tmp_path: Path) -> None:
    """Without the right token the Job fails, to be retried, and the group goes on waiting; it ends when it is told to."""
    fetch, wait = containers(hub, tmp_path)
    with started(wait) as waiting, started(fetch, token="wrong") as failing:
        output, _ = failing.communicate(timeout=120)
        assert failing.returncode != 0, output
        assert waiting.poll() is None
        waiting.terminate()
        assert waiting.wait(10) == 1
