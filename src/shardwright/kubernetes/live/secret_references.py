"""References to keys of Secrets, wherever they stand in manifests: variables of containers, and credentials of operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["references_in"]


def references_in(manifests: Iterable[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    """Secret and key of every reference that is not optional, in their order."""
    return tuple(dict.fromkeys(each for body in manifests for each in _references(body)))


def _references(value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        tree = cast("dict[str, object]", value)
        found = tree.get("secretKeyRef")
        if isinstance(found, dict):
            reference = cast("dict[str, object]", found)
            if reference.get("name") and not reference.get("optional"):
                yield str(reference["name"]), str(reference.get("key") or "")
        for inner in tree.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in cast("list[object]", value):
            yield from _references(inner)
