"""Headers of safetensors files: eight bytes of length, then JSON. Read with suspicion, for they come from strangers.

Weights themselves are never read.
Source: https://github.com/huggingface/safetensors, README, "Format".
"""

from __future__ import annotations

import json
import os
import re
import struct
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from shardwright import errors
from shardwright.models import plain_files

if TYPE_CHECKING:
    from pathlib import Path

    from shardwright.core.shape.checkpoint import Tensor

__all__ = [
    "LENGTH_BYTES",
    "MAX_HEADER_BYTES",
    "header_length",
    "load_header",
    "parse_header",
    "parse_index",
    "parse_object",
    "refuse_cut",
]

LENGTH_BYTES = 8
MAX_HEADER_BYTES = 32 * 2**20
"""The format allows 100 MB; the longest published headers, of models with a hundred thousand tensors, have 15."""
_MAX_PARTS = 2_000_000
"""Most objects and lists in a file: each takes memory many times its length."""
_MAX_DIMENSIONS = 16
_MAX_NUMBER = 2**53
_UNSAFE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_JSON_NAMES = {
    type(None): "null",
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
}
_BITS = {
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F4": 4,
    "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U64": 64, "U32": 32, "U16": 16, "U8": 8, "BOOL": 8,
}  # fmt: skip


def load_header(path: Path) -> tuple[Tensor, ...]:
    """All tensors of a file on disk; InputError if it is cut short or no safetensors file."""
    with plain_files.opened(path) as file:
        file_bytes = os.fstat(file.fileno()).st_size
        length = header_length(file.read(LENGTH_BYTES), str(path))
        header = file.read(length)
    tensors = parse_header(header, length, str(path))
    refuse_cut(tensors, length, file_bytes, str(path))
    return tensors


def refuse_cut(tensors: tuple[Tensor, ...], length: int, file_bytes: int, origin: str) -> None:
    """InputError where a header of `length` bytes describes more than the file of `file_bytes` holds."""
    needed = LENGTH_BYTES + length + sum(tensor.bytes for tensor in tensors)  # they do not overlap
    if file_bytes < needed:
        raise errors.InputError(
            f"{origin}: the file is cut short: its header describes {needed} bytes, there are {file_bytes}",
            hint="download or upload it again",
        )


def header_length(first: bytes, origin: str) -> int:
    """Bytes of JSON that follow, from the first eight bytes of a file."""
    if len(first) < LENGTH_BYTES:
        raise _damaged(origin, f"it has only {len(first)} bytes")
    length: int = struct.unpack("<Q", first[:LENGTH_BYTES])[0]
    if not 2 <= length <= MAX_HEADER_BYTES:
        raise _damaged(origin, f"its header would be {length} bytes long; at most {MAX_HEADER_BYTES} are read")
    return length


def parse_header(header: bytes, length: int, origin: str) -> tuple[Tensor, ...]:
    """The tensors that a header of `length` bytes describes."""
    if len(header) < length:
        raise _damaged(origin, f"its header is cut short: {len(header)} of {length} bytes")
    entries = parse_object(header[:length], f"{origin}: header")
    found = [_tensor(name, entry, origin) for name, entry in entries.items() if name != "__metadata__"]
    _refuse_overlap(found, origin)
    return tuple(tensor for tensor, _ in found)


def _refuse_overlap(found: list[tuple[Tensor, int]], origin: str) -> None:
    end, before = 0, ""
    for tensor, start in sorted(found, key=lambda one: (one[1], one[0].bytes)):
        if start < end:
            raise _damaged(origin, f"tensors {before!r} and {tensor.name!r} overlap")
        if tensor.bytes:
            end, before = start + tensor.bytes, tensor.name


