"""The only reader of the TOML files beside it: what is known of SGLang, as typed values, read when first asked for."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from shardwright.core.plan.version import parse_version, resolve_version
from shardwright.facts import files
from shardwright.values import frozen

__all__ = [
    "Point",
    "Rules",
    "Tier",
    "measured_version",
    "negatable",
    "options",
    "points",
    "rules_of",
    "switches",
    "table",
    "versions",
]


@frozen
class Tier:
    """Defaults for devices below a size; facts.toml says what each is."""

    below_mib: int
    chunk: int
    graphs: tuple[int, int]
    reserved_gib: float = 0.0
    per_rank_gib: float = 0.0


@frozen
class Rules:
    """What holds for one known version; facts.toml says what each is."""

    version: str
    reserve: str
    tiers: tuple[Tier, ...]
    prefill_graphs: str
    prefill_graphs_not: tuple[str, ...]
    switch_keeps_prefill: bool
    clamped: bool
    decode_always: bool
    speculation_mib: tuple[int, int]
    capped_by_requests: bool
    latent_graph_tokens: int
    blackwell_page_tokens: int
    is_read: bool
    """Whether these are the rules of that very release."""


@frozen
class Point:
    """A pool that SGLang printed on a GPU."""

    gpu: str
    model: str
    layers: int
    hidden_size: int
    architecture: str
    tensor: int
    before_gib: float
    weights_gib: float
    fraction: float
    tokens: int
    pool_gib: float
    prefill_graphs_gib: float
    decode_graphs_gib: float
    context_length: int = 8192
    args: tuple[tuple[str, Any], ...] = ()


@frozen
class Timed:
    """Batches that SGLang was timed with on a GPU: requests, tokens of each prompt, tokens of each answer, seconds."""

    gpu: str
    model: str
    tensor: int
    context_length: int
    batches: tuple[tuple[int, int, int, float], ...]


@functools.cache
def _file(name: str) -> dict[str, Any]:
    return files.read_toml(Path(__file__).with_name(name))


def table(name: str) -> dict[str, Any]:
    """One table of facts.toml; KeyError if there is none."""
    return _file("facts.toml")[name]


@functools.cache
def versions() -> tuple[str, ...]:
    """Versions whose rules are known, oldest first."""
    rows: list[dict[str, Any]] = _file("facts.toml")["versions"]
    return tuple(sorted((name for row in rows for name in (row["version"], *row["also"])), key=parse_version))


@functools.cache
def rules_of(version: str) -> Rules:
    """The rules that a version follows: its own, or those of the nearest older known one."""
    resolved = resolve_version(version, versions())
    rows: list[dict[str, Any]] = _file("facts.toml")["versions"]
    row = dict(next(row for row in rows if resolved.rules in (row["version"], *row["also"])))
    tiers = tuple(_tier(dict(tier)) for tier in table("tiers")[row.pop("tiers")])
    del row["version"], row["also"]
    forbidding, speculation = tuple(row.pop("prefill_graphs_not")), row.pop("speculation_mib")
    return Rules(
        version=resolved.rules,
        tiers=tiers,
        prefill_graphs_not=forbidding,
        speculation_mib=(speculation[0], speculation[1]),
        is_read=resolved.is_known,
        **row,
    )


def _tier(row: dict[str, Any]) -> Tier:
    few, many = row.pop("graphs")
    return Tier(graphs=(few, many), **row)


@functools.cache
def options(version: str) -> frozenset[str]:
    """Options of the launcher in a version; between two versions whose parsers were read, those of either."""
    book, release = _file("options.toml"), parse_version(version)
    known: dict[str, frozenset[str]] = {book["newest"]: frozenset(book["names"].split())}
    newer = known[book["newest"]]
    for name in reversed(book["order"][:-1]):
        row: dict[str, str] = book["older"][name]
        newer = (newer - set(row["lacks"].split())) | set(row["has"].split())
        known[name] = newer
    at_most = [name for name in book["order"] if parse_version(name) <= release]
    at_least = [name for name in book["order"] if parse_version(name) >= release]
    return frozenset(flag for name in (*at_most[-1:], *at_least[:1]) for flag in known[name])


@functools.cache
def switches() -> frozenset[str]:
    """Options without a value."""
    return frozenset(_file("options.toml")["switches"].split())


@functools.cache
def negatable() -> frozenset[str]:
    """Options with a `--no-` form."""
    return frozenset(_file("options.toml")["booleans"].split())


def measured_version() -> str:
    """The version that the measured pools are of."""
    return _file("measured.toml")["version"]


@functools.cache
def points() -> tuple[Point, ...]:
    """All measured pools."""
    return tuple(_point(dict(row)) for row in _file("measured.toml")["points"])


def _point(row: dict[str, Any]) -> Point:
    return Point(args=tuple(row.pop("args", {}).items()), **row)


@functools.cache
def timed() -> tuple[Timed, ...]:
    """All timed batches."""
    rows: list[dict[str, Any]] = _file("measured.toml")["timed"]
    return tuple(
        Timed(batches=tuple((n, i, o, s) for n, i, o, s in row.pop("batches")), **row) for row in map(dict, rows)
    )
