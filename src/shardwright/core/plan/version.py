"""Versions of an engine: read one, and find whose rules it follows."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Resolved", "parse_version", "resolve_version"]

_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?(?:\.?(?:a|b|rc|post|dev)\d+)*(?:\+[\w.]+)?")


@frozen
class Resolved:
    """A version and the known one whose rules it follows."""

    version: str
    rules: str

    @property
    def is_known(self) -> bool:
        """Whether the rules are those of this very release."""
        return parse_version(self.version) == parse_version(self.rules)


@functools.lru_cache(maxsize=1024)
def parse_version(text: str) -> tuple[int, int, int]:
    """The release of `0.24.0`, `v0.24`, `0.24.0.post1` or `0.32.0+cpu`; InputError if it is none."""
    match = _VERSION.fullmatch(text.strip())
    if match is None:
        raise errors.InputError(f"{text!r} is not a version", hint="write it as 0.32.0", path="engine.version")
    return int(match[1]), int(match[2]), int(match[3] or 0)


def resolve_version(asked: str | None, known: Sequence[str]) -> Resolved:
    """The version to plan for: the newest known if none is asked for; rules are those of the nearest older known one.

    InputError for a malformed version and for one older than all known ones.
    """
    if asked is None:
        return Resolved(known[-1], known[-1])
    release = parse_version(asked)
    older = [version for version in known if parse_version(version) <= release]
    if not older:
        raise errors.InputError(
            f"{asked} is older than {known[0]}, the oldest version whose rules are known",
            hint=f"use {known[0]} or newer; the newest known is {known[-1]}",
            path="engine.version",
        )
    return Resolved(asked.strip().removeprefix("v"), older[-1])
