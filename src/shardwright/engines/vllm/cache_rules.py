"""How vLLM's KV cache differs by version, as typed values: the rows of `[cache]` in facts.toml, folded up to a version.

It knows no model. Source of every row: vLLM's own code of that version (facts.toml says which file).
"""

from __future__ import annotations

import functools
from typing import Any

from shardwright.core.plan.version import parse_version
from shardwright.engines.vllm import facts
from shardwright.values import frozen

__all__ = ["CacheRules", "cache_rules_of"]

_LISTS = ("checkpointed_states", "latent_heads", "packed_fp8", "packed_always")


@frozen
class CacheRules:
    """What holds for one version; facts.toml explains each field."""

    tokens: str
    """`blocks`: logged tokens are whole blocks of each group; `requests`: longest requests times their length."""
    whole_below: float
    """Kinds of layers that differ in number by less than this factor form one group each."""
    in_flight: str
    """`step`: a window waits for one step's tokens; `batches`: for those of all batches under way."""
    spare_blocks: int
    grouped_chunks: bool
    """Whether layers with chunked attention keep only their chunk, where the environment does not say."""
    grouped_transfer: bool
    """Whether windows are kept as windows beside a KV connector."""
    states: str
    """How states are kept by default: `none`, `align`, `all-or-align`."""
    states_asked: str
    """The same with enable-prefix-caching."""
    checkpointed_states: tuple[str, ...]
    """Kinds of state of which one more is kept beside prefix caching: that reached inside a prefill."""
    state_steps: int
    """Attention blocks grow in these steps to the size of a state; 0: in steps of their own size."""
    latent_state_steps: int
    """The same for latent attention, at least."""
    latent_blocks: dict[str, int]
    """Tokens of a block of latent attention by major compute capability; the default where none is named."""
    latent_blocks_fp8: dict[str, int]
    latent_heads: tuple[int, ...]
    """On capability 10 the unrotated part of a head must be one of these; else the block is `latent_block_otherwise`."""
    latent_block_otherwise: int
    latent_forced: bool
    """Whether a given block size is replaced where kernels of latent attention cannot use it."""
    sparse_block: int
    """Tokens of a block where an indexer picks tokens."""
    packed_fp8: tuple[str, ...]
    """Major compute capabilities where a sparse latent cache in fp8 takes vLLM's packed form; `any` is all of them."""
    packed_always: tuple[str, ...]
    """Those where it does without being asked."""


@functools.cache
def cache_rules_of(version: str) -> CacheRules:
    """The rules of a version: all rows that are not newer, each adding what changed."""
    release, folded = parse_version(version), dict[str, Any]()
    for row in facts.table("cache")["changes"]:
        if parse_version(row["version"]) <= release:
            folded |= row
    del folded["version"]
    for name in _LISTS:
        folded[name] = tuple(folded[name])
    return CacheRules(**folded)
