"""Every number of a plan with its formula, what went into it and where that is from. Decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright import units
from shardwright.cli.tables import table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.memory import RankDemand, Term
    from shardwright.core.plan.types import Plan

__all__ = ["numbers_text", "terms_text"]


def terms_text(plan: Plan) -> str:
    """The terms of every rank with their formulas; ranks that are alike once."""
    rows = [
        (span, term.name, units.format_gib(term.bytes), _counted(term), term.formula)
        for span, demand in _alike(plan)
        for term in demand.terms
    ]
    return "Terms, GiB:\n" + table(("RANKS", "TERM", "GIB", "COUNTED", "FORMULA"), rows, right=(2,))


def numbers_text(plan: Plan) -> str:
    """Terms with sources, the pool rank by rank, speed with its assumptions, and the flags that all of it rests on."""
    parts = [_terms(plan), _pools(plan), _tokens(plan), _assumptions(plan), _settings(plan)]
    return "\n\n".join(part for part in parts if part)


def _counted(term: Term) -> str:
    return "budget" if term.counted else "on top"


def _alike(plan: Plan) -> list[tuple[str, RankDemand]]:
    """Ranks with the same numbers together: `0-7`, and what they need."""
    groups: dict[tuple[object, ...], list[RankDemand]] = {}
    for demand in plan.ledger:
        key = (demand.total_bytes, demand.budget_bytes, demand.terms, demand.block_bytes, demand.fixed_pool_bytes)
        groups.setdefault(key, []).append(demand)
    return [(_span([demand.rank for demand in group]), group[0]) for group in groups.values()]


def _span(ranks: list[int]) -> str:
    """`3`, `0-7`, `0-7,16-23`."""
    parts: list[str] = []
    start = last = ranks[0]
    for rank in (*ranks[1:], -1):
        if rank != last + 1:
            parts.append(str(start) if start == last else f"{start}-{last}")
            start = rank
        last = rank
    return ",".join(parts)


def _terms(plan: Plan) -> str:
    lines = ["Terms:"]
    for span, demand in _alike(plan):
        lines.append(f"  ranks {span}:")
        for term in demand.terms:
            lines += [
                f"    {term.name}: {units.format_gib(term.bytes)} GiB ({term.bytes:,} bytes, {_counted(term)})",
                f"      = {term.formula}",
                f"      source: {term.source}",
            ]
    return "\n".join(lines)


def _pools(plan: Plan) -> str:
    headings = ("RANKS", "DEVICE", "BUDGET", "COUNTED", "LEFT", "+-", "BLOCK BYTES", "BLOCKS")
    rows = [
        (
            span,
            units.format_gib(demand.total_bytes),
            units.format_gib(demand.budget_bytes),
            units.format_gib(demand.counted_bytes),
            units.format_gib(demand.left_bytes),
            units.format_gib(demand.uncertainty_bytes),
            f"{demand.block_bytes:,}",
            f"{max(demand.left_bytes, 0) // demand.block_bytes:,}" if demand.block_bytes else "-",
        )
        for span, demand in _alike(plan)
    ]
    lead = "Pool, GiB (left = budget - counted, or a fixed pool; blocks = left / bytes of a block):"
    return f"{lead}\n{table(headings, rows, right=range(1, len(headings)))}"


def _tokens(plan: Plan) -> str:
    pool = plan.pool
    copies = f" in each of {plan.layout.data} copies" if plan.layout.data > 1 else ""
    return (
        f"Tokens: rank {pool.smallest_rank} holds the fewest blocks, {pool.blocks:,}; x {plan.block_tokens:g} tokens a block"
        f" = {pool.tokens:,}{copies}, {pool.tokens_low:,} to {pool.tokens_high:,} with the uncertainty of each rank.\n"
        f"  evidence: {plan.evidence}: {plan.evidence_reason}"
    )


def _assumptions(plan: Plan) -> str:
    if plan.speed is None:
        return ""
    return "\n".join(["Speed rests on:", *(f"  - {text}" for text in plan.speed.assumptions)])


def _settings(plan: Plan) -> str:
    return "\n".join(["Flags that this rests on:", *_flags(plan)])


def _flags(plan: Plan) -> Iterator[str]:
    for name, value in plan.engine.settings:
        yield f"  {name}: {str(value).lower() if isinstance(value, bool) else value}"
