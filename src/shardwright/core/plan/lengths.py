"""Lengths of requests: what a pool leaves room for, in numbers that people would write."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shardwright.core.plan.search import Trial

__all__ = ["room_tokens", "whole_steps"]

_STEP = 1024


def whole_steps(tokens: int) -> int:
    """Rounded down to whole steps: of 1,024 tokens, of 128 where there are few; 0 below one step."""
    step = _STEP if tokens >= 2 * _STEP else _STEP // 8
    return tokens // step * step


def room_tokens(trial: Trial) -> int:
    """Tokens of the longest request that surely fits into the pool of a trial, less what the engine keeps back."""
    pool, demand = trial.pool, trial.demand
    if pool is None or demand is None or not pool.tokens or any(lack.kind == "device" for lack in trial.shortfalls):
        return 0
    blocks = pool.blocks * pool.tokens_low // pool.tokens - demand.spare_blocks
    return max(blocks, 0) * demand.request_tokens // demand.request_blocks
