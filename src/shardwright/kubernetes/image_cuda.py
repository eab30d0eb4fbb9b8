"""Which CUDA release an engine's image holds, as far as its name tells it or `image_cuda.toml` knows it."""

from __future__ import annotations

import functools
import re
import tomllib
from importlib import resources

from shardwright.core import image_names

__all__ = ["cuda_of"]

_IN_TAG = re.compile(r"(?:cu|cuda)[-_]?(\d{2})[._]?(\d)(?!\d)")
_VERSION = re.compile(r"v?(\d+)\.(\d+)")


def cuda_of(image: str) -> str:
    """`12.8`; empty where it is not known."""
    name, _, tag = image.partition("@")[0].rpartition(":")
    if not name or "/" in tag:
        return ""
    if match := _IN_TAG.search(tag):
        return f"{match[1]}.{match[2]}"
    table, version = _table().get(image_names.plain_name(name), {}), _VERSION.match(tag)
    if not table or not version:
        return ""
    wanted = (int(version[1]), int(version[2]))
    firsts = [first for first in table if _number(first) <= wanted]
    return table[max(firsts, key=_number)] if firsts else ""


def _number(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    return int(major), int(minor)


@functools.cache
def _table() -> dict[str, dict[str, str]]:
    return tomllib.loads(resources.files("shardwright.kubernetes").joinpath("image_cuda.toml").read_text("utf-8"))
