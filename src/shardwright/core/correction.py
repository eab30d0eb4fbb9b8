"""How a plan's memory changes by what an engine printed of a start before.

With the very model and flags that were seen, a plan's terms and pool become those that were printed. With others of the key, the
peak of activations and the graphs change by the share they differed by, and what no printed term explains is carried over in
bytes; weights are carried over to the same model alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shardwright.core import calibration, memory
from shardwright.core.memory import Term

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shardwright.core.calibration import Calibration
    from shardwright.core.memory import Demand, RankDemand
    from shardwright.core.plan.types import Question

__all__ = ["apply"]

_NOISE_SHARE = 1 / 1024
"""Of the device: how far a start may lie from the same start seen before. An allowance, not a measurement.

On an H200 it is 0.137 GiB. No start was measured twice with the same flags; what lies nearest to that, of vLLM 0.24.0 in 2026-11:
ranks of one stage print the same figures, at most 0.01 GiB apart; free memory at the start is 139.29 GiB in all 17 starts on a
single H200, and growth outside torch 0.22 to 0.24 GiB in 16 of them. Two starts of llama-3.1-8b on different machines with other
flags, pools of 111.6 and 11.7 GiB, differ from one and the same formula by amounts that are 0.002 GiB apart. But CUDA's total of
an H100 was 79.1 to 79.2 GiB from machine to machine, which is more than the 0.077 GiB of this allowance there.
"""
_Change = tuple[memory.TermName, bool, int]
"""A term's name, whether it is counted, and how many bytes more it takes."""


def apply(demand: Demand, question: Question, calibrations: Sequence[Calibration]) -> Demand:
    """The demand with what was learnt of this kind of start; the demand itself where nothing was."""
    found = _best(demand, question, calibrations) if calibrations else None
    if found is None:
        return demand
    same = _is_same(found, demand, question)
    changes = _seen_again(found, demand) if same else None
    # The ranks of a stage share one tuple of terms, also afterwards.
    added = {id(rank.terms): _added(rank, found, question, changes) for rank in demand.ranks}
    if not same and not any(added.values()):
        return demand
    terms = {id(rank.terms): (*rank.terms, *added[id(rank.terms)]) for rank in demand.ranks}
    ranks = tuple(replace(rank, terms=terms[id(rank.terms)]) for rank in demand.ranks)
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
    key, shape, settings = (
        calibration.key_of(question, demand),
        calibration.words_of(question.shape),
        calibration.settings_of(question, demand),
    )
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
        and found.shape == calibration.words_of(question.shape)
        and found.settings == calibration.settings_of(question, demand)
        and found.total_bytes == question.gpu.memory_bytes
    )


def _added(
    rank: RankDemand, found: Calibration, question: Question, changes: tuple[_Change, ...] | None
) -> tuple[Term, ...]:
    """What that rank needs more, term by term: `changes` where they are the same for all ranks."""
    formula, source = f"calibrated: printed minus planned, {found.name or found.model}", _source(found)
    return tuple(
        Term(name, size, counted=counted, formula=formula, source=source)
        for name, counted, size in (changes if changes is not None else _carried_over(rank, found, question))
        if size
    )


def _seen_again(found: Calibration, demand: Demand) -> tuple[_Change, ...]:
    """For the very start that was seen, on every rank alike, so that the smallest stays the smallest.

    What was seen counts, not the difference: formulas may have been mended since.
    """
    pool = memory.pool_of(demand)
    decides = next(rank for rank in demand.ranks if rank.rank == pool.smallest_rank)
    changes: list[_Change] = [
        (
            term.name,
            term.counted,
            term.printed_bytes - calibration.planned_bytes(decides, term.name, counted=term.counted),
        )
        for term in found.terms
        if term.name != "other" and term.difference_bytes
    ]
    told = sum(size for _, counted, size in changes if counted)
    return (*changes, ("other", True, pool.left_bytes - found.pool_seen_bytes - told))


def _carried_over(rank: RankDemand, found: Calibration, question: Question) -> Iterator[_Change]:
    """For another start of the key."""
    for term in found.terms:
        if term.name in {"activation", "graphs"} and term.planned_bytes:
            now_bytes = calibration.planned_bytes(rank, term.name, counted=term.counted)
            yield term.name, term.counted, now_bytes * term.difference_bytes // term.planned_bytes
    if found.shape == calibration.words_of(question.shape):
        yield "weights", True, found.weights_bytes
    if rank.fixed_pool_bytes is None:
        # Where the pool is asked for, what is missing in it cannot be told from what is beside it.
        yield "other", True, found.unexplained_bytes


def _narrowed(rank: RankDemand) -> RankDemand:
    noise_bytes = round(rank.total_bytes * _NOISE_SHARE)
    return replace(rank, uncertainty_bytes=min(rank.uncertainty_bytes, noise_bytes), perhaps_bytes=0)


def _source(found: Calibration) -> str:
    return f"calibration {found.name or found.model}: {found.origin}, {found.date}"


def _reason(found: Calibration, demand: Demand, question: Question, *, is_same: bool) -> str:
    if is_same:
        return f"Memory was measured: this start was seen in {found.origin}, {found.date} ({_called(found)})."
    was = f"{found.model} in {found.origin}, {found.date}"
    if found.shape == calibration.words_of(question.shape):
        was += _changed(found, demand, question)
    return f"{demand.evidence_reason} Corrected by what was seen with {was} ({_called(found)})."


def _called(found: Calibration) -> str:
    return f"calibration {found.name}" if found.name else "calibrated"


def _changed(found: Calibration, demand: Demand, question: Question) -> str:
    """The flags that differ from those of the start that was seen."""
    then, now = dict(found.settings), dict(calibration.settings_of(question, demand))
    changed = [name for name in sorted({*then, *now}) if then.get(name) != now.get(name)]
    if not changed:
        return ", on a device of another size"
    return " with " + ", ".join(f"{name} {then.get(name, 'unset')}" for name in changed)
