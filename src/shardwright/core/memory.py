"""From an engine's terms to a pool of KV tokens: sums and the smallest rank, nothing that an engine decides.

An engine says, rank by rank, what it takes from its budget, what comes on top, and how many bytes a block of the cache
costs. Every rank holds its part of every token, so the rank that holds the fewest blocks decides for all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.rules import Finding
    from shardwright.core.speed import Pace

__all__ = [
    "Counting",
    "Demand",
    "Evidence",
    "Pool",
    "RankDemand",
    "RankMemory",
    "Setting",
    "Shortfall",
    "Term",
    "TermName",
    "pool_of",
    "settle",
    "shortfalls",
]

TermName = Literal["weights", "activation", "graphs", "other"]
Evidence = Literal["measured", "source", "bound"]
Setting = tuple[str, str | int | float | bool]
Counting = Literal["requests", "rounded-requests", "blocks"]
"""How an engine states its pool in tokens: as longest requests times their length, exactly or in floating point, or as whole
blocks of every group of layers."""


@frozen
class Term:
    """One part of a rank's memory, with the formula that gave it."""

    name: TermName
    bytes: int
    counted: bool
    """True: taken from the engine's budget before the KV cache; False: comes on top of the budget."""
    formula: str
    """With the numbers in it, for people."""
    source: str


@frozen
class RankDemand:
    """What one rank needs and has."""

    rank: int
    total_bytes: int
    """The device, as the runtime reports it."""
    budget_bytes: int
    """What the engine allows itself."""
    terms: tuple[Term, ...]
    block_bytes: int
    """One block of the KV cache on this rank; 0 where its layers cache nothing."""
    uncertainty_bytes: int
    """The counted terms may be this much smaller or larger."""
    perhaps_bytes: int = 0
    """Of the counted terms, what is not taken under conditions that a plan does not know; it widens the interval upwards."""
    fixed_pool_bytes: int | None = None
    """Where the user fixed the pool, it is not what is left but this."""

    @property
    def counted_bytes(self) -> int:
        """All terms that are taken from the budget."""
        return sum(term.bytes for term in self.terms if term.counted)

    @property
    def left_bytes(self) -> int:
        """What is left for the cache; negative where the terms exceed the budget."""
        return self.budget_bytes - self.counted_bytes if self.fixed_pool_bytes is None else self.fixed_pool_bytes


@frozen
class Demand:
    """An engine's answer for one layout."""

    ranks: tuple[RankDemand, ...]
    request_tokens: int
    """The longest request."""
    request_blocks: int
    """Blocks that such a request takes on every rank."""
    settings: tuple[Setting, ...]
    """The engine's flags that this answer rests on, resolved; they are written into what is rendered."""
    evidence: Evidence
    evidence_reason: str
    """What was measured nearest to this, or why it is only a bound."""
    runner: str
    """The engine's variant whose rules were used."""
    sources: tuple[str, ...]
    spare_blocks: int = 0
    """Blocks that the engine holds back before it accepts the longest request."""
    notes: tuple[str, ...] = ()
    """What the engine resolved and why, for the plan's reasons."""
    findings: tuple[Finding, ...] = ()
    """What the engine's own rules warn of."""
    counted_as: Counting = "requests"
    groups: int = 1
    """Groups of layers that take blocks from the pool each by itself."""
    tokens_per_block: int = 0
    """For the rule `blocks`: tokens that one block of every group stands for."""
    pace: Pace | None = None
    """Constants for predicting speed; None where the engine was not timed on such a device."""


@frozen
class RankMemory:
    """A rank after the pool is settled; `free_bytes` is the device less all terms and the KV cache."""

    rank: int
    terms: tuple[Term, ...]
    kv_cache_bytes: int
    free_bytes: int

    def sum_of(self, name: TermName) -> int:
        """Bytes of all terms of that name."""
        return sum(term.bytes for term in self.terms if term.name == name)


@frozen
class Pool:
    """Tokens that the group can hold, with the interval in which they lie."""

    tokens: int
    tokens_low: int
    tokens_high: int
    blocks: int
    smallest_rank: int
    left_bytes: int
    """What the smallest rank has left for the cache; negative where weights and the rest exceed its budget."""


