"""Options of this target: `hosts` (auto, netns or loopback) and `port`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.local import spec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.recipe import Recipe
    from shardwright.local.spec import HostKind

__all__ = ["OPTIONS", "host_kind_of", "options_of", "pinned_port_of"]

OPTIONS: dict[str, str] = {
    "hosts": f"one of {', '.join(spec.HOST_KINDS)}",
    "port": "a port from 1 to 65535",
}


def options_of(recipe: Recipe) -> Mapping[str, object]:
    """The options as they stand in the recipe."""
    return recipe.target.options if recipe.target else {}


def host_kind_of(recipe: Recipe) -> HostKind | None:
    """What kind of hosts is asked for, `auto` if nothing is; None if the value is none of them."""
    value = options_of(recipe).get("hosts", "auto")
    return value if value in spec.HOST_KINDS else None


def pinned_port_of(recipe: Recipe) -> int | None:
    """The port that is asked for; None if none is, or the value is none."""
    value = options_of(recipe).get("port")
    return value if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535 else None
