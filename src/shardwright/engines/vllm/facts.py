"""The only reader of `facts.toml`: what is known of vLLM, as typed values, read when first asked for."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shardwright.core.plan.version import resolve_version

__all__ = ["Formula", "Point", "Rules", "Tier", "points", "rules_of", "table", "versions"]


@dataclass(frozen=True, slots=True)
class Tier:
    """Defaults of T and n for devices from a size on."""

    memory_gib: float
    not_named: str
    """Devices with this in their name do not belong here; empty: all do."""
    serve: int
    """max-num-batched-tokens of the server."""
    llm: int
    """max-num-batched-tokens of the class."""
    seqs: int
    """max-num-seqs of both."""


@dataclass(frozen=True, slots=True)
class Formula:
    """Constants of the memory formulas; facts.toml says what each is."""

    external_gib: tuple[float, float]
    external_v1_gib: float
    gather_gib: dict[str, float]
    sampler_bytes: dict[str, int]
    moe_hidden_factor: int
    graphs_v1_layer_gib: float
    graphs_gib: float
    graphs_layer_gib: float
    graphs_counted_gib: float
    stage_buffers: bool
    uncertainty_measured_gib: float
    uncertainty_source_gib: float
    uncertainty_bound_gib: float
    uncertainty_graphs_gib: dict[str, float]
    source: str


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for one known version."""

    version: str
    utilization: float
    v2_architectures: tuple[str, ...]
    graphs_counted: tuple[str, ...]
    sampler_counted: tuple[str, ...]
    spans_nodes: bool
    spare_blocks: int
    formula: Formula
    tiers: tuple[Tier, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """A pool that vLLM printed on a GPU."""

    gpu: str
    memory_gib: float
    model: str
    layers: int
    hidden_size: int
    architecture: str
    tensor: int
    pipeline: int
    weights_gib: float
    pool_gib: float
    tokens: int
    graphs_gib: float
    max_model_len: int = 8192
    args: tuple[tuple[str, Any], ...] = ()


@functools.cache
def _all() -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - costs milliseconds that `--help` should not pay

    return tomllib.loads(Path(__file__).with_name("facts.toml").read_text(encoding="utf-8"))


def table(name: str) -> dict[str, Any]:
    """One table of the file; KeyError if there is none."""
    return _all()[name]


@functools.cache
def versions() -> tuple[str, ...]:
    """Versions whose rules are known, oldest first."""
    return tuple(row["version"] for row in _all()["versions"])


@functools.cache
def rules_of(version: str) -> Rules:
    """The rules that a version follows: its own, or those of the nearest older known one."""
    resolved = resolve_version(version, versions())
    row: dict[str, Any] = next(row for row in _all()["versions"] if row["version"] == resolved.rules)
    return Rules(
        version=row["version"],
        utilization=row["utilization"],
        v2_architectures=tuple(row["v2_architectures"]),
        graphs_counted=tuple(row["graphs_counted"]),
        sampler_counted=tuple(row["sampler_counted"]),
        spans_nodes=row["spans_nodes"],
        spare_blocks=row["spare_blocks"],
        formula=_formula(row["formula"]),
        tiers=tuple(Tier(**tier) for tier in _all()["tiers"][row["tiers"]]),
    )


def _formula(name: str) -> Formula:
    values: dict[str, Any] = dict(_all()["formulas"][name])
    one, several = values.pop("external_gib")
    return Formula(external_gib=(one, several), **values)


@functools.cache
def points() -> tuple[Point, ...]:
    """All measured pools."""
    return tuple(_point(dict(row)) for row in _all()["measured"]["points"])


def _point(row: dict[str, Any]) -> Point:
    return Point(args=tuple(row.pop("args", {}).items()), **row)
