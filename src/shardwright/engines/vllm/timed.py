"""The only reader of `measured_speed.toml`: batches that vLLM was timed with, as typed values.

Plans do not need it; the constants of `pace` are fitted to it (benchmarks/speed_fit.py) and tests hold them against it.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from shardwright.values import frozen

__all__ = ["Batch", "Timed", "timed_points"]


@frozen
class Batch:
    """Requests that were sent at once, and the seconds until the last token."""

    requests: int
    input_tokens: int
    output_tokens: int
    seconds: float


@frozen
class Timed:
    """One warm engine and its batches."""

    version: str
    entrypoint: str
    gpu: str
    model: str
    """Name of its configuration in the tests' data."""
    tensor: int
    pipeline: int
    batches: tuple[Batch, ...]
    max_model_len: int = 8192
    data: int = 1
    expert: bool = False
    args: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        """`llama-3.1-8b TP2 x PP1 on H200`, with the flags if there are any."""
        copies = f" x DP{self.data}" if self.data > 1 else ""
        expert = " with EP" if self.expert else ""
        flags = "".join(f", {name} {value}" for name, value in self.args)
        return f"{self.model} TP{self.tensor} x PP{self.pipeline}{copies}{expert} on {self.gpu}{flags}"


@functools.cache
def _all() -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - as in facts.py

    return tomllib.loads(Path(__file__).with_name("measured_speed.toml").read_text(encoding="utf-8"))


@functools.cache
def timed_points() -> tuple[Timed, ...]:
    """All points of the file."""
    return tuple(_timed(dict(row)) for row in _all()["points"])


def _timed(row: dict[str, Any]) -> Timed:
    return Timed(
        version=row.pop("version", _all()["version"]),
        entrypoint=_all()["entrypoint"],
        batches=tuple(Batch(*batch) for batch in row.pop("batches")),
        args=tuple(row.pop("args", {}).items()),
        **row,
    )
