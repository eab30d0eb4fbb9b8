"""From an engine's terms to a pool of KV tokens: sums and the smallest rank, nothing that an engine decides.

An engine says, rank by rank, what it takes from its budget, what comes on top, and how many bytes a token costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Demand", "Evidence", "Pool", "RankDemand", "RankMemory", "Term", "pool_of", "settle"]

TermName = Literal["weights", "activation", "graphs", "other"]
Evidence = Literal["measured", "source", "bound"]


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a rank's memory, with the formula that gave it."""

    name: TermName
    bytes: int
    counted: bool
    """True: taken from the engine's budget before the KV cache; False: comes on top of the budget."""
    formula: str
    """With the numbers in it, for people."""
    source: str


@dataclass(frozen=True, slots=True)
class RankDemand:
    """What one rank needs and has."""

    rank: int
    total_bytes: int
    """The device, as the runtime reports it."""
    budget_bytes: int
    """What the engine allows itself."""
    terms: tuple[Term, ...]
    token_bytes: float
    """KV cache of one token on this rank."""
    block_tokens: int
    """Tokens are given out in blocks of this many."""
    uncertainty_bytes: int
    """The counted terms may be this much smaller or larger."""
    fixed_pool_bytes: int | None = None
    """Where the user fixed the pool, it is not what is left but this."""


@dataclass(frozen=True, slots=True)
class Demand:
    """An engine's answer for one layout."""

    ranks: tuple[RankDemand, ...]
    settings: tuple[tuple[str, str | int | float | bool], ...]
    """The engine's flags that this answer rests on, resolved; they are written into what is rendered."""
    evidence: Evidence
    evidence_reason: str
    """What was measured nearest to this, or why it is only a bound."""
    runner: str
    """The engine's variant whose rules were used."""
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RankMemory:
    """A rank after the pool is settled; `free_bytes` is the device less all terms and the KV cache."""

    rank: int
    terms: tuple[Term, ...]
    kv_cache_bytes: int
    free_bytes: int

    def sum_of(self, name: TermName) -> int:
        """Bytes of all terms of that name."""
        return sum(term.bytes for term in self.terms if term.name == name)


@dataclass(frozen=True, slots=True)
class Pool:
    """Tokens that the group can hold: every rank must hold its part of each, so the smallest rank decides."""

    tokens: int
    tokens_low: int
    tokens_high: int
    smallest_rank: int
    left_bytes: int
    """What the smallest rank has left for the cache; negative where weights and the rest exceed its budget."""


def _left_bytes(demand: RankDemand) -> int:
    if demand.fixed_pool_bytes is not None:
        return demand.fixed_pool_bytes
    return demand.budget_bytes - sum(term.bytes for term in demand.terms if term.counted)


def _tokens(demand: RankDemand, left_bytes: float) -> int:
    blocks = int(max(left_bytes, 0) // (demand.token_bytes * demand.block_tokens))
    return blocks * demand.block_tokens


def pool_of(demand: Demand) -> Pool:
    """The pool of the whole group."""
    holding = [rank for rank in demand.ranks if rank.token_bytes > 0]
    smallest = min(holding, key=lambda rank: (_tokens(rank, _left_bytes(rank)), _left_bytes(rank)))

    def tokens(sign: int) -> int:
        return min(_tokens(rank, _left_bytes(rank) + sign * rank.uncertainty_bytes) for rank in holding)

    return Pool(
        tokens=tokens(0),
        tokens_low=tokens(-1),
        tokens_high=tokens(1),
        smallest_rank=smallest.rank,
        left_bytes=_left_bytes(smallest),
    )


def settle(demand: Demand, tokens: int) -> tuple[RankMemory, ...]:
    """Every rank with its part of a pool of `tokens`."""
    return tuple(_settle_rank(rank, tokens) for rank in demand.ranks)


def _settle_rank(demand: RankDemand, tokens: int) -> RankMemory:
    kv_cache_bytes = int(tokens * demand.token_bytes)
    used = kv_cache_bytes + sum(term.bytes for term in demand.terms)
    return RankMemory(
        rank=demand.rank, terms=demand.terms, kv_cache_bytes=kv_cache_bytes, free_bytes=demand.total_bytes - used
    )
