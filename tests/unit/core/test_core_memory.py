"""Sums over terms, the smallest rank, and what does not fit."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardwright.core import memory
from shardwright.core.memory import Demand, RankDemand, Term


def rank(index: int = 0, *, budget: int = 1000, weights: int = 400, block: int = 10, **overrides: int) -> RankDemand:
    """A rank of a device of 1200 bytes with 100 bytes outside the budget."""
    terms = (
        Term("weights", weights, counted=True, formula="w", source="s"),
        Term("graphs", 100, counted=False, formula="g", source="s"),
    )
    made = RankDemand(index, 1200, budget, terms, block, uncertainty_bytes=50)
    return dataclasses.replace(made, **overrides)


def demand(*ranks: RankDemand, request_tokens: int = 160, request_blocks: int = 10, spare_blocks: int = 0) -> Demand:
    """Requests of 160 tokens in 10 blocks of 16."""
    return Demand(ranks, request_tokens, request_blocks, (), "source", "", "r", (), spare_blocks)


def test_only_counted_terms_are_taken_from_the_budget() -> None:
    """What comes on top of the budget leaves the pool alone and the device fuller."""
    asked = demand(rank())
    pool = memory.pool_of(asked)
    assert (pool.left_bytes, pool.blocks, pool.tokens) == (600, 60, 960)
    assert memory.settle(asked, pool.blocks)[0].free_bytes == 1200 - 400 - 100 - 600


def test_the_rank_with_the_fewest_blocks_decides() -> None:
    """Every rank must hold its part of every token."""
    pool = memory.pool_of(demand(rank(0), rank(1, block=30), rank(2, block=0)))
    assert (pool.smallest_rank, pool.blocks) == (1, 20)


def test_a_rank_that_holds_little_of_each_token_may_have_the_least_bytes() -> None:
    """Blocks are compared, not bytes: an uneven stage with fewer layers needs less."""
    pool = memory.pool_of(demand(rank(0, weights=500, block=5), rank(1, block=10)))
    assert pool.smallest_rank == 1


def test_the_interval_is_that_of_the_counted_terms() -> None:
    """50 bytes more or less are five blocks more or less."""
    pool = memory.pool_of(demand(rank()))
    assert (pool.tokens_low, pool.tokens_high) == (880, 1040)


def test_tokens_are_counted_in_longest_requests() -> None:
    """Engines print how many longest requests fit, times their length: a length that fills no block costs a little."""
    assert memory.pool_of(demand(rank(), request_tokens=150)).tokens == 60 * 150 // 10


def test_a_fixed_pool_replaces_what_is_left() -> None:
    """The user's number holds, and nothing about it is uncertain."""
    pool = memory.pool_of(demand(rank(fixed_pool_bytes=200, uncertainty_bytes=0)))
    assert (pool.blocks, pool.tokens_low, pool.tokens_high) == (20, 320, 320)


@pytest.mark.parametrize(
    ("asked", "kind", "needed", "there"),
    [
        (demand(rank(weights=1001)), "budget", 1001, 1000),
        (demand(rank(weights=905)), "cache", 100, 95),
        (demand(rank(weights=900), spare_blocks=1), "cache", 110, 100),
        (demand(rank(budget=1150)), "device", 1250, 1200),
        (demand(rank(fixed_pool_bytes=900)), "device", 1400, 1200),
    ],
)
def test_a_shortfall_says_what_is_needed_and_what_is_there(asked: Demand, kind: str, needed: int, there: int) -> None:
    """Budget, cache and device are told apart, with the bytes of each."""
    lack = memory.shortfalls(asked)[0]
    assert (lack.kind, lack.needed_bytes, lack.there_bytes) == (kind, needed, there)


def test_what_fits_has_no_shortfall() -> None:
    """Exactly one request of full length is enough."""
    assert memory.shortfalls(demand(rank(weights=900))) == ()


def test_a_group_without_cache_is_an_error() -> None:
    """Whoever plans such a model has to refuse it first."""
    with pytest.raises(ValueError, match="no rank holds"):
        memory.pool_of(demand(rank(block=0)))


@given(
    budget=st.integers(1, 2000),
    weights=st.lists(st.integers(0, 2000), min_size=1, max_size=5),
    blocks=st.lists(st.integers(0, 40), min_size=5, max_size=5),
)
def test_a_settled_group_that_fits_stays_inside_every_device(
    budget: int, weights: list[int], blocks: list[int]
) -> None:
    """No shortfall means that no rank holds more than its device."""
    ranks = tuple(rank(i, budget=budget, weights=w, block=blocks[i]) for i, w in enumerate(weights))
    if not any(one.block_bytes for one in ranks):
        return
    asked = demand(*ranks)
    if not memory.shortfalls(asked):
        settled = memory.settle(asked, memory.pool_of(asked).blocks)
        assert all(one.free_bytes >= 0 for one in settled)
        assert all(one.kv_cache_bytes <= rank.left_bytes for one, rank in zip(settled, ranks, strict=True))
