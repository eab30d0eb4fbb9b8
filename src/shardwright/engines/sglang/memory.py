"""Memory of SGLang, rank by rank: budget, weights, states, and what is left for tokens.

Pool = free memory before loading x mem-fraction-static - weights, where the smallest device and the fullest rank of the whole
group decide; tokens = whole pages of the stage that holds the most. SGLang profiles nothing, so this is arithmetic.
Source: SGLang 0.5.1 to 0.5.23, profile_max_num_token and mem_cache/kv_cache_configurator.py _profile_available_bytes.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from shardwright.core import memory
from shardwright.core.memory import Demand, RankDemand, Term
from shardwright.engines.sglang import cache, evidence, facts, flags, fraction, lora, pace, rules, terms, weights
from shardwright.engines.sglang.terms import Stage
from shardwright.units import GIB
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.memory import Setting
    from shardwright.core.plan.types import Question
    from shardwright.engines.sglang.facts import Rules
    from shardwright.engines.sglang.flags import Flags
    from shardwright.engines.sglang.fraction import Batch

__all__ = ["demand_of"]

_SOURCE = "SGLang {version}: mem_cache/kv_cache_configurator.py and its rule of mem-fraction-static"


@frozen
class _Sizes:
    """One stage, counted."""

    weights: Term
    others: tuple[Term, ...]
    page_bytes: int

    @property
    def outside_bytes(self) -> int:
        """What must fit beside the fraction, the CUDA context apart: it is gone before."""
        return sum(term.bytes for term in self.others[:-1] if not term.counted)


@frozen
class _Room:
    """One stage with its budget, and how far what is left may be off."""

    sizes: _Sizes
    budget_bytes: int
    width_bytes: int


def demand_of(question: Question) -> Demand:
    """What every rank needs, with SGLang's own fraction, or with a larger one where only that leaves room for a request."""
    known = facts.rules_of(question.version)
    resolved = flags.resolved_flags(question, known)
    tried: list[Demand] = []
    for batch, chosen in _choices(question, known, resolved):
        tried.append(_demand(question, known, resolved, batch, chosen))
        if not memory.shortfalls(tried[-1]):
            break
    # Where nothing fits, SGLang's own choice is what is explained.
    made = tried[-1] if not memory.shortfalls(tried[-1]) else tried[0]
    findings = rules.findings_of(question, resolved, made, is_default=made is tried[0])
    return dataclasses.replace(made, findings=findings, notes=rules.notes_of(question, resolved, made))


def _choices(question: Question, known: Rules, resolved: Flags) -> Iterator[tuple[Batch, float]]:
    """Batches and fractions to try: SGLang's own, then as much as activations and graphs leave, with ever smaller steps."""
    asked = resolved.arguments.get("mem-fraction-static")
    default = fraction.batch_of(question, known, resolved)
    own = fraction.default_fraction(question, known, resolved, default)
    yield default, float(asked) if asked else own
    smaller = fraction.batch_of(question, known, resolved, chunk=2048)
    for batch in dict.fromkeys((default, smaller)):
        if asked:
            yield batch, float(asked)
        else:
            yield batch, max(own, _highest(question, resolved, batch))


def _highest(question: Question, resolved: Flags, batch: Batch) -> float:
    device, before = facts.table("device"), terms.before_bytes(question, resolved)
    outside = max(
        _sizes(question, resolved, batch, stage).outside_bytes for stage in range(question.layout.pipeline)
    ) + round(device["margin_gib"] * GIB)
    return min(math.floor(1000 * (before - outside) / before) / 1000, device["highest_fraction"])


def _sizes(question: Question, resolved: Flags, batch: Batch, index: int) -> _Sizes:
    stage = Stage(question, resolved, batch, index)
    held = terms.weights_term(stage, weights.stage_weights(question, index, resolved))
    return _Sizes(held, terms.stage_terms(stage), cache.page_bytes(question, resolved, index))


