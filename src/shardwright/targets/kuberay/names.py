"""Versions of Ray as KubeRay reads them, next to the names that Kubernetes allows.

Source: k8s.io/apimachinery v0.34 util/version; the package strconv of Go 1.25.
"""

from __future__ import annotations

import re

from shardwright.kubernetes.names import (
    duration_seconds,
    is_dns_1035_label,
    is_dns_1123_label,
    is_label_value,
    is_qualified_name,
)

__all__ = [
    "duration_seconds",
    "is_dns_1035_label",
    "is_dns_1123_label",
    "is_label_value",
    "is_qualified_name",
    "is_version_before",
    "ray_version",
]

_VERSION = re.compile(r"\s*v?([0-9]+(?:\.[0-9]+)*)", re.ASCII)


def ray_version(text: str) -> tuple[int, ...] | None:
    """The numbers of a version of Ray as the operator reads it; None if it reads none. What follows them does not count."""
    match = _VERSION.match(text)
    parts = match[1].split(".") if match else []
    if len(parts) < 2 or (len(parts[0]) > 1 and parts[0].startswith("0")):
        return None
    numbers = tuple(int(part[:21]) for part in parts)
    return numbers if max(numbers) < 2**64 else None


def is_version_before(numbers: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether a version comes before another; numbers that are not written count as 0."""
    longest = max(len(numbers), len(other))
    return (*numbers, *(0,) * (longest - len(numbers))) < (*other, *(0,) * (longest - len(other)))
