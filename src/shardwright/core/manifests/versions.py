"""Versions of platforms as manifests are judged by them: `0.20.0`, `v1.5.1`, `3.4`; only their order is known here."""

from __future__ import annotations

import functools
import re

__all__ = ["holds", "is_version", "parse"]

_VERSION = re.compile(r"v?(\d{1,6}(?:\.\d{1,6}){0,3})(?:[-+.][0-9A-Za-z.+-]*)?")


def is_version(text: str) -> bool:
    """Whether a text is a version."""
    return _VERSION.fullmatch(text) is not None


@functools.lru_cache(maxsize=1024)
def parse(text: str) -> tuple[int, ...]:
    """The numbers of a version, to compare; ValueError if it is none. A pre-release counts as its release."""
    match = _VERSION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a version")
    return tuple(int(part) for part in match[1].split("."))


@functools.lru_cache(maxsize=8192)
def holds(version: str, since: str, until: str) -> bool:
    """Whether something from `since` to before `until` is there at a version; empty bounds are none.

    `since = "0.9"` begins with 0.9.0, and `until = "0.10"` ends before it.
    """
    at = parse(version)
    return (not since or at >= parse(since)) and (not until or at < parse(until))