def _demand(question: Question, known: Rules, resolved: Flags, batch: Batch, chosen: float) -> Demand:
    kind, reason = evidence.evidence_of(question, resolved)
    stages = [_sizes(question, resolved, batch, index) for index in range(question.layout.pipeline)]
    # Every rank takes the smallest of all that is left: the fullest one decides.
    fullest = max(stage.weights.bytes for stage in stages)
    budget = math.floor(terms.before_bytes(question, resolved) * chosen)
    width = _uncertainty(question, known, resolved, kind)
    kinds = [
        _stage_rank(question, resolved, index, _Room(stage, max(budget - fullest + stage.weights.bytes, 1), width))
        for index, stage in enumerate(stages)
    ]
    return Demand(
        ranks=tuple(
            dataclasses.replace(kinds[rank.stage], rank=rank.index, total_bytes=question.gpu_of(rank).memory_bytes)
            for rank in question.layout.ranks
        ),
        request_tokens=question.max_model_len,
        request_blocks=-(-question.max_model_len // resolved.page_tokens),
        settings=_settings(question, resolved, batch, chosen),
        evidence=kind,
        evidence_reason=reason,
        runner="srt",
        sources=_sources(known, stages),
        counted_as="blocks",
        pace=pace.pace_of(question, resolved, batch),
        tokens_per_block=resolved.page_tokens,
    )


def _stage_rank(question: Question, resolved: Flags, stage: int, room: _Room) -> RankDemand:
    """A rank of that stage; which one, and on what device, is filled in for each."""
    sizes = room.sizes
    margin = sum(term.bytes for term in sizes.others if term.counted)
    left = room.budget_bytes - sizes.weights.bytes - margin
    states = cache.states_bytes(question, resolved, stage, left)
    asked = resolved.arguments.get("max-total-tokens")
    fixed = int(asked) // resolved.page_tokens * sizes.page_bytes if asked else None
    is_fixed = fixed is not None and fixed <= left - states
    source = "SGLang 0.5.16, mem_cache/kv_cache_configurator.py _handle_max_mamba_cache"
    held = Term("other", states, counted=True, formula="states of recurrent layers", source=source)
    return RankDemand(
        rank=0,
        total_bytes=question.gpu.memory_bytes,
        budget_bytes=room.budget_bytes,
        terms=(sizes.weights, *((held,) if states else ()), *sizes.others),
        block_bytes=sizes.page_bytes,
        uncertainty_bytes=0 if is_fixed else room.width_bytes,
        fixed_pool_bytes=fixed if is_fixed else None,
    )


def _uncertainty(question: Question, known: Rules, resolved: Flags, kind: memory.Evidence) -> int:
    """How far weights and free memory may differ from what is counted."""
    device = facts.table("device")
    gib = device["uncertainty_gib"][kind]
    if kind != "measured" and resolved.tensor * question.layout.pipeline > 1:
        gib += device["uncertainty_group_gib"]
    if not known.is_read:
        gib += device["version_gap_gib"]
    return round(gib * GIB)


def _settings(question: Question, resolved: Flags, batch: Batch, chosen: float) -> tuple[Setting, ...]:
    """The flags that are written out, so that SGLang starts with what was planned."""
    settings: list[Setting] = [
        ("dtype", resolved.dtype),
        ("context-length", question.max_model_len),
        ("mem-fraction-static", chosen),
        ("chunked-prefill-size", batch.chunk),
    ]
    if resolved.page_tokens > 1:
        settings.append(("page-size", resolved.page_tokens))
    if resolved.kv_dtype != "auto":
        settings.append(("kv-cache-dtype", resolved.kv_dtype))
    if resolved.quantization is not None:
        settings.append(("quantization", resolved.quantization))
    slots = question.recipe.model.lora_slots
    if slots:
        settings += [("enable-lora", True), ("max-loras-per-batch", slots), ("max-lora-rank", lora.rank_of(resolved))]
    asked = resolved.arguments.get("max-total-tokens")
    if asked:
        settings.append(("max-total-tokens", int(asked)))
    return (*settings, *cache.ratio_settings(question, resolved))


def _sources(known: Rules, stages: list[_Sizes]) -> tuple[str, ...]:
    every = [_SOURCE.format(version=known.version)]
    every += [term.source for stage in stages for term in (stage.weights, *stage.others)]
    return tuple(dict.fromkeys(every))
