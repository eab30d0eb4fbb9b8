"""What an engine printed against what was planned, and how later plans use the difference.

A calibration holds for one key: engine, version, runner, GPU, model family and layout. With the very model and flags it was
seen with, a plan's pool becomes the pool that was printed; with others of the key, what weights do not explain is carried
over. It is a value; who reads and writes its file is elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shardwright.core import memory
from shardwright.core.memory import Demand, RankDemand, Term
from shardwright.units import GIB

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shardwright.core.layout import Rank
    from shardwright.core.plan.types import Question
    from shardwright.core.shape.base import ModelShape

__all__ = ["Calibration", "CalibrationKey", "Printed", "PrintedWeights", "apply", "difference", "key_of", "words_of"]

PRINTED_STEP_BYTES = GIB // 200
"""Engines print GiB with two digits, so a printed figure may be this much off."""
_NOISE_SHARE = 1 / 1024
"""Of the device: how far a start may lie from the same start seen before. An allowance, not a measurement."""
_WIDEST_BYTES = 2**46


@dataclass(frozen=True, slots=True)
class CalibrationKey:
    """What a calibration holds for."""

    engine: str
    version: str
    runner: str
    gpu: str
    family: str
    """The architecture's name in its configuration."""
    tensor: int
    pipeline: int
    data: int = 1
    expert: bool = False


@dataclass(frozen=True, slots=True)
class Calibration:
    """The difference that was seen, term by term: printed minus planned, in bytes."""

    key: CalibrationKey
    weights_bytes: int
    """Of the rank whose weights differ most; 0 where they differ by no more than the engine rounds."""
    pool_bytes: int
    """Of the smallest rank's KV cache; less `weights_bytes` is what weights do not explain."""
    pool_seen_bytes: int
    """The smallest rank's KV cache as the engine printed it; 0 where a flag fixed it and nothing was learnt."""
    total_bytes: int
    """The device's memory in that plan."""
    model: str
    """The model it was seen with."""
    shape: str
    """That model's sizes, as `words_of` says them: another model of the same name is not the same."""
    settings: tuple[tuple[str, str], ...]
    """The engine's flags of that plan, resolved, as texts, by name."""
    origin: str
    """Where the engine's figures were read: a file's name or a deployment; no path of a person's machine."""
    date: str
    """When, as 2026-11-21."""
    name: str = ""
    """How it is called where it is kept."""


@dataclass(frozen=True, slots=True)
class PrintedWeights:
    """What one rank printed after loading."""

    data_index: int
    stage: int
    tensor_index: int
    weights_bytes: int


@dataclass(frozen=True, slots=True)
class Printed:
    """What an engine's log says about memory."""

    weights: tuple[PrintedWeights, ...]
    kv_tokens: int | None
    graph_bytes: int | None
    figures: tuple[tuple[str, float], ...]
    """Other figures, by the names of the flags they show: `max-model-len` ..."""


def key_of(question: Question, demand: Demand) -> CalibrationKey:
    """What a calibration of this start holds for."""
    layout = question.layout
    return CalibrationKey(
        engine=question.recipe.engine.name,
        version=question.version,
        runner=demand.runner,
        gpu="+".join(sorted({gpu.name for gpu in question.gpus})),
        family=question.shape.architecture,
        tensor=layout.tensor,
        pipeline=layout.pipeline,
        data=layout.data,
        expert=layout.expert,
    )


def words_of(shape: ModelShape) -> str:
    """The sizes by which a model is known again."""
    quantized = f", {shape.quantization}" if shape.quantization else ""
    return (
        f"{shape.architecture}, {len(shape.layers)} layers of {shape.hidden_size}, "
        f"{shape.parameters} parameters, {shape.dtype}{quantized}"
    )


def difference(question: Question, demand: Demand, printed: Printed, *, origin: str, date: str) -> Calibration:
    """The calibration of one start; `demand` is the engine plug-in's own answer, without any calibration.

    ValueError where nothing was printed that could be compared, or the pool printed is none such a device can hold.
    """
    weights_bytes = _weights_difference(question, demand, printed)
    is_fixed = any(rank.fixed_pool_bytes is not None for rank in demand.ranks)
    if printed.kv_tokens is None and not printed.weights:
        raise ValueError("nothing was printed that could be compared")
    if is_fixed or printed.kv_tokens is None:
        # The pool says nothing then: what is carried over besides weights must be nothing.
        pool_bytes, seen_bytes = -weights_bytes, 0
    else:
        pool_bytes = _pool_difference(demand, printed.kv_tokens)
        seen_bytes = memory.pool_of(demand).left_bytes + pool_bytes
    return Calibration(
        key=key_of(question, demand),
        weights_bytes=weights_bytes,
        pool_bytes=pool_bytes,
        pool_seen_bytes=seen_bytes,
        total_bytes=question.gpu.memory_bytes,
        model=question.shape.name,
        shape=words_of(question.shape),
        settings=_settings(question, demand),
        origin=origin,
        date=date,
    )


def apply(demand: Demand, question: Question, calibrations: Sequence[Calibration]) -> Demand:
    """The demand with what was learnt of this kind of start; the demand itself where nothing was."""
    found = _best(demand, question, calibrations) if calibrations else None
    if found is None:
        return demand
    same = _is_same(found, demand, question)
    weights_bytes, other_bytes = _corrections(found, demand, question, is_same=same)
    if not (same or weights_bytes or other_bytes):
        return demand
    ranks = tuple(_corrected(rank, found, weights_bytes, other_bytes) for rank in demand.ranks)
    if same:
        ranks = tuple(_narrowed(rank) for rank in ranks)
    return replace(
        demand,
        ranks=ranks,
        evidence="measured" if same else demand.evidence,
        evidence_reason=_reason(found, demand, question, is_same=same),
        sources=(*demand.sources, _source(found)),
    )


