"""What an engine printed against what was planned, term by term.

A calibration holds for one key: engine, version, runner, GPU, model family and layout. It is a value; who reads and writes its
file is elsewhere, and so is how later plans use it (`correction`).
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from shardwright.core import memory
from shardwright.units import GIB
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.layout import Rank
    from shardwright.core.memory import Demand, RankDemand, TermName
    from shardwright.core.plan.types import Question
    from shardwright.core.shape.base import ModelShape

__all__ = [
    "MAX_TEXT",
    "Calibration",
    "CalibrationKey",
    "Printed",
    "PrintedRank",
    "SeenTerm",
    "difference",
    "key_of",
    "planned_bytes",
    "seen_terms",
    "settings_of",
    "words_of",
]

PRINTED_STEP_BYTES = GIB // 200
"""Engines print GiB with two digits, so a printed figure may be this much off."""
MAX_TEXT = 300
"""Longest text in a calibration; a longer one is cut, and told apart by a digest."""
_WIDEST_BYTES = 2**46


_NAMES: tuple[TermName, ...] = ("weights", "activation", "other", "graphs")


@frozen
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


@frozen
class SeenTerm:
    """A term of the rank that decides, planned then and printed."""

    name: TermName
    counted: bool
    """Taken from the budget, or on top of it, as in the plan of then."""
    planned_bytes: int
    printed_bytes: int

    @property
    def difference_bytes(self) -> int:
        """Printed minus planned; 0 where they differ by no more than the engine rounds."""
        difference = self.printed_bytes - self.planned_bytes
        return difference if abs(difference) > PRINTED_STEP_BYTES else 0


@frozen
class Calibration:
    """The difference that was seen, in bytes: printed minus planned."""

    key: CalibrationKey
    terms: tuple[SeenTerm, ...]
    """Those that the log told apart, by name; of the rank with the smallest pool, or else of the nearest that printed one."""
    pool_bytes: int
    """Of the smallest rank's KV cache; less what `terms` explain is carried over to other starts."""
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

    @property
    def weights_bytes(self) -> int:
        """Printed minus planned."""
        return sum(term.difference_bytes for term in self.terms if term.name == "weights")

    @property
    def unexplained_bytes(self) -> int:
        """What was taken from the budget besides the plan's terms and the differences that are told apart.

        Growth outside torch counts here: it does not depend on the model's size.
        """
        told = (term for term in self.terms if term.counted and term.name != "other")
        return -self.pool_bytes - sum(term.difference_bytes for term in told)


@frozen
class PrintedRank:
    """What one rank printed; None where it did not."""

    data_index: int
    stage: int
    tensor_index: int
    weights_bytes: int | None = None
    """After loading."""
    activation_bytes: int | None = None
    """The peak of the profile run above the weights, as the framework counts it."""
    other_bytes: int | None = None
    """What grew outside the framework meanwhile."""
    graphs_counted_bytes: int | None = None
    """The estimate that was taken from the budget."""
    graphs_bytes: int | None = None
    """What the graphs then took."""

    @property
    def place(self) -> tuple[int, int, int]:
        """Where the rank stands in the layout."""
        return (self.data_index, self.stage, self.tensor_index)

    def bytes_of(self, name: TermName, *, counted: bool) -> int | None:
        """What it printed of that term."""
        if name == "graphs":
            return self.graphs_counted_bytes if counted else self.graphs_bytes
        if not counted:
            return None
        return {"weights": self.weights_bytes, "activation": self.activation_bytes, "other": self.other_bytes}[name]


@frozen
class Printed:
    """What an engine's log says about memory."""

    ranks: tuple[PrintedRank, ...]
    kv_tokens: int | None
    total_bytes: int | None = None
    """The smallest device, as the engine saw it."""
    figures: tuple[tuple[str, float], ...] = ()
    """Other figures, by the names of the flags they show: `max-model-len` ..."""


def key_of(question: Question, demand: Demand) -> CalibrationKey:
    """What a calibration of this start holds for."""
    layout = question.layout
    return CalibrationKey(
        engine=question.recipe.engine.name,
        version=question.version,
        runner=demand.runner,
        gpu=_short("+".join(sorted({gpu.name for gpu in question.gpus}))),
        family=_short(question.shape.architecture),
        tensor=layout.tensor,
        pipeline=layout.pipeline,
        data=layout.data,
        expert=layout.expert,
    )


