"""What the name of an image says of the Ray in it: its version, or that there is none.

Source: tags of rayproject/ray and rayproject/ray-llm (`2.52.0-py311-cu128`); `facts.toml` for images without Ray.
"""

from __future__ import annotations

import re

from shardwright.core.manifests import versions
from shardwright.targets.kuberay import releases

__all__ = ["first_without_ray", "is_same_release", "version_in"]

_RAY_TAG = re.compile(r"(?:.*/)?ray(?:-llm|-ml)?:v?(\d+\.\d+\.\d+)(?:[-.][A-Za-z0-9_.+-]*)?", re.ASCII)
_TAG = re.compile(r"(?:[^/:@]+[.:][^/@]*/)?(?P<name>[^:@]+):v?(?P<tag>\d{1,6}(?:\.\d{1,6}){0,3})(?:[-.+].*)?", re.ASCII)


def first_without_ray(image: str) -> str:
    """The first tag of an image's repository that holds no Ray, where that image has it or a later one; else empty."""
    match = _TAG.fullmatch(image)
    first = releases.images_without_ray().get(match["name"], "") if match else ""
    return first if match and first and versions.holds(match["tag"], first, "") else ""


def version_in(image: str) -> str:
    """The version of Ray in an image of the Ray project by its tag; empty where the tag does not say."""
    match = _RAY_TAG.fullmatch(image)
    return match[1] if match else ""


def is_same_release(image: str, other: str) -> bool:
    """Whether two images of the Ray project hold the same Ray and the same Python, where the tags say so."""
    python = re.compile(r"-py\d+")
    pythons = [found[0] if (found := python.search(each)) else "" for each in (image, other)]
    return bool(version_in(image)) and version_in(image) == version_in(other) and pythons[0] == pythons[1]
