"""A blueprint that was read, beside the same one written again: what of it is lost or changed.

Left aside is what is meant to differ: addresses of requests, numbers that are written as texts, and arguments, of which more
are written than were given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from shardwright.core.manifests.differences import Difference, differences
from shardwright.formats.oci_blueprints import arguments

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shardwright.core.manifests.objects import Object

__all__ = ["lost_or_changed"]


def lost_or_changed(original: Object, document: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Differences of one blueprint; `document` is it, or a group that it is in, as it is written again."""
    nothing: Mapping[str, Any] = {}
    again = next((each for each in _members(document) if each.get("deployment_name") == original.name), nothing)
    one, other = _plain(original.value), _plain(again)
    given, written = (each.get(arguments.ARGUMENTS) for each in (one, other))
    if isinstance(given, list) and isinstance(written, list) and set(map(str, given)) <= set(map(str, written)):  # pyright: ignore[reportUnknownArgumentType] - JSON
        other[arguments.ARGUMENTS] = given
    return tuple(each for each in differences(one, other) if each.pointer[:1] != (arguments.ARGUMENTS,) or given)


def _members(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    group = document.get("deployment_group")
    if group is None:
        yield document
        return
    for each in group["deployments"]:
        yield each["recipe"]


def _plain(value: Mapping[str, object]) -> dict[str, Any]:
    return cast("dict[str, Any]", _comparable(dict(value)))


def _comparable(value: object) -> object:
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return {key: _comparable(each) for key, each in items if key != "par" and each is not None}
    if isinstance(value, list):
        return [_comparable(each) for each in cast("list[object]", value)]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