def words_of(shape: ModelShape) -> str:
    """The sizes by which a model is known again."""
    quantized = f", {shape.quantization}" if shape.quantization else ""
    sizes = (
        f"{len(shape.layers)} layers of {shape.hidden_size}, {shape.parameters} parameters, {shape.dtype}{quantized}"
    )
    return _short(f"{shape.architecture}, {sizes}")


def difference(question: Question, demand: Demand, printed: Printed, *, origin: str, date: str) -> Calibration:
    """The calibration of one start; `demand` is the engine plug-in's own answer, without any calibration.

    ValueError where nothing was printed that could be compared, or the pool printed is none such a device can hold.
    """
    is_fixed = any(rank.fixed_pool_bytes is not None for rank in demand.ranks)
    if printed.kv_tokens is None and not any(rank.weights_bytes for rank in printed.ranks):
        raise ValueError("nothing was printed that could be compared")
    terms = tuple(_deciding_terms(question, demand, printed))
    if is_fixed or printed.kv_tokens is None:
        # The pool says nothing then: what is carried over besides the terms must be nothing.
        told = (term.difference_bytes for term in terms if term.counted and term.name != "other")
        pool_bytes, seen_bytes = -sum(told), 0
    else:
        pool_bytes = _pool_difference(demand, printed.kv_tokens)
        seen_bytes = memory.pool_of(demand).left_bytes + pool_bytes
    return Calibration(
        key=key_of(question, demand),
        terms=terms,
        pool_bytes=pool_bytes,
        pool_seen_bytes=seen_bytes,
        total_bytes=question.gpu.memory_bytes,
        model=_short(question.shape.name),
        shape=words_of(question.shape),
        settings=settings_of(question, demand),
        origin=_short(origin),
        date=date,
    )


def seen_terms(question: Question, demand: Demand, printed: Printed) -> Iterator[tuple[Rank, SeenTerm]]:
    """Every term that the plan has and the log tells apart, rank by rank."""
    seen = {one.place: one for one in printed.ranks}
    for rank, needed in zip(question.layout.ranks, demand.ranks, strict=True):
        one = seen.get((rank.data_index, rank.stage, rank.tensor_index))
        for name, counted in itertools.product(_NAMES, (True, False)):
            there = any((term.name, term.counted) == (name, counted) for term in needed.terms)
            printed_bytes = one.bytes_of(name, counted=counted) if one and there else None
            if printed_bytes is not None:
                yield rank, SeenTerm(name, counted, planned_bytes(needed, name, counted=counted), printed_bytes)


def _deciding_terms(question: Question, demand: Demand, printed: Printed) -> Iterator[SeenTerm]:
    """Of each name the term of the rank with the smallest pool, else of one of its stage, else of any."""
    every = list(seen_terms(question, demand, printed))
    smallest = memory.pool_of(demand).smallest_rank
    stage = question.layout.ranks[smallest].stage

    def distance(pair: tuple[Rank, SeenTerm]) -> tuple[bool, bool, int]:
        return (pair[0].index != smallest, pair[0].stage != stage, pair[0].index)

    for name in sorted({term.name for _, term in every}):
        yield min((pair for pair in every if pair[1].name == name), key=distance)[1]


def settings_of(question: Question, demand: Demand) -> tuple[tuple[str, str], ...]:
    """The flags that a start is known again by, as texts, by name."""
    every = {**question.recipe.engine.args, **dict(demand.settings)}
    return tuple((name, _short(str(every[name]))) for name in sorted(every))


def _short(text: str) -> str:
    """A text that a file holds unchanged, so that it compares equal when it is read again."""
    clean = "".join(character if character.isprintable() else " " for character in text)
    if len(clean) <= MAX_TEXT:
        return clean
    return f"{clean[: MAX_TEXT - 20]}... {hashlib.sha256(text.encode(errors='replace')).hexdigest()[:16]}"


def planned_bytes(rank: RankDemand, name: TermName, *, counted: bool) -> int:
    """A rank's terms of that name together, inside or on top of the budget."""
    return sum(term.bytes for term in rank.terms if term.name == name and term.counted == counted)


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
