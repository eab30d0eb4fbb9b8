"""Which cluster a command works on, who works on it, and as whom changes are made."""

from __future__ import annotations

import dataclasses
import datetime as dt
import getpass
import os
import socket
from typing import TYPE_CHECKING

from shardwright import errors

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe
    from shardwright.kubernetes.client import Client
    from shardwright.kubernetes.place import Place

__all__ = ["connected", "holder", "is_local", "now", "reached", "resolved", "seconds_of"]

_REACH_SECONDS = 5.0
"""How long a cluster may take to answer at all that nobody named; a plug-in that logs in takes a second or two of it."""


def connected(place: Place) -> Client:
    """A client of the cluster that is meant; AccessError if there is none. Close it, or use it in a `with` block."""
    from shardwright.kubernetes import client  # noqa: PLC0415 - takes 0.2 s, and most commands ask no cluster

    return client.connect(place)


def reached(place: Place) -> Client:
    """The same, once it has answered; an error of ours within seconds if it does not."""
    from shardwright.kubernetes import client  # noqa: PLC0415 - see above
    from shardwright.models import waiting  # noqa: PLC0415 - as above

    def ask() -> Client:
        made = client.connect(place, first_tries=1)
        made.tree("get", "/version")
        return made

    # Names that nobody resolves and plug-ins that wait for somebody know no time limit of a request.
    answered = waiting.within(_REACH_SECONDS, ask)
    if answered is None:
        raise errors.TemporaryError(
            f"it did not answer within {_REACH_SECONDS:.0f} s",
            retry_after_seconds=_REACH_SECONDS,
            hint="is the way to it open, and its login valid? kubectl version asks the same",
        )
    return answered[0]


def resolved(place: Place) -> Place:
    """The place with its namespace told: as given, else that of the context; AccessError if the cluster cannot be told."""
    if place.namespace:
        return place
    from shardwright.kubernetes.client import kubeconfig  # noqa: PLC0415 - see above

    return dataclasses.replace(place, namespace=kubeconfig.find_config(place).namespace)


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


def seconds_of(time: str) -> float:
    """A time in RFC 3339 as seconds since 1970; 0 if it is none."""
    try:
        return dt.datetime.fromisoformat(time).timestamp()
    except ValueError:
        return 0.0
