from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
import time
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shardwright.kubernetes.render import fetch_objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WEIGHTS = bytes(range(256)) * 40
OBJECTS = {
    "llama/config.json": b"{}",
    "llama/model.safetensors.index.json": json.dumps({"weight_map": {"a": "w.safetensors"}}).encode(),
    "llama/w.safetensors": WEIGHTS,
    "llama/deep er/x.txt": b"x",
    "llama/original/copy.pth": WEIGHTS,
    "other/config.json": b"{}",
    "broken/config.json": b"{}",
    "broken/model.safetensors.index.json": json.dumps({"weight_map": {"a": "gone.safetensors"}}).encode(),
}


class Store(http.server.BaseHTTPRequestHandler):
    """S3 at /bucket, a pre-authenticated request at /p/SECRET/n/x/b/bucket/o/, both in pages of two objects."""

    asked: list[tuple[str, dict[str, str]]] = []  # noqa: RUF012 - shared by all requests of a test

    def do_GET(self) -> None:
        """Answer, and keep what was asked."""
        self.asked.append((self.path, dict(self.headers)))
        parts = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(parts.query))
        place = urllib.parse.unquote(parts.path)
        name = place.partition("/o/")[2] if place.startswith("/p/SECRET/") else place.removeprefix("/bucket/")
        if place == "/bucket":
            self.answer(200, self.s3_page(query))
        elif place.startswith("/p/SECRET/") and not name:
            self.answer(200, self.oci_page(query))
        elif name in OBJECTS:
            start = int(self.headers.get("Range", "bytes=0-")[6:-1])
            self.answer(206 if start else 200, OBJECTS[name][start:])
        else:
            self.answer(403, b"")

    def s3_page(self, query: dict[str, str]) -> bytes:
        """A page of a bucket's list."""
        names = sorted(name for name in OBJECTS if name.startswith(query["prefix"]))
        first = int(query.get("continuation-token", 0))
        more = f"<NextContinuationToken>{first + 2}</NextContinuationToken>" if first + 2 < len(names) else ""
        items = "".join(
            f"<Contents><Key>{name}</Key><Size>{len(OBJECTS[name])}</Size></Contents>"
            for name in names[first : first + 2]
        )
        return f'<ListBucketResult xmlns="http://s3.example.org/doc/">{items}{more}</ListBucketResult>'.encode()

    def oci_page(self, query: dict[str, str]) -> bytes:
        """A page of a request's list."""
        names = sorted(name for name in OBJECTS if name.startswith(query["prefix"]) and name >= query.get("start", ""))
        page = [{"name": name, "size": len(OBJECTS[name])} for name in names[:2]]
        return json.dumps({"objects": page, **({"nextStartWith": names[2]} if names[2:] else {})}).encode()

    def answer(self, status: int, body: bytes) -> None:
        """One answer with its length."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its caller's name
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    """A store that answers on this machine."""
    Store.asked.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Store) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def run(source: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """The program as the Job runs it."""
    text = Path(fetch_objects.__file__).read_text("utf-8")
    return subprocess.run(
        [sys.executable, "-c", text, source, str(folder)],
        env={"PATH": os.environ["PATH"], **env},
        text=True,
        capture_output=True,
        check=False,
    )


def s3(address: str) -> dict[str, str]:
    return {"AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "made-up"}


def request(address: str) -> dict[str, str]:
    return {"MODEL_REQUEST": f"{address}/p/SECRET/n/x/b/bucket/o/"}


@pytest.mark.parametrize(("scheme", "env"), [("s3", s3), ("par", request)])
def test_everything_below_the_path_is_fetched(
    address: str, tmp_path: Path, scheme: str, env: Callable[[str], dict[str, str]]
) -> None:
    """All pages of the list, folders kept, but not the publisher's copies nor what lies beside the path."""
    done = run(f"{scheme}://bucket/llama", tmp_path, **env(address))
    assert done.returncode == 0, done.stderr
    there = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    wanted = {name.removeprefix("llama/"): body for name, body in OBJECTS.items() if name.startswith("llama/")}
    assert there == {name: body for name, body in wanted.items() if not name.startswith("original/")}
    assert f"4 files, {sum(len(body) for body in there.values())} bytes" in done.stdout


def test_a_job_that_is_run_again_goes_on(address: str, tmp_path: Path) -> None:
    """What is there in full is not asked for; a part is continued where it ends."""
    (tmp_path / "w.safetensors.part").write_bytes(WEIGHTS[:1000])
    (tmp_path / "config.json").write_bytes(b"{}")
    assert run("s3://bucket/llama", tmp_path, **s3(address)).returncode == 0
    assert (tmp_path / "w.safetensors").read_bytes() == WEIGHTS
    ranges = {path: headers.get("Range") for path, headers in Store.asked}
    assert ranges["/bucket/llama/w.safetensors"] == "bytes=1000-"
    assert "/bucket/llama/config.json" not in ranges


def test_requests_are_signed_only_with_keys(address: str, tmp_path: Path) -> None:
    """Without keys a public bucket is read as anybody reads it."""
    run("s3://bucket/llama", tmp_path / "a", **s3(address))
    signed = {headers.get("Authorization", "")[:40] for _, headers in Store.asked}
    Store.asked.clear()
    run("s3://bucket/llama", tmp_path / "b", AWS_ENDPOINT_URL=address)
    assert signed == {"AWS4-HMAC-SHA256 Credential=AKIA/" + next(iter(signed))[33:]}
    assert {headers.get("Authorization") for _, headers in Store.asked} == {None}


@pytest.mark.parametrize(
    ("url", "signature"),
    [
        ("/b?list-type=2&prefix=a%2F", "9dfffbbd51378bd91cf4487150844b17d0a31ae5f62cf28dd8d19a9e56fe9b0a"),
        ("/b/deep%20er/x%2B~1.txt", "f91526eddc7aeacb53d54e7f51eb960ad17eec0290a6d868c98aab08225698a8"),
    ],
)
def test_signatures_are_those_of_the_vendors_library(url: str, signature: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Computed by botocore 1.44.5 for these keys, this moment and a session's token."""
    given = {
        "ACCESS_KEY_ID": "AKIDEXAMPLE",
        "SECRET_ACCESS_KEY": "made-up",
        "REGION": "eu-west-1",
        "SESSION_TOKEN": "session",
    }
    for name, value in given.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    made = fetch_objects.sign(f"https://s3.example.org{url}", time.strptime("20260101T000000", "%Y%m%dT%H%M%S"))
    assert made["Authorization"].endswith(f"Signature={signature}")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("s3://bucket/none", "nothing is stored below s3://bucket/none"),
        ("s3://bucket/broken", "files of the index are missing: gone.safetensors"),
        ("s3://elsewhere/llama", "the store answers 403"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(address: str, tmp_path: Path, source: str, said: str) -> None:
    """The Job's log is all that a reader has."""
    done = run(source, tmp_path, **s3(address))
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_address_of_a_request_is_never_shown(address: str, tmp_path: Path) -> None:
    """It is the credential: neither a log of success nor one of a fault holds it."""
    for source in ("par://bucket/llama", "par://bucket/none"):
        done = run(source, tmp_path, **request(address))
        assert "SECRET" not in done.stdout + done.stderr
    refused = run("par://bucket/llama", tmp_path, MODEL_REQUEST=f"{address}/p/SECRET2/n/x/b/bucket/o/")
    assert refused.returncode == 1
    assert "SECRET2" not in refused.stdout + refused.stderr
