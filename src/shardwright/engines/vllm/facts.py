"""The only reader of `facts.toml` and `measured.toml`: what is known of vLLM, as typed values, read when first asked for."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shardwright.core.plan.version import parse_version, resolve_version
from shardwright.facts import files
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Formula", "Point", "Rules", "Tier", "holds_in", "points", "rules_of", "table", "versions"]


@frozen
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


@frozen
class Formula:
    """Constants of the memory formulas; facts.toml says what each is."""

    growth_gib: tuple[float, float]
    growth_v1_gib: float
    gather_gib: float
    gather_pcie_gib: float
    forward_gib: float
    sampler_gib: dict[str, float]
    copies_vocabulary: bool
    sampler_bytes: dict[str, float]
    moe_hidden_factor: float
    graphs_gib: float
    graphs_layer_gib: float
    graphs_splits: float
    graphs_counted_gib: float
    source: str


@frozen
class Rules:
    """What holds for one known version; facts.toml says what each field means."""

    version: str
    utilization: float
    v2_architectures: tuple[str, ...]
    v2_quantized: bool
    v2_mixtures: bool
    v2_methods: tuple[str, ...]
    graphs_counted: tuple[str, ...]
    graphs_devices: tuple[str, ...]
    sampler_counted: tuple[str, ...]
    spans_nodes: bool
    spare_blocks: int
    workspace_stays: bool
    expert_chunk_tokens: int
    formula: Formula
    tiers: tuple[Tier, ...]


@frozen
class Point:
    """A pool that vLLM printed on a GPU, and the kind of start that gave it."""

    version: str
    gpu: str
    memory_gib: float
    config: str
    """Name of the model's configuration in the tests' data."""
    architecture: str
    layers: int
    hidden_size: int
    tensor: int
    pipeline: int
    weights_gib: float
    pool_gib: float
    tokens: int
    graphs_gib: float
    data: int = 1
    expert: bool = False
    quantization: str = ""
    """While loading, or that of the checkpoint; empty: none."""
    kv_cache_dtype: str = "auto"
    eager: bool = False
    max_model_len: int = 8192
    batched_tokens: int = 16384
    sequences: int = 1024
    utilization: float = 0.92


@functools.cache
def _all() -> dict[str, Any]:
    return _read("facts.toml")


def _read(name: str) -> dict[str, Any]:
    return files.read_toml(Path(__file__).with_name(name))


def table(name: str) -> dict[str, Any]:
    """One table of the file; KeyError if there is none."""
    return _all()[name]


def holds_in(version: str, row: Mapping[str, Any]) -> bool:
    """Whether a version is neither before `since` nor at or after `until` of a row that may name them."""
    release = parse_version(version)
    is_early = "since" in row and release < parse_version(row["since"])
    return not is_early and ("until" not in row or release < parse_version(row["until"]))


@functools.cache
def versions() -> tuple[str, ...]:
    """Versions whose rules were read, oldest first."""
    return tuple(row["version"] for row in _all()["versions"])


@functools.cache
def rules_of(version: str) -> Rules:
    """The rules that a version follows: its own, or those of the nearest older known one."""
    resolved = resolve_version(version, versions())
    row = _version(resolved.rules)
    names = ("v2_architectures", "v2_methods", "graphs_counted", "graphs_devices", "sampler_counted")
    values: dict[str, Any] = {name: value for name, value in row.items() if name not in {*names, "read"}}
    values.update({name: tuple(row[name]) for name in names})
    values["version"] = resolved.rules
    values["formula"] = _formula(row["formula"])
    values["tiers"] = tuple(Tier(**tier) for tier in _all()["tiers"][row["tiers"]])
    return Rules(**values)


def _version(version: str) -> dict[str, Any]:
    """The row of a version, or the one that it is like."""
    row: dict[str, Any] = next(row for row in _all()["versions"] if row["version"] == version)
    return _version(row["like"]) if "like" in row else row


def _formula(name: str) -> Formula:
    values: dict[str, Any] = dict(_all()["formulas"][name])
    one, several = values.pop("growth_gib")
    return Formula(growth_gib=(one, several), **values)


@functools.cache
def points() -> tuple[Point, ...]:
    """All measured pools."""
    return tuple(Point(**row) for row in _read("measured.toml")["points"])
