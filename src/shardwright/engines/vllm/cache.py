"""From bytes to blocks and tokens: how vLLM lays out its KV cache and what it then logs.

`GPU KV cache size: N tokens` is the number of longest requests that the pool holds times their length, so with windows and
states it depends on max-model-len, T and the batches under way. Blocks are those of the smallest rank. It does not know how
many bytes there are. Source: vLLM 0.10 to 0.32, v1/core/kv_cache_utils.py; checked against it (tests/integration/
test_engine_cache.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shardwright.engines.vllm import cache_groups, cache_pages, cache_rules
from shardwright.engines.vllm.cache_groups import Longest
from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.memory import Counting
    from shardwright.core.plan.types import Question
    from shardwright.engines.vllm.cache_rules import CacheRules
    from shardwright.engines.vllm.flags import Flags

__all__ = ["CacheLayout", "cache_of", "concurrent_batches"]

_STEPWISE = ("ngram", "suffix", "medusa", "mlp_speculator")
"""Ways of speculation that need the step before them."""
_ALLOW_CHUNKS = "VLLM_ALLOW_CHUNKED_LOCAL_ATTN_WITH_HYBRID_KV_CACHE"


@frozen
class CacheLayout:
    """The KV cache of one layout; what memory needs of it."""

    block_bytes: tuple[int, ...]
    """One block on a rank of each stage."""
    block_tokens: int
    """Tokens of a block of attention."""
    request_blocks: int
    """Blocks of the longest request."""
    spare_blocks: int
    """Held back when vLLM checks the longest request."""
    groups: int
    counted_as: Counting
    tokens_per_block: int
    """For the rule `blocks`: tokens that a block of every group together stands for."""


def cache_of(question: Question, resolved: Flags, batched_tokens: int) -> CacheLayout:
    """How the cache of this layout is laid out with T = `batched_tokens`."""
    rules = cache_rules.cache_rules_of(question.version)
    pages = cache_pages.pages_of(question, resolved, rules)
    has_windows = _keeps_windows(question, resolved, rules)
    groups = cache_groups.groups_of(pages.stages, whole_below=rules.whole_below, has_windows=has_windows)
    longest = _longest(question, resolved, rules, pages, batched_tokens)
    smallest = min((group.page.block_tokens for group in groups), default=pages.block_tokens)
    return CacheLayout(
        block_bytes=tuple(cache_groups.block_bytes(groups, stage) for stage in range(question.layout.pipeline)),
        block_tokens=pages.block_tokens,
        request_blocks=cache_groups.request_blocks(groups, longest),
        spare_blocks=rules.spare_blocks,
        groups=len(groups),
        counted_as="blocks" if rules.tokens == "blocks" else "rounded-requests",
        tokens_per_block=smallest * longest.context_ranks,
    )


def _longest(
    question: Question, resolved: Flags, rules: CacheRules, pages: cache_pages.Pages, batched_tokens: int
) -> Longest:
    batches = concurrent_batches(question, resolved) if rules.in_flight == "batches" else 1
    return Longest(
        tokens=question.max_model_len,
        in_flight_tokens=batches * batched_tokens,
        context_ranks=int(resolved.arguments.get("decode-context-parallel-size") or 1),
        state_tokens=pages.state_tokens,
    )


def concurrent_batches(question: Question, resolved: Flags) -> int:
    """Batches under way at once: one a stage, and one more where the next is scheduled while one runs.

    Source: config/vllm.py max_concurrent_batches of 0.26 to 0.32; the V1 runner does not schedule ahead with stages.
    """
    stages = question.layout.pipeline
    if not _schedules_ahead(question, resolved):
        return stages
    if resolved.runner == "v2":
        return stages + 1
    return 2 if stages == 1 else stages


def _schedules_ahead(question: Question, resolved: Flags) -> bool:
    given: dict[str, Any] = resolved.arguments
    asked = given.get("async-scheduling")
    if asked is not None:
        return bool(asked)
    return question.gpu.device != "cpu" and cache_pages.speculation_of(resolved).get("method") not in _STEPWISE


def _keeps_windows(question: Question, resolved: Flags, rules: CacheRules) -> bool:
    """Whether the hybrid KV cache manager is on: else layers with windows keep every token, as the others do."""
    given: dict[str, Any] = resolved.arguments
    if given.get("disable-hybrid-kv-cache-manager"):
        return False
    if given.get("kv-transfer-config") and not rules.grouped_transfer:
        return False
    has_chunks = any(layer.cache.kind == "chunked" for layer in question.shape.layers)
    default = "1" if rules.grouped_chunks else "0"
    return not has_chunks or question.recipe.engine.env.get(_ALLOW_CHUNKS, default) != "0"