def _best(demand: Demand, question: Question, calibrations: Sequence[Calibration]) -> Calibration | None:
    """Of those for this key: the same start, else the same model, else the newest."""
    key, shape, settings = key_of(question, demand), words_of(question.shape), _settings(question, demand)
    fitting = [one for one in calibrations if one.key == key]
    return max(
        fitting,
        key=lambda one: (one.shape == shape and one.settings == settings, one.shape == shape, one.date, one.name),
        default=None,
    )


def _is_same(found: Calibration, demand: Demand, question: Question) -> bool:
    """Whether this very start was seen: model, flags and device, and a pool that no flag fixed."""
    return (
        found.pool_seen_bytes > 0
        and found.shape == words_of(question.shape)
        and found.settings == _settings(question, demand)
        and found.total_bytes == question.gpu.memory_bytes
    )


def _corrections(found: Calibration, demand: Demand, question: Question, *, is_same: bool) -> tuple[int, int]:
    """Bytes more of weights, and of everything else that is taken from the budget, on every rank."""
    unexplained_bytes = -found.pool_bytes - found.weights_bytes
    if is_same:
        # The pool that was seen counts, not the difference: formulas may have been mended since.
        more_bytes = found.pool_seen_bytes - memory.pool_of(demand).left_bytes
        return found.weights_bytes, -more_bytes - found.weights_bytes
    if any(rank.fixed_pool_bytes is not None for rank in demand.ranks):
        # The pool is asked for, not predicted: what was missing in it cannot be told from what is beside it.
        unexplained_bytes = 0
    return (found.weights_bytes if found.shape == words_of(question.shape) else 0), unexplained_bytes


def _corrected(rank: RankDemand, found: Calibration, weights_bytes: int, other_bytes: int) -> RankDemand:
    formula = f"calibrated: printed minus planned, {found.name or found.model}"
    added = (
        Term("weights", weights_bytes, counted=True, formula=formula, source=_source(found)),
        Term("other", other_bytes, counted=True, formula=formula, source=_source(found)),
    )
    return replace(rank, terms=(*rank.terms, *(term for term in added if term.bytes)))


def _narrowed(rank: RankDemand) -> RankDemand:
    return replace(rank, uncertainty_bytes=min(rank.uncertainty_bytes, round(rank.total_bytes * _NOISE_SHARE)))


def _source(found: Calibration) -> str:
    return f"calibration {found.name or found.model}: {found.origin}, {found.date}"


def _reason(found: Calibration, demand: Demand, question: Question, *, is_same: bool) -> str:
    if is_same:
        return f"Memory was measured: this start was seen in {found.origin}, {found.date} ({_called(found)})."
    was = f"{found.model} in {found.origin}, {found.date}"
    if found.shape == words_of(question.shape):
        was += _changed(found, demand, question)
    return f"{demand.evidence_reason} Corrected by what was seen with {was} ({_called(found)})."


def _called(found: Calibration) -> str:
    return f"calibration {found.name}" if found.name else "calibrated"


def _changed(found: Calibration, demand: Demand, question: Question) -> str:
    """The flags that differ from those of the start that was seen."""
    then, now = dict(found.settings), dict(_settings(question, demand))
    changed = [name for name in sorted({*then, *now}) if then.get(name) != now.get(name)]
    if not changed:
        return ", on a device of another size"
    return " with " + ", ".join(f"{name} {then.get(name, 'unset')}" for name in changed)


def _settings(question: Question, demand: Demand) -> tuple[tuple[str, str], ...]:
    every = {**question.recipe.engine.args, **dict(demand.settings)}
    return tuple((name, str(every[name])) for name in sorted(every))


def _weights_difference(question: Question, demand: Demand, printed: Printed) -> int:
    """Of the rank that differs most; ranks that printed nothing do not count."""
    seen = {(one.data_index, one.stage, one.tensor_index): one.weights_bytes for one in printed.weights}
    differences = [
        seen[_place(rank)] - _planned_weights(needed)
        for rank, needed in zip(question.layout.ranks, demand.ranks, strict=True)
        if _place(rank) in seen
    ]
    largest = max(differences, key=abs, default=0)
    return largest if abs(largest) > PRINTED_STEP_BYTES else 0


def _place(rank: Rank) -> tuple[int, int, int]:
    return (rank.data_index, rank.stage, rank.tensor_index)


def _planned_weights(rank: RankDemand) -> int:
    return sum(term.bytes for term in rank.terms if term.name == "weights")


def _pool_difference(demand: Demand, kv_tokens: int) -> int:
    """Bytes more or less on every rank that give the printed tokens: the middle of those that do."""
    low = _least_change(demand, kv_tokens)
    high = _least_change(demand, kv_tokens + 1)
    if abs(low) >= _WIDEST_BYTES or low + memory.pool_of(demand).left_bytes > demand.ranks[0].total_bytes:
        raise ValueError(f"a pool of {kv_tokens} tokens is more than such a device can hold")
    return (low + high) // 2 if high - 1 > low else low


def _least_change(demand: Demand, kv_tokens: int) -> int:
    """The least change of every rank's pool with which it holds so many tokens; more bytes never hold fewer."""
    low, high = -_WIDEST_BYTES, _WIDEST_BYTES
    while low < high:
        middle = (low + high) // 2
        if _tokens_with(demand, middle) >= kv_tokens:
            high = middle
        else:
            low = middle + 1
    return low


def _tokens_with(demand: Demand, more_bytes: int) -> int:
    ranks = tuple(replace(rank, budget_bytes=rank.budget_bytes + more_bytes) for rank in demand.ranks)
    return memory.pool_of(replace(demand, ranks=ranks)).tokens
