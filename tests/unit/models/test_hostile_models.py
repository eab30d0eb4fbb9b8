"""Models of strangers on disk: one clear error each, in little memory and little time."""

from __future__ import annotations

import json
import os
import resource
import struct
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from shardwright import errors
from shardwright.models import directory, load_shape, safetensors
from shardwright.settings import HubSettings

if TYPE_CHECKING:
    from pathlib import Path

CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "dtype": "bfloat16",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "max_position_embeddings": 8192,
}
MEMORY_BYTES = 2**30
PROGRAM = """
import pathlib, sys
from shardwright import errors
from shardwright.models import directory
try:
    directory.load_directory(pathlib.Path(sys.argv[1]))
except errors.InputError as error:
    print(error.message)
"""


def written(folder: Path, text: str | bytes) -> Path:
    """A folder with this config.json."""
    (folder / "config.json").write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


def packed(header: bytes) -> bytes:
    """A safetensors file's beginning."""
    return struct.pack("<Q", len(header)) + header


def tensor(start: int, end: int) -> dict[str, Any]:
    """Bytes at that place."""
    return {"dtype": "U8", "shape": [end - start], "data_offsets": [start, end]}


@pytest.mark.parametrize("key", [name for name, value in CONFIG.items() if isinstance(value, int)])
@pytest.mark.parametrize(
    "value", [-1, 0, 10**18, 10**400, 1.5, "4096", True, [1], {}, float("nan"), float("inf")], ids=lambda v: str(v)[:9]
)
def test_a_size_that_is_none_is_named(tmp_path: Path, key: str, value: object) -> None:
    """Negative, gigantic, of another type, no number at all: the field is named in one line."""
    if key == "max_position_embeddings" and value == 10**400:
        value = -(10**400)
    with pytest.raises(errors.InputError) as caught:
        directory.load_directory(written(tmp_path, json.dumps({**CONFIG, key: value})))
    assert key in caught.value.message
    assert len(caught.value.message) < 400


@pytest.mark.parametrize("key", ["hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size"])
def test_a_size_that_is_missing_is_named(tmp_path: Path, key: str) -> None:
    """Nothing is assumed in its place."""
    config = {name: value for name, value in CONFIG.items() if name != key}
    with pytest.raises(errors.InputError, match=key):
        directory.load_directory(written(tmp_path, json.dumps(config)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (json.dumps(CONFIG)[:80], "not JSON"),
        ("", "not JSON"),
        (json.dumps(CONFIG).encode("utf-16"), "not JSON"),
        (b'{"a": "\xe9"}', "not JSON"),
        ('{"a":' * 100_000, "nested too deeply"),
        ('{"a": ' + "9" * 100_000 + "}", "not JSON"),
        (json.dumps(CONFIG)[:-1] + ', "hidden_size": 1}', "'hidden_size' stands there twice"),
        (json.dumps({**CONFIG, "architectures": ["\x1b[31mX"]}), "characters that no such text has"),
        (json.dumps({**CONFIG, "model_type": "\ud800"}), "characters that no such text has"),
        ("[" + "[]," * 2_000_001 + "1]", "objects and lists"),
    ],
    ids=["cut", "empty", "utf-16", "latin-1", "deep", "digits", "twice", "escape", "half", "lists"],
)
def test_a_text_that_is_no_configuration_is_refused(tmp_path: Path, text: str | bytes, said: str) -> None:
    """One error with the file's name; nothing of it reaches the terminal as it stands."""
    with pytest.raises(errors.InputError) as caught:
        directory.load_directory(written(tmp_path, text))
    assert "config.json" in caught.value.message
    assert said in caught.value.message
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("kind", ["pipe", "device", "cycle", "folder"])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, kind: str) -> None:
    """A pipe without a writer, an endless device, links in a circle: an error at once."""
    path = tmp_path / "config.json"
    make = {
        "pipe": lambda: os.mkfifo(path),
        "device": lambda: path.symlink_to("/dev/zero"),
        "cycle": lambda: path.symlink_to("config.json"),
        "folder": path.mkdir,
    }
    make[kind]()
    started = time.monotonic()
    with pytest.raises(errors.ShardwrightError) as caught:
        directory.load_directory(tmp_path)
    assert str(path) in caught.value.message
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("source", ["./cycle", "~nobody-of-this-name/x", "x" * 5000, "./" + "x" * 5000, "/dev/null"])
def test_a_source_that_leads_nowhere_is_an_error_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """Links in a circle, unknown homes, names longer than the system allows."""
    (tmp_path / "cycle").symlink_to("cycle")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(errors.ShardwrightError):
        load_shape(source, settings=HubSettings("https://hub.invalid", offline=True))


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"a": tensor(0, 16), "b": tensor(8, 24)}, "'a' and 'b' overlap"),
        ({"a": tensor(0, 64), "b": tensor(8, 16)}, "'a' and 'b' overlap"),
        ({"a": tensor(0, 16), "b": tensor(0, 16)}, "'a' and 'b' overlap"),
        ({"a": {"dtype": "U8", "shape": [1] * 100_000, "data_offsets": [0, 1]}}, "of the right form"),
        ({"a": {"dtype": "U8", "shape": [10**4000], "data_offsets": [0, 10**4000]}}, "of the right form"),
        ({"a": {"dtype": "U8", "shape": [-8, -2], "data_offsets": [0, 16]}}, "of the right form"),
        ({"a": {"dtype": "BF16", "shape": [8], "data_offsets": [0, 15]}}, "do not take 15 bytes"),
    ],
)
def test_headers_that_lie_are_refused(entries: dict[str, Any], said: str) -> None:
    """Tensors that overlap, absurd dimensions, bytes that do not fit the shape."""
    text = json.dumps(entries).encode()
    with pytest.raises(errors.InputError, match="not a whole safetensors file") as caught:
        safetensors.parse_header(text, len(text), "file")
    assert said in caught.value.message


def test_tensors_may_touch_and_be_empty() -> None:
    """What honest files have is no lie."""
    text = json.dumps({"b": tensor(16, 32), "a": tensor(0, 16), "c": tensor(16, 16)}).encode()
    assert len(safetensors.parse_header(text, len(text), "file")) == 3


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", b'{"a": [' + b"[]," * 2_600_000 + b"1]}"),
        ("config.json", b'{"a": [' + b"9," * 4_000_000 + b"1]}"),
        ("model.safetensors", packed(b'{"a": [' + b"[]," * 11_000_000 + b"1]}")),
        ("model.safetensors", packed(b'{"a": [' + b"12345," * 5_500_000 + b"1]}")),
        ("model.safetensors", struct.pack("<Q", 2**30) + bytes(1000)),
        ("model.safetensors.index.json", b'{"weight_map": {' + b'"a": {},' * 4_000_000 + b'"b": 1}}'),
    ],
    ids=["lists", "numbers", "header of lists", "header of numbers", "1 GiB header", "index"],
)
def test_large_files_take_little_memory_and_time(tmp_path: Path, name: str, content: bytes) -> None:
    """Refused within a gibibyte of address space and some seconds, whatever they hold."""
    written(tmp_path, json.dumps(CONFIG))
    (tmp_path / name).write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES)),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert str(tmp_path / name) in done.stdout
