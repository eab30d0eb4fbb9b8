"""Parts of an object that may be missing: maps and lists of maps, empty where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["items", "part", "texts"]


def part(tree: Mapping[str, Any], *path: str) -> dict[str, Any]:
    """The map at a path."""
    found: Any = tree
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - JSON
    return found if isinstance(found, dict) else {}  # pyright: ignore[reportUnknownVariableType] - JSON


def items(tree: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """The maps of a list."""
    found: Any = tree.get(key)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list | tuple) else []  # pyright: ignore[reportUnknownVariableType] - JSON


def texts(tree: Mapping[str, Any], key: str) -> list[str]:
    """The entries of a list as texts."""
    found: Any = tree.get(key)
    return [str(each) for each in found] if isinstance(found, list | tuple) else []  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - JSON
