"""Which cluster a command works on, who works on it, and as whom changes are made."""

from __future__ import annotations

import datetime as dt
import getpass
import os
import socket
from typing import TYPE_CHECKING

from shardwright import errors

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe
    from shardwright.kubernetes.client import Client, Place

__all__ = ["connected", "holder", "is_local", "now"]


def connected(place: Place) -> Client:
    """A client of the cluster that is meant; AccessError if there is none. Close it, or use it in a `with` block."""
    from shardwright.kubernetes import client  # noqa: PLC0415 - takes 0.2 s, and most commands ask no cluster

    return client.connect(place)


def is_local(recipe: Recipe) -> bool:
    """Whether the recipe is for this machine; InputError if it names no target."""
    if recipe.target is None:
        raise errors.InputError("target.kind is missing: there is nowhere to apply it", hint="--set target.kind=lws")
    return recipe.target.kind == "local"


def holder() -> str:
    """Who changes something, for others to read: user@host and the process, since one user may run two commands."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid-{os.getuid()}"
    return f"{user}@{socket.gethostname()} (process {os.getpid()})"


def now() -> str:
    """The time, as Kubernetes writes it."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