@frozen
class Shortfall:
    """Why one rank does not fit."""

    rank: int
    kind: Literal["budget", "cache", "device"]
    """`budget`: weights and the rest exceed it; `cache`: one request does not fit into what is left; `device`: what comes on
    top of the budget exceeds the device."""
    needed_bytes: int
    there_bytes: int


def _unlike(demand: Demand) -> tuple[RankDemand, ...]:
    """The first of all ranks that are alike: a thousand ranks have but a few kinds of numbers."""
    first: dict[tuple[int, ...], RankDemand] = {}
    for rank in demand.ranks:
        # The terms of a stage are one tuple for all its ranks; equal ones that are not the same only cost time.
        fixed = -1 if rank.fixed_pool_bytes is None else rank.fixed_pool_bytes
        key = (
            id(rank.terms),
            rank.total_bytes,
            rank.budget_bytes,
            rank.block_bytes,
            rank.uncertainty_bytes,
            rank.perhaps_bytes,
            fixed,
        )
        first.setdefault(key, rank)
    return tuple(first.values())


def _blocks(demand: RankDemand, left_bytes: int) -> int:
    return max(left_bytes, 0) // demand.block_bytes


def pool_of(demand: Demand) -> Pool:
    """The pool of the whole group; ValueError if no rank caches anything."""
    holding = [rank for rank in _unlike(demand) if rank.block_bytes > 0]
    if not holding:
        raise ValueError("no rank holds a KV cache")
    smallest = min(holding, key=lambda rank: (_blocks(rank, rank.left_bytes), rank.left_bytes, rank.rank))

    def blocks(sign: int) -> int:
        return min(_blocks(rank, rank.left_bytes + _change(rank, sign)) for rank in holding)

    return Pool(
        tokens=_tokens(demand, blocks(0)),
        tokens_low=_tokens(demand, blocks(-1)),
        tokens_high=_tokens(demand, blocks(1)),
        blocks=blocks(0),
        smallest_rank=smallest.rank,
        left_bytes=smallest.left_bytes,
    )


def _change(rank: RankDemand, sign: int) -> int:
    """How much more (1) or less (-1) may be left at an end of the interval."""
    return sign * rank.uncertainty_bytes + (rank.perhaps_bytes if sign > 0 else 0)


def _tokens(demand: Demand, blocks: int) -> int:
    if demand.counted_as == "blocks":
        return blocks // demand.groups * demand.tokens_per_block
    if demand.counted_as == "rounded-requests":
        return int(
            blocks / demand.request_blocks * demand.request_tokens
        )  # one token less where the quotient rounds down
    return blocks * demand.request_tokens // demand.request_blocks


def settle(demand: Demand, blocks: int) -> tuple[RankMemory, ...]:
    """Every rank with its part of a pool of `blocks`."""
    return tuple(_settle_rank(rank, blocks) for rank in demand.ranks)


def _settle_rank(demand: RankDemand, blocks: int) -> RankMemory:
    kv_cache_bytes = blocks * demand.block_bytes
    used = kv_cache_bytes + sum(term.bytes for term in demand.terms)
    return RankMemory(
        rank=demand.rank, terms=demand.terms, kv_cache_bytes=kv_cache_bytes, free_bytes=demand.total_bytes - used
    )


def shortfalls(demand: Demand) -> tuple[Shortfall, ...]:
    """Every rank that does not fit, of those that are alike the first; empty if the layout does."""
    pool = pool_of(demand)
    found = (_shortfall(demand, rank, _settle_rank(rank, pool.blocks)) for rank in _unlike(demand))
    return tuple(shortfall for shortfall in found if shortfall is not None)


def _shortfall(demand: Demand, rank: RankDemand, after: RankMemory) -> Shortfall | None:
    if rank.fixed_pool_bytes is None and rank.left_bytes < 0:
        return Shortfall(rank.rank, "budget", rank.counted_bytes, rank.budget_bytes)
    needed = (demand.request_blocks + demand.spare_blocks) * rank.block_bytes
    if rank.block_bytes and _blocks(rank, rank.left_bytes) < demand.request_blocks + demand.spare_blocks:
        return Shortfall(rank.rank, "cache", needed, rank.left_bytes)
    if after.free_bytes < 0:
        return Shortfall(rank.rank, "device", rank.total_bytes - after.free_bytes, rank.total_bytes)
    return None
