"""Quantities of Kubernetes as numbers, and what a pod takes of its node: whole units and bytes."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, cast

from shardwright.kubernetes import manifest_pods

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["amount_of", "amounts_of", "largest", "requested", "total"]


@functools.lru_cache(maxsize=4096)
def amount_of(value: str | float) -> float:
    """The number that a quantity stands for; 0 for what is none."""
    try:
        return float(manifest_pods.quantity(value))
    except ValueError:
        return 0.0


def amounts_of(given: Mapping[str, Any]) -> dict[str, float]:
    """Quantities by resource as numbers."""
    return {str(key): amount_of(cast("str | float", value)) for key, value in given.items()}


def requested(requests: Mapping[str, Any], limits: Mapping[str, Any]) -> dict[str, float]:
    """What a container counts for: its requests, and its limits where it requests nothing."""
    return amounts_of({**limits, **requests})


def total(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The sum by resource."""
    found: dict[str, float] = {}
    for part in parts:
        for key, amount in part.items():
            found[key] = found.get(key, 0.0) + amount
    return found


def largest(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The largest by resource."""
    found: dict[str, float] = {}
    for part in parts:
        for key, amount in part.items():
            found[key] = max(found.get(key, 0.0), amount)
    return found
