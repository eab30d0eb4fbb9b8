"""Values of an object's tree by their path; what is not there, or is something else, is empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["map_at", "number_at", "text_at", "value_at"]


def value_at(body: Mapping[str, object], *path: str) -> object:
    """The value at a path; None where there is none."""
    inner: object = dict(body)
    for part in path:
        inner = _inside(inner, part)
    return inner


def _inside(value: object, part: str) -> object:
    return cast("dict[str, object]", value).get(part) if isinstance(value, dict) else None


def map_at(body: Mapping[str, object], *path: str) -> dict[str, object]:
    """The map at a path, or an empty one."""
    value = value_at(body, *path)
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def text_at(body: Mapping[str, object], *path: str) -> str:
    """The text at a path, or an empty one."""
    value = value_at(body, *path)
    return value if isinstance(value, str) else ""


def number_at(body: Mapping[str, object], otherwise: int, *path: str) -> int:
    """The whole number at a path, or the one that stands for a missing one."""
    value = value_at(body, *path)
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise
