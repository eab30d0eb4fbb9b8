"""A list as views, whole or as it comes: of a very long one no more than a piece is held, and decoded while the rest is made."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["items_of", "shape_of"]

_T = TypeVar("_T")

_PIECE_BYTES = 1 << 16
"""How much is decoded at once, at least."""
_BEGIN, _BETWEEN = b'{"items":[', b'},{"metadata":'


def items_of(parts: Iterable[bytes], kind: type[_T]) -> Iterator[_T]:
    """The items of a list, of the parts in which it comes; msgspec.DecodeError if it is not whole.

    It is cut where an item seems to end. Then what comes before is whole JSON; if it is not, the cut would be within an item.
    """
    held, least = bytearray(), _PIECE_BYTES
    before = b""
    for part in parts:
        held += part
        if len(held) < least:
            continue
        end = held.rfind(_BETWEEN) + 1
        items = _whole(b"".join((before, held[:end], b"]}")), kind) if end else None
        if items is None:
            least = 2 * len(held)
            continue
        del held[: end + 1]
        before, least = _BEGIN, _PIECE_BYTES
        yield from items
    yield from msgspec.json.decode(before + held, type=shape_of(kind)).items


def _whole(text: bytes, kind: type[_T]) -> list[_T] | None:
    """The items of a list; None if it is not whole."""
    try:
        return msgspec.json.decode(text, type=shape_of(kind)).items
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        return None


@functools.cache
def shape_of(kind: type[_T]) -> type[Any]:
    """The shape of a list of these views; what else it says is not looked at."""
    return msgspec.defstruct(f"{kind.__name__}List", [("items", list[kind], [])])  # pyright: ignore[reportInvalidTypeForm] - a type made at run time