def parse_index(text: bytes, origin: str) -> tuple[tuple[str, ...], int | None]:
    """The files that an index names, and the sum of bytes it states, if any."""
    index = parse_object(text, origin)
    files: set[str] = set()
    weight_map: Any = index.get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise errors.InputError(f"{origin}: weight_map is missing or empty", hint="download the index again")
    for name in cast("dict[str, Any]", weight_map).values():
        # A name with a folder in it could lead anywhere.
        if not isinstance(name, str) or "/" in name or "\\" in name or not name.endswith(".safetensors"):
            raise errors.InputError(f"{origin}: weight_map names {name!r}, which is no safetensors file beside it")
        files.add(name)
    metadata: Any = index.get("metadata")
    total: Any = cast("dict[str, Any]", metadata).get("total_size") if isinstance(metadata, dict) else None
    return tuple(sorted(files)), total if isinstance(total, int) and 0 < total < 2**60 else None


def parse_object(text: bytes, origin: str) -> dict[str, Any]:
    """A JSON object; InputError says what is wrong with it."""
    if text.count(b"{") + text.count(b"[") > _MAX_PARTS:
        raise errors.InputError(f"{origin}: more than {_MAX_PARTS} objects and lists, which no such file has")
    try:
        value: Any = json.loads(text.decode(), object_pairs_hook=partial(_unique, origin))
    except (ValueError, RecursionError) as error:
        said = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise errors.InputError(f"{origin}: not JSON: {said}") from error
    if not isinstance(value, dict):
        raise errors.InputError(f"{origin}: a JSON object was expected, not {_JSON_NAMES[type(value)]}")
    return cast("dict[str, Any]", value)


def _unique(origin: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; InputError where a key stands twice with different values, or a text would change what a terminal shows.

    Readers of JSON do not agree on which of two values counts.
    """
    made = dict(pairs)
    if len(made) != len(pairs):
        twice = next((key for key, value in pairs if made[key] != value), None)
        if twice is not None:
            raise errors.InputError(f"{origin}: {twice!r} stands there twice, with different values")
    for key, value in pairs:
        for text in cast("list[Any]", value) if isinstance(value, list) else (value,):
            if isinstance(text, str) and not _is_shown_safely(text):
                raise errors.InputError(f"{origin}: {key!r} holds characters that no such text has: {text[:60]!a}")
    return made


def _is_shown_safely(text: str) -> bool:
    """Neither control characters besides white space nor halves of a character."""
    return text.isprintable() or _UNSAFE.search(text) is None


def _tensor(name: str, entry: object, origin: str) -> tuple[Tensor, int]:
    """A tensor and where its bytes begin."""
    if not isinstance(entry, dict):
        raise _damaged(origin, f"tensor {name!r} is not described by an object")
    fields = cast("dict[str, Any]", entry)
    dtype: Any = fields.get("dtype")
    shape, offsets = _sizes(fields.get("shape")), _sizes(fields.get("data_offsets"))
    if not isinstance(dtype, str) or shape is None or offsets is None or len(offsets) != 2:
        raise _damaged(origin, f"tensor {name!r} lacks a dtype, shape or data_offsets of the right form")
    from shardwright.core.shape.checkpoint import Tensor  # noqa: PLC0415 - many models are planned without headers

    tensor = Tensor(name, dtype, shape, offsets[1] - offsets[0])
    if tensor.bytes < 0 or (dtype in _BITS and tensor.elements * _BITS[dtype] != tensor.bytes * 8):
        raise _damaged(origin, f"tensor {name!r}: {shape} of {dtype} do not take {tensor.bytes} bytes")
    return tensor, offsets[0]


def _sizes(value: object) -> tuple[int, ...] | None:
    """A short list of whole numbers from 0; None if it is anything else."""
    if not isinstance(value, list):
        return None
    items = cast("list[Any]", value)
    if len(items) > _MAX_DIMENSIONS:
        return None
    if all(isinstance(item, int) and not isinstance(item, bool) and 0 <= item <= _MAX_NUMBER for item in items):
        return tuple(items)
    return None


def _damaged(origin: str, what: str) -> errors.InputError:
    return errors.InputError(f"{origin}: not a whole safetensors file: {what}", hint="download it again")
