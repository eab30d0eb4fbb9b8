from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardwright import errors
from shardwright.models import safetensors

if TYPE_CHECKING:
    from pathlib import Path

GOOD = {"dtype": "BF16", "shape": [4, 2], "data_offsets": [0, 16]}


def packed(header: object) -> bytes:
    """A file's beginning: length and JSON."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text


def test_a_header_gives_names_shapes_and_bytes(tmp_path: Path) -> None:
    """The weights themselves are not read; their metadata entry is no tensor."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(packed({"__metadata__": {"format": "pt"}, "a": GOOD}) + bytes(16))
    (tensor,) = safetensors.load_header(path)
    assert (tensor.name, tensor.dtype, tensor.shape, tensor.bytes, tensor.elements) == ("a", "BF16", (4, 2), 16, 8)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it has only 0 bytes"),
        (b"\x10\x00\x00", "it has only 3 bytes"),
        (struct.pack("<Q", 2**63) + b"{}", "at most 33554432 are read"),
        (struct.pack("<Q", 100) + b"{}", "its header is cut short: 2 of 100 bytes"),
        (packed({"a": GOOD}) + bytes(15), "the file is cut short"),
        (packed(b"[1, 2]"), "a JSON object was expected, not a list"),
        (packed(b"{nonsense"), "not JSON"),
        (packed(b"[" * 100_000), "not JSON"),
        (packed(b'{"a": ' + b"9" * 5000 + b"}"), "not JSON"),
        (packed({"a": 7}), "tensor 'a' is not described by an object"),
        (packed({"a": {**GOOD, "shape": [-1, 2]}}), "lacks a dtype, shape or data_offsets"),
        (packed({"a": {**GOOD, "data_offsets": [0]}}), "lacks a dtype, shape or data_offsets"),
        (packed({"a": {**GOOD, "dtype": None}}), "lacks a dtype, shape or data_offsets"),
        (packed({"a": {**GOOD, "data_offsets": [16, 0]}}), "do not take -16 bytes"),
        (packed({"a": {**GOOD, "shape": [2**40, 2**40]}}), "do not take 16 bytes"),
    ],
)
def test_damaged_and_hostile_files_are_refused(tmp_path: Path, content: bytes, said: str) -> None:
    """One clear error with the file's name, whatever is wrong with it."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(errors.InputError) as caught:
        safetensors.load_header(path)
    assert caught.value.message.startswith(str(path))
    assert said in caught.value.message


@given(st.binary(max_size=200))
def test_no_bytes_escape_as_a_crash(content: bytes) -> None:
    """Whatever a file begins with, the answer is tensors or an InputError."""
    try:
        length = safetensors.header_length(content, "file")
        tensors = safetensors.parse_header(content[8:], length, "file")
    except errors.InputError as error:
        assert "file" in error.message  # noqa: PT017 - either way is right, and both are looked at
    else:
        assert tensors == () or tensors[0].bytes >= 0


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ({}, "weight_map is missing or empty"),
        ({"weight_map": {}}, "weight_map is missing or empty"),
        ({"weight_map": {"a": "../../etc/passwd.safetensors"}}, "no safetensors file beside it"),
        ({"weight_map": {"a": "..\\model.safetensors"}}, "no safetensors file beside it"),
        ({"weight_map": {"a": "model.bin"}}, "no safetensors file beside it"),
        ({"weight_map": {"a": 3}}, "no safetensors file beside it"),
    ],
)
def test_an_index_names_only_files_beside_it(index: dict[str, Any], said: str) -> None:
    """A name that leads elsewhere is not followed."""
    with pytest.raises(errors.InputError, match=said):
        safetensors.parse_index(json.dumps(index).encode(), "index")


@pytest.mark.parametrize(("total", "kept"), [(5, 5), (-1, None), ("5", None), (None, None)])
def test_an_index_may_state_the_sum(total: object, kept: int | None) -> None:
    """A sum that is no positive number counts as none."""
    index = {"metadata": {"total_size": total}, "weight_map": {"a": "b.safetensors", "c": "b.safetensors"}}
    assert safetensors.parse_index(json.dumps(index).encode(), "index") == (("b.safetensors",), kept)
