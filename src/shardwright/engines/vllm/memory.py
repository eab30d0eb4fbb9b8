"""Memory of vLLM on GPUs, rank by rank: weights, terms, budget, KV blocks, and how sure all of it is.

Pool of a rank = ceil(utilization x device) - counted terms; tokens = blocks of the smallest rank / blocks of the longest
request x its length. Source: vLLM 0.24 and 0.32, v1/worker/gpu_worker.py, v1/worker/utils.py, v1/core/kv_cache_utils.py.
"""

from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING

from shardwright.core import memory
from shardwright.core.memory import Demand, RankDemand
from shardwright.engines.vllm import (
    activation,
    cache,
    evidence,
    facts,
    flags,
    on_cpu,
    pace,
    rules,
    terms,
    uncertainty,
    weights,
)
from shardwright.engines.vllm.terms import Stage
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shardwright.core.layout import Rank
    from shardwright.core.memory import Setting, Term
    from shardwright.core.plan.types import Question
    from shardwright.engines.vllm.facts import Rules
    from shardwright.engines.vllm.flags import Flags

__all__ = ["demand_of"]

_LEAST_UTILIZATION = 0.5


@frozen
class _Sizes:
    """One stage, counted."""

    terms: tuple[Term, ...]
    block_bytes: int
    uncertainty_bytes: int
    warm_bytes: int
    """What a start that finds everything compiled does not take."""


def demand_of(question: Question) -> Demand:
    """What every rank needs, with vLLM's own defaults, or with smaller ones where only those leave room for a request."""
    if question.gpu.device == "cpu":
        return on_cpu.demand_of(question)
    known = facts.rules_of(question.version)
    resolved = flags.base_flags(question, known)
    tried: list[Demand] = []
    for batched_tokens, sequences in flags.batches(question, known, resolved):
        demand = _demand(question, known, resolved, batched_tokens, sequences)
        tried.append(demand)
        if not memory.shortfalls(demand):
            break
    chosen = tried[-1]
    found = rules.findings_of(question, resolved, chosen, is_default=len(tried) == 1)
    return dataclasses.replace(chosen, findings=found, notes=rules.notes_of(question, known, chosen))


def _demand(question: Question, known: Rules, resolved: Flags, batched_tokens: int, sequences: int) -> Demand:
    kind, reason = evidence.evidence_of(question, resolved)
    kept = cache.cache_of(question, resolved, batched_tokens)
    every = [
        Stage(question, known, resolved, index, batched_tokens, sequences) for index in range(question.layout.pipeline)
    ]
    stages = _all_sizes(every, kind, kept.block_bytes)
    utilization = _utilization(question, known, resolved, stages)
    return Demand(
        ranks=tuple(_rank(question, resolved, rank, stages[rank.stage], utilization) for rank in question.layout.ranks),
        request_tokens=question.max_model_len,
        request_blocks=kept.request_blocks,
        settings=_settings(question, resolved, batched_tokens, sequences, utilization),
        evidence=kind,
        evidence_reason=reason,
        runner=resolved.runner,
        sources=_sources(known, stages),
        spare_blocks=kept.spare_blocks,
        counted_as=kept.counted_as,
        groups=kept.groups,
        tokens_per_block=kept.tokens_per_block,
        pace=pace.pace_of(question, resolved, batched_tokens, sequences),
    )


def _all_sizes(stages: list[Stage], kind: memory.Evidence, block_bytes: Sequence[int]) -> list[_Sizes]:
    """Sizes of every stage; stages between the first and the last that hold the same layers are counted once."""
    known: dict[tuple[object, ...], _Sizes] = {}
    found: list[_Sizes] = []
    for stage, size in zip(stages, block_bytes, strict=True):
        key = (stage.index == 0, stage.is_last, size, *(id(layer) for layer in stage.held))
        if key not in known:
            known[key] = _stage_sizes(stage, kind, size)
        found.append(known[key])
    return found


def _stage_sizes(stage: Stage, kind: memory.Evidence, block_bytes: int) -> _Sizes:
    held = weights.stage_weights(stage.question.shape, stage.question.layout, stage.index, stage.flags)
    found = terms.stage_terms(stage, held)
    width = uncertainty.half_width_bytes(stage, found, kind)
    return _Sizes(found, block_bytes, width, activation.warm_bytes(stage))


def _utilization(question: Question, known: Rules, resolved: Flags, stages: list[_Sizes]) -> float:
    """As asked; else vLLM's default, lowered where what comes on top of the budget would not fit beside it."""
    asked = resolved.arguments.get("gpu-memory-utilization")
    if asked is not None:
        return float(asked)
    total = question.gpu.memory_bytes
    on_top = max(sum(term.bytes for term in stage.terms if not term.counted) for stage in stages)
    room = math.floor((total - on_top) / total * 100) / 100
    return max(min(known.utilization, room), _LEAST_UTILIZATION)


def _rank(question: Question, resolved: Flags, rank: Rank, sizes: _Sizes, utilization: float) -> RankDemand:
    fixed = resolved.fixed_pool_bytes
    if resolved.fixed_blocks is not None:
        fixed = resolved.fixed_blocks * sizes.block_bytes
    return RankDemand(
        rank=rank.index,
        total_bytes=question.gpu_of(rank).memory_bytes,
        budget_bytes=math.ceil(question.gpu_of(rank).memory_bytes * utilization),
        terms=sizes.terms,
        block_bytes=sizes.block_bytes,
        uncertainty_bytes=0 if fixed is not None else sizes.uncertainty_bytes,
        perhaps_bytes=0 if fixed is not None else sizes.warm_bytes,
        fixed_pool_bytes=fixed,
    )


def _settings(
    question: Question, resolved: Flags, batched_tokens: int, sequences: int, utilization: float
) -> tuple[Setting, ...]:
    """The flags that are written out, so that vLLM starts with what was planned."""
    settings: list[Setting] = [
        ("dtype", resolved.dtype),
        ("max-model-len", question.max_model_len),
        ("max-num-batched-tokens", batched_tokens),
        ("max-num-seqs", sequences),
        ("gpu-memory-utilization", utilization),
    ]
    if resolved.kv_dtype != "auto":
        settings.append(("kv-cache-dtype", resolved.kv_dtype))
    if resolved.quantization is not None:
        settings.append(("quantization", resolved.quantization))
    if resolved.fixed_pool_bytes is not None:
        settings.append(("kv-cache-memory-bytes", resolved.fixed_pool_bytes))
    return (*settings, *_lora(resolved), *_speculation(question, resolved))


def _lora(resolved: Flags) -> Iterator[Setting]:
    if resolved.lora_slots:
        yield "enable-lora", True
        yield "max-loras", resolved.lora_slots
        yield "max-lora-rank", resolved.lora_rank


def _speculation(question: Question, resolved: Flags) -> Iterator[Setting]:
    if question.recipe.model.draft is not None:
        config = resolved.arguments["speculative-config"]
        yield "speculative-config", json.dumps(config, separators=(",", ":"), sort_keys=True)


def _sources(known: Rules, stages: list[_Sizes]) -> tuple[str, ...]:
    every = [known.formula.source, *(term.source for stage in stages for term in stage.terms)]
    return tuple(dict.fromkeys(every))
