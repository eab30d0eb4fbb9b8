"""Headers of safetensors files: eight bytes of length, then JSON. Read with suspicion, for they come from strangers.

Weights themselves are never read.
Source: https://github.com/huggingface/safetensors, README, "Format".
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any, cast

from shardwright import errors
from shardwright.core.shape.checkpoint import Tensor

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LENGTH_BYTES", "header_length", "load_header", "parse_header", "parse_index", "parse_object"]

LENGTH_BYTES = 8
_MAX_HEADER_BYTES = 100_000_000
"""The format's own limit."""
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
    file_bytes = path.stat().st_size
    with path.open("rb") as file:
        length = header_length(file.read(LENGTH_BYTES), str(path))
        header = file.read(length)
    tensors = parse_header(header, length, str(path))
    needed = LENGTH_BYTES + length + sum(tensor.bytes for tensor in tensors)
    if file_bytes < needed:
        raise errors.InputError(
            f"{path}: the file is cut short: its header describes {needed} bytes, there are {file_bytes}",
            hint="download it again",
        )
    return tensors


def header_length(first: bytes, origin: str) -> int:
    """Bytes of JSON that follow, from the first eight bytes of a file."""
    if len(first) < LENGTH_BYTES:
        raise _damaged(origin, f"it has only {len(first)} bytes")
    length: int = struct.unpack("<Q", first[:LENGTH_BYTES])[0]
    if not 2 <= length <= _MAX_HEADER_BYTES:
        raise _damaged(origin, f"its header would be {length} bytes long; the format allows {_MAX_HEADER_BYTES}")
    return length


def parse_header(header: bytes, length: int, origin: str) -> tuple[Tensor, ...]:
    """The tensors that a header of `length` bytes describes."""
    if len(header) < length:
        raise _damaged(origin, f"its header is cut short: {len(header)} of {length} bytes")
    entries = parse_object(header[:length], f"{origin}: header")
    return tuple(_tensor(name, entry, origin) for name, entry in entries.items() if name != "__metadata__")


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
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise errors.InputError(f"{origin}: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise errors.InputError(f"{origin}: a JSON object was expected, not {_JSON_NAMES[type(value)]}")
    return cast("dict[str, Any]", value)


def _tensor(name: str, entry: object, origin: str) -> Tensor:
    if not isinstance(entry, dict):
        raise _damaged(origin, f"tensor {name!r} is not described by an object")
    fields = cast("dict[str, Any]", entry)
    dtype: Any = fields.get("dtype")
    shape, offsets = _sizes(fields.get("shape")), _sizes(fields.get("data_offsets"))
    if not isinstance(dtype, str) or shape is None or offsets is None or len(offsets) != 2:
        raise _damaged(origin, f"tensor {name!r} lacks a dtype, shape or data_offsets of the right form")
    tensor = Tensor(name, dtype, shape, offsets[1] - offsets[0])
    if tensor.bytes < 0 or (dtype in _BITS and tensor.elements * _BITS[dtype] != tensor.bytes * 8):
        raise _damaged(origin, f"tensor {name!r}: {shape} of {dtype} do not take {tensor.bytes} bytes")
    return tensor


def _sizes(value: object) -> tuple[int, ...] | None:
    """A list of whole numbers from 0; None if it is anything else."""
    if not isinstance(value, list):
        return None
    items = cast("list[Any]", value)
    if all(isinstance(item, int) and not isinstance(item, bool) and item >= 0 for item in items):
        return tuple(items)
    return None


def _damaged(origin: str, what: str) -> errors.InputError:
    return errors.InputError(f"{origin}: not a whole safetensors file: {what}", hint="download it again")
