"""Which part of the device SGLang gives to weights and KV cache when it is not told: `mem-fraction-static`.

It reserves an amount that depends on memory, prefill tokens, ranks and graphs; the rest is the fraction, rounded to 0.001.
The rule by version stands in facts.toml. Source: SGLang 0.5.1 to 0.5.23, _handle_gpu_memory_settings; its fractions on H200
were printed by 0.5.16 (measured.toml).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shardwright.engines.sglang import facts, flags
from shardwright.units import MIB
from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.hardware import Gpu
    from shardwright.core.plan.types import Question
    from shardwright.engines.sglang.facts import Rules, Tier
    from shardwright.engines.sglang.flags import Flags

__all__ = ["Batch", "batch_of", "default_fraction", "driver_mib"]

_FLOOR_FROM_MIB = 60 * 1024
_FLOOR_MIB = 10 * 1024
_LEAST_TOKENS = 2048
_MANY_RANKS = 4
_PREFILL_STEPS = ((4, 33, 4), (48, 257, 16), (288, 513, 32), (576, 1025, 64), (1280, 4097, 256), (4608, 1 << 20, 512))
_DECODE_STEPS = ((16, 257, 8), (272, 512, 16), (512, 1 << 20, 32))
_LARGE_BATCH = 300
_BASE_ENCODER = 24 * 1024**2
"""Layers x width^2 of the encoder that the reserve for images starts from."""


@frozen
class Batch:
    """How much is computed at once, and for which sizes graphs are captured."""

    chunk: int
    """chunked-prefill-size; -1: prompts are not cut."""
    prefill_tokens: int
    """Most tokens of one prefill step."""
    decode_requests: int
    """Largest batch of decode graphs."""
    prefill_sizes: int
    """Sizes that prefill graphs are captured for; 0 without them."""
    decode_sizes: int


def batch_of(question: Question, rules: Rules, resolved: Flags, chunk: int | None = None) -> Batch:
    """SGLang's defaults for this device; `chunk` replaces its chunked-prefill-size where the recipe gives none."""
    given, tier = resolved.arguments, _tier(rules, driver_mib(question.gpu))
    size = int(given.get("chunked-prefill-size") or chunk or tier.chunk)
    requests = _decode_requests(rules, resolved, tier)
    prefill = size if size > 0 else int(given.get("max-prefill-tokens") or 16384)
    prefill_sizes = _graph_tokens(question, rules, prefill, given) if resolved.has_prefill_graphs else 0
    return Batch(
        chunk=size,
        prefill_tokens=prefill,
        decode_requests=requests,
        prefill_sizes=_count(_PREFILL_STEPS, prefill_sizes),
        decode_sizes=_count(_DECODE_STEPS, requests) + sum(n <= requests for n in (1, 2, 4, 8, 12))
        if resolved.has_decode_graphs
        else 0,
    )


def driver_mib(gpu: Gpu) -> float:
    """The device's memory as the driver reports it: what the rules start from."""
    driver = facts.table("driver")
    return driver["memory_mib"].get(gpu.name, gpu.memory_bytes / MIB + driver["extra_gib"] * 1024)


def _tier(rules: Rules, memory_mib: float) -> Tier:
    return next(tier for tier in rules.tiers if memory_mib < tier.below_mib or not tier.below_mib)


def _decode_requests(rules: Rules, resolved: Flags, tier: Tier) -> int:
    given = resolved.arguments
    asked = given.get("cuda-graph-max-bs-decode") or given.get("cuda-graph-max-bs")
    if asked:
        return int(asked)
    default = tier.graphs[0 if resolved.tensor < _MANY_RANKS else 1]
    running = given.get("max-running-requests")
    return min(default, int(running)) if running and rules.capped_by_requests else default


def _graph_tokens(question: Question, rules: Rules, prefill_tokens: int, given: dict[str, Any]) -> int:
    tokens = min(prefill_tokens, rules.latent_graph_tokens) if question.shape.latent is not None else prefill_tokens
    if given.get("max-total-tokens"):
        tokens = min(tokens, int(given["max-total-tokens"]))
    if "llama-2" in question.recipe.model.source.lower():
        tokens = min(tokens, 4096)
    return min(tokens, question.max_model_len) if rules.clamped else tokens


def _count(steps: tuple[tuple[int, int, int], ...], largest: int) -> int:
    return sum(len(range(first, min(end, largest + 1), step)) for first, end, step in steps)


def default_fraction(question: Question, rules: Rules, resolved: Flags, batch: Batch) -> float:
    """What SGLang would choose, rounded to 0.001 as it does; models for images get a smaller one."""
    total = driver_mib(question.gpu)
    reserved = (
        _table_mib(question, rules, resolved)
        if rules.reserve == "table"
        else _sum_mib(question, rules, resolved, batch)
    )
    return round(round((total - reserved) / total, 3) * _encoder_factor(question), 3)


def _table_mib(question: Question, rules: Rules, resolved: Flags) -> float:
    """Fixed amounts by memory: the rule until 0.5.2."""
    tier = _tier(rules, driver_mib(question.gpu))
    ranks = resolved.tensor * question.layout.pipeline
    reserved = (tier.reserved_gib + tier.per_rank_gib * ranks) * 1024
    return reserved + _speculation_mib(rules, resolved) + (4096 if resolved.data_mode == "attention" else 0)


def _sum_mib(question: Question, rules: Rules, resolved: Flags, batch: Batch) -> float:
    """512 + 1.5 prefill tokens + 128 a rank + graphs, at least 10 GiB on large devices: the rule from 0.5.3 on."""
    reserved = 512 + 1.5 * max(batch.prefill_tokens, _LEAST_TOKENS)
    reserved += resolved.tensor * question.layout.pipeline / 8 * 1024
    reserved += _graphs_mib(question, rules, resolved, batch)
    if driver_mib(question.gpu) > _FLOOR_FROM_MIB:
        reserved = max(reserved, _FLOOR_MIB)
    if resolved.arguments.get("moe-a2a-backend") == "deepep" and resolved.has_decode_graphs and not rules.decode_always:
        reserved += 2048
    return reserved + _speculation_mib(rules, resolved)


def _graphs_mib(question: Question, rules: Rules, resolved: Flags, batch: Batch) -> float:
    requests, copies = batch.decode_requests, question.layout.data
    reserved = 2.0 * requests if resolved.has_decode_graphs or rules.decode_always else 0.0
    if resolved.data_mode == "attention":
        reserved += (4.5 if requests > _LARGE_BATCH else 3.0) * requests * copies
    if resolved.has_prefill_graphs:
        reserved += 1536 if question.shape.latent is not None else 8 * batch.prefill_sizes
    return reserved


def _speculation_mib(rules: Rules, resolved: Flags) -> float:
    algorithm = str(resolved.arguments.get("speculative-algorithm") or "").upper()
    if not algorithm or algorithm == "NGRAM":
        return 0.0
    return rules.speculation_mib[1 if algorithm == "STANDALONE" else 0]


def _encoder_factor(question: Question) -> float:
    """0.95, less for encoders larger than 24 layers of 1024, more for smaller ones."""
    vision: Any = dict(question.shape.config).get("vision_config")
    if not flags.is_vision(question.shape) or not isinstance(vision, dict):
        return 1.0
    layers, width = int(vision.get("num_hidden_layers") or 24), int(vision.get("hidden_size") or 1024)  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType] - JSON of the checkpoint
    ratio = layers * width**2 / _BASE_ENCODER
    return 0.95 * max(0.8, min(1.05, 1.0 - 0.1 * (ratio - 1.0)))
