"""vLLM on a CPU: the pool is what is asked for, so its tokens are exact arithmetic.

Rehearsals and CPU serving use it. Source: vLLM 0.32, platforms/cpu.py, v1/worker/cpu_worker.py, v1/core/kv_cache_utils.py.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from shardwright.core import memory
from shardwright.core.memory import Demand, RankDemand, Term
from shardwright.engines.vllm import facts, flags, weights
from shardwright.units import GIB, format_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.layout import Rank
    from shardwright.core.memory import Setting
    from shardwright.core.plan.types import Question
    from shardwright.engines.vllm.flags import Flags

__all__ = ["demand_of"]

_SOURCE = "vLLM 0.32, v1/worker/cpu_worker.py and platforms/cpu.py"
_SPACE = "VLLM_CPU_KVCACHE_SPACE"


def demand_of(question: Question) -> Demand:
    """Memory of every rank; unless it is given the pool holds the workload twice, once, or one request, as memory allows."""
    resolved = _flags(question)
    tried: list[Demand] = []
    for pool_bytes, given_as in _pools(question, resolved):
        tried.append(_demand(question, resolved, pool_bytes, given_as))
        if not memory.shortfalls(tried[-1]):
            break
    return tried[-1]


def _demand(question: Question, resolved: Flags, pool_bytes: int, given_as: str) -> Demand:
    known = facts.rules_of(question.version)
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
        ranks=tuple(_rank(question, resolved, rank, stages[rank.stage], pool_bytes) for rank in question.layout.ranks),
        request_tokens=question.max_model_len,
        request_blocks=-(-question.max_model_len // resolved.block_tokens),
        settings=tuple(settings),
        evidence="bound" if question.shape.bound else "measured",
        evidence_reason="On a CPU the pool is as large as it is asked for; its tokens were checked against what vLLM printed.",
        runner=resolved.runner,
        sources=(_SOURCE,),
        spare_blocks=known.spare_blocks,
        notes=(f"The pool is {format_bytes(pool_bytes)} on every rank ({given_as}).",),
    )


def _cpu() -> dict[str, Any]:
    return facts.table("cpu")


def _flags(question: Question) -> Flags:
    resolved = flags.base_flags(question, facts.rules_of(question.version))
    block = resolved.arguments.get("block-size") or _cpu()["block_tokens"]
    block = 16 if question.shape.latent is not None else int(block)
    return dataclasses.replace(resolved, block_tokens=block, has_graphs=False)


def _batch(question: Question, resolved: Flags) -> tuple[int, int]:
    world, entry, given = question.layout.world_size, question.recipe.engine.entrypoint, resolved.arguments
    sequences = int(given.get("max-num-seqs") or _cpu()[f"{entry}_seqs_per_rank"] * world)
    default = min(_cpu()[f"{entry}_tokens_per_rank"] * world, sequences * question.max_model_len)
    tokens = int(given.get("max-num-batched-tokens") or default)
    return tokens, min(sequences, tokens)


def _pools(question: Question, resolved: Flags) -> Iterator[tuple[int, str]]:
    """Bytes of the pool of each rank, and where that comes from; the first that fits is taken."""
    space = question.recipe.engine.env.get(_SPACE)
    if resolved.fixed_pool_bytes is not None:
        yield resolved.fixed_pool_bytes, "engine.args.kv-cache-memory-bytes"
    elif isinstance(space, str) and space.isdigit():
        yield int(space) * GIB, _SPACE
    else:
        workload = question.recipe.workload
        asked = max(question.max_model_len, workload.concurrency * (workload.input_tokens + workload.output_tokens))
        yield _bytes_for(question, resolved, 2 * asked), "twice what the workload needs"
        yield _bytes_for(question, resolved, asked), "what the workload needs"
        yield _bytes_for(question, resolved, question.max_model_len), "what one request needs"


def _bytes_for(question: Question, resolved: Flags, tokens: int) -> int:
    # The engine keeps one block; a rank with more layers needs more for the same blocks.
    blocks = -(-tokens // resolved.block_tokens) + 1
    largest = max(_block_bytes(question, resolved, index) for index in range(question.layout.pipeline))
    step = _cpu()["step_bytes"]
    return -(-blocks * largest // step) * step


def _block_bytes(question: Question, resolved: Flags, stage: int) -> int:
    first, tensor = question.layout.first_layer(stage), question.layout.tensor
    numbers = 0
    for layer in question.shape.layers[first : first + question.layout.stages[stage]]:
        heads = layer.cache.heads if layer.cache.kind == "latent" else max(1, layer.cache.heads // tensor)
        numbers += heads * (layer.cache.key_size + layer.cache.value_size)
    return round(numbers * resolved.kv_element_bytes) * resolved.block_tokens


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


def _rank(question: Question, resolved: Flags, rank: Rank, terms: tuple[Term, ...], pool_bytes: int) -> RankDemand:
    block_bytes = _block_bytes(question, resolved, rank.stage)
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
