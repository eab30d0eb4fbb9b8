"""vLLM on a CPU: the pool is what is asked for, so its tokens are exact arithmetic.

Rehearsals and CPU serving use it. Source: vLLM 0.32, platforms/cpu.py, v1/worker/cpu_worker.py, v1/core/kv_cache_utils.py.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from shardwright.core import memory
from shardwright.core.memory import Demand, RankDemand, Term
from shardwright.engines.vllm import cache, facts, flags, weights
from shardwright.units import GIB, format_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.layout import Rank
    from shardwright.core.memory import Setting
    from shardwright.core.plan.types import Question
    from shardwright.engines.vllm.cache import CacheLayout
    from shardwright.engines.vllm.flags import Flags

__all__ = ["demand_of"]

_SOURCE = "vLLM 0.32, v1/worker/cpu_worker.py and platforms/cpu.py"
_SPACE = "VLLM_CPU_KVCACHE_SPACE"


def demand_of(question: Question) -> Demand:
    """Memory of every rank; unless it is given the pool holds the workload twice, once, or one request, as memory allows."""
    resolved = _flags(question)
    kept = cache.cache_of(question, resolved, _batch(question, resolved)[0])
    tried: list[Demand] = []
    for pool_bytes, given_as in _pools(question, resolved, kept):
        tried.append(_demand(question, resolved, kept, pool_bytes, given_as))
        if not memory.shortfalls(tried[-1]):
            break
    return tried[-1]


def _demand(question: Question, resolved: Flags, kept: CacheLayout, pool_bytes: int, given_as: str) -> Demand:
    tokens, sequences = _batch(question, resolved)
    stages = [_stage_terms(question, resolved, index, tokens) for index in range(question.layout.pipeline)]
    settings: list[Setting] = [
        ("dtype", resolved.dtype),
        ("max-model-len", question.max_model_len),
        ("max-num-batched-tokens", tokens),
        ("max-num-seqs", sequences),
    ]
    if resolved.kv_dtype != "auto":
        settings.append(("kv-cache-dtype", resolved.kv_dtype))
    if given_as != _SPACE:
        settings.append(("kv-cache-memory-bytes", pool_bytes))
    return Demand(
        ranks=tuple(
            _rank(question, resolved, rank, stages[rank.stage], kept.block_bytes[rank.stage], pool_bytes)
            for rank in question.layout.ranks
        ),
        request_tokens=question.max_model_len,
        request_blocks=kept.request_blocks,
        settings=tuple(settings),
        evidence="bound" if question.shape.bound else "measured",
        evidence_reason="On a CPU the pool is as large as it is asked for; its tokens were checked against what vLLM printed.",
        runner=resolved.runner,
        sources=(_SOURCE,),
        spare_blocks=kept.spare_blocks,
        counted_as=kept.counted_as,
        groups=kept.groups,
        tokens_per_block=kept.tokens_per_block,
        notes=(f"The pool is {format_bytes(pool_bytes)} on every rank ({given_as}).",),
    )


def _cpu() -> dict[str, Any]:
    return facts.table("cpu")


def _flags(question: Question) -> Flags:
    return dataclasses.replace(flags.base_flags(question, facts.rules_of(question.version)), has_graphs=False)


def _batch(question: Question, resolved: Flags) -> tuple[int, int]:
    world, entry, given = question.layout.world_size, question.recipe.engine.entrypoint, resolved.arguments
    sequences = int(given.get("max-num-seqs") or _cpu()[f"{entry}_seqs_per_rank"] * world)
    default = min(_cpu()[f"{entry}_tokens_per_rank"] * world, sequences * question.max_model_len)
    tokens = int(given.get("max-num-batched-tokens") or default)
    return tokens, min(sequences, tokens)


def _pools(question: Question, resolved: Flags, kept: CacheLayout) -> Iterator[tuple[int, str]]:
    """Bytes of the pool of each rank, and where that comes from; the first that fits is taken."""
    space = question.recipe.engine.env.get(_SPACE)
    if resolved.fixed_pool_bytes is not None:
        yield resolved.fixed_pool_bytes, "engine.args.kv-cache-memory-bytes"
    elif isinstance(space, str) and space.isdigit():
        yield int(space) * GIB, _SPACE
    else:
        workload = question.recipe.workload
        asked = max(question.max_model_len, workload.concurrency * (workload.input_tokens + workload.output_tokens))
        yield _bytes_for(kept, 2 * asked), "twice what the workload needs"
        yield _bytes_for(kept, asked), "what the workload needs"
        yield _bytes_for(kept, question.max_model_len), "what one request needs"


def _bytes_for(kept: CacheLayout, tokens: int) -> int:
    # Every group of layers may keep every token; a rank with more layers needs more for the same blocks.
    blocks = max(kept.groups * -(-tokens // kept.block_tokens), kept.request_blocks) + 1
    step = _cpu()["step_bytes"]
    return -(-blocks * max(kept.block_bytes) // step) * step


def _stage_terms(question: Question, resolved: Flags, stage: int, tokens: int) -> tuple[Term, ...]:
    shape = question.shape
    held = weights.stage_weights(shape, question.layout, stage, resolved)
    wide = shape.hidden_size + 3 * shape.intermediate_size
    return (
        Term("weights", held.total_bytes, counted=True, formula="all tensors of the stage", source=_SOURCE),
        Term(
            "activation",
            resolved.element_bytes * tokens * wide,
            counted=True,
            formula=f"{resolved.element_bytes}T (H + 3I), T = {tokens}; an upper estimate",
            source=_SOURCE,
        ),
        Term(
            "other",
            round(_cpu()["worker_gib"] * GIB),
            counted=True,
            formula="resident size of a worker without its model, shared pages included",
            source="measured with vLLM 0.32 on a CPU",
        ),
    )


def _rank(  # noqa: PLR0917 - one for each part of a rank
    question: Question, resolved: Flags, rank: Rank, terms: tuple[Term, ...], block_bytes: int, pool_bytes: int
) -> RankDemand:
    blocks = resolved.fixed_blocks
    return RankDemand(
        rank=rank.index,
        total_bytes=question.gpu.memory_bytes,
        budget_bytes=question.gpu.memory_bytes,
        terms=terms,
        block_bytes=block_bytes,
        uncertainty_bytes=0,
        fixed_pool_bytes=pool_bytes if blocks is None else blocks * block_bytes,
    )
