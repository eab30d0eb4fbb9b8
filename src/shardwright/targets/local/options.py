"""Options of this target: `hosts` (auto, netns or loopback) and `port`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core import target_options
from shardwright.core.target_options import Option
from shardwright.local import spec

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe
    from shardwright.local.spec import HostKind

__all__ = ["OPTIONS", "host_kind_of", "pinned_port_of"]

OPTIONS = {
    "hosts": Option(
        "emulated hosts as network namespaces or as loopback addresses; `auto`: what this machine allows",
        default="`auto`",
        choices=spec.HOST_KINDS,
    ),
    "port": Option(
        "where the model is served; a port that is given and taken is an error",
        kind="port",
        default=f"{spec.SERVE_PORT}, or the next that is free",
    ),
}
"""What each takes."""


def host_kind_of(recipe: Recipe) -> HostKind | None:
    """What kind of hosts is asked for, `auto` if nothing is; None if the value is none of them."""
    value = target_options.options_of(recipe).get("hosts", "auto")
    return value if value in spec.HOST_KINDS else None


def pinned_port_of(recipe: Recipe) -> int | None:
    """The port that is asked for; None if none is, or the value is none."""
    value = target_options.options_of(recipe).get("port")
    return None if value is None or target_options.complaint(OPTIONS["port"], value) else value
