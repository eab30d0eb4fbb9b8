"""What an engine printed against what was planned, and how later plans use the difference.

A calibration holds for one key: engine, version, runner, GPU, model family and layout. It is a value; who reads and writes
its file is elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Calibration", "CalibrationKey"]


@dataclass(frozen=True, slots=True)
class CalibrationKey:
    """What a calibration holds for."""

    engine: str
    version: str
    runner: str
    gpu: str
    family: str
    tensor: int
    pipeline: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """The difference that was seen, term by term: printed minus planned, in bytes."""

    key: CalibrationKey
    weights_bytes: int
    """Of the first rank's weights."""
    pool_bytes: int
    """Of the smallest rank's KV cache; what weights do not explain."""
    pool_seen_bytes: int
    """The pool as the engine printed it: how far the difference carries."""
    model: str
    """The model it was seen with."""
    origin: str
    """Where the engine's figures were read: a file's name or a deployment; no path of a person's machine."""
    date: str
    """When, as 2026-11-21."""
