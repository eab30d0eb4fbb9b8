"""Calibrations: what was printed is what is planned next time, and nobody else's plan changes unnoticed."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as some

from shardwright.core import calibration, correction, memory
from shardwright.core.calibration import Calibration, Printed, PrintedRank
from shardwright.core.memory import Demand, RankDemand, Term
from shardwright.core.plan.types import Question
from shardwright.testing import builders
from shardwright.units import GIB, MIB

BLOCK_BYTES = 1_048_576


def demand(*left_gib: float, block_bytes: int = BLOCK_BYTES, fixed: int | None = None) -> Demand:
    """Ranks with so much left for the cache; the second's blocks are a quarter larger."""
    ranks = tuple(
        RankDemand(
            rank=index,
            total_bytes=24 * GIB,
            budget_bytes=int((8 + left) * GIB),
            terms=(
                Term("weights", 7 * GIB, counted=True, formula="fixed", source="a test"),
                Term("other", GIB, counted=True, formula="fixed", source="a test"),
            ),
            block_bytes=block_bytes * (4 + index) // 4,
            uncertainty_bytes=256 * MIB,
            fixed_pool_bytes=fixed,
        )
        for index, left in enumerate(left_gib)
    )
    return Demand(ranks, 8192, 512, (("max-num-seqs", 256),), "source", "computed, never measured.", "v2", ("a test",))


def question(**overrides: object) -> Question:
    """Llama-3-8B over two A10G."""
    made = Question(builders.recipe(), builders.llama_shape(), builders.layout(), (builders.gpu(),), "0.24.0")
    return dataclasses.replace(made, **overrides)  # pyright: ignore[reportArgumentType] - fields by name


def printed(tokens: int | None, *weights_gib: float) -> Printed:
    """The figures of a log."""
    ranks = tuple(PrintedRank(0, stage, 0, round(gib * GIB)) for stage, gib in enumerate(weights_gib))
    return Printed(ranks, tokens)


def learnt(asked: Question, before: Demand, seen: Printed) -> Calibration:
    """The calibration of that start."""
    return calibration.difference(asked, before, seen, origin="engine.log", date="2026-11-21")


@given(
    left=some.lists(some.floats(1, 12), min_size=2, max_size=2),
    blocks=some.integers(600, 14_000),
    weights=some.floats(6, 8),
    rule=some.sampled_from(["requests", "rounded-requests"]),
)
def test_the_pool_that_was_printed_is_the_pool_that_is_planned(
    left: list[float], blocks: int, weights: float, rule: memory.Counting
) -> None:
    """Whatever rank decides and however tokens are stated, the same recipe then plans exactly what was seen."""
    before = dataclasses.replace(demand(*left), counted_as=rule)
    rank = dataclasses.replace(before.ranks[0], fixed_pool_bytes=blocks * BLOCK_BYTES)
    tokens = memory.pool_of(dataclasses.replace(before, ranks=(rank,))).tokens
    found = learnt(question(), before, printed(tokens, weights))
    after = correction.apply(before, question(), [found])
    assert memory.pool_of(after).tokens == tokens
    assert after.evidence == "measured"


def test_a_seen_start_narrows_the_interval_and_says_so() -> None:
    """Same key, model, flags and device: measured, with the origin named, and each rank's sums explained by terms."""
    before = demand(10, 10)
    after = correction.apply(before, question(), [learnt(question(), before, printed(120_000, 7.25, 7.25))])
    assert after.ranks[0].uncertainty_bytes < before.ranks[0].uncertainty_bytes
    assert "engine.log, 2026-11-21" in after.evidence_reason
    assert sum(term.bytes for term in after.ranks[0].terms if term.name == "weights") == round(7.25 * GIB)
    assert any("engine.log" in term.source for term in after.ranks[0].terms)


def test_another_model_of_the_key_takes_over_only_what_weights_do_not_explain() -> None:
    """Evidence and interval stay as they were; the text names the model that was seen."""
    before = demand(10, 10)
    found = learnt(question(), before, printed(120_000, 7.25, 7.25))
    other = question(shape=builders.llama_shape(16, name="llama-small"))
    after = correction.apply(before, other, [found])
    assert after.evidence == "source"
    assert after.ranks[0].uncertainty_bytes == before.ranks[0].uncertainty_bytes
    assert "llama-3-8b in engine.log" in after.evidence_reason
    change = after.ranks[0].left_bytes - before.ranks[0].left_bytes
    assert change == found.pool_bytes + found.weights_bytes == -found.unexplained_bytes


@pytest.mark.parametrize(
    "other",
    [
        question(version="0.23.0"),
        question(gpus=(builders.gpu("L40S"),)),
        question(layout=builders.layout(2, 1, nodes=1)),
        question(shape=builders.llama_shape(architecture="Qwen2ForCausalLM")),
    ],
    ids=["version", "gpu", "layout", "architecture"],
)
def test_what_has_another_key_is_left_alone(other: Question) -> None:
    """A calibration never reaches beyond what it holds for."""
    before = demand(10, 10)
    found = learnt(question(), before, printed(120_000, 7.0))
    assert correction.apply(before, other, [found]) == before


def test_the_same_start_is_preferred_to_a_newer_one_of_another_model() -> None:
    """The exact key and model come first, then the model, then the date."""
    before = demand(10, 10)
    exact = dataclasses.replace(learnt(question(), before, printed(120_000)), name="exact")
    newer = dataclasses.replace(exact, shape="another", pool_bytes=-GIB, date="2027-01-01", name="newer")
    for order in ([exact, newer], [newer, exact]):
        after = correction.apply(before, question(), order)
        assert memory.pool_of(after).tokens == 120_000
        assert "calibration exact" in after.evidence_reason


def test_other_flags_are_named_and_nothing_is_called_measured() -> None:
    """A start with more sequences is not the one that was seen."""
    before = demand(10, 10)
    found = learnt(question(), before, printed(120_000))
    changed = dataclasses.replace(before, settings=(("max-num-seqs", 512),))
    after = correction.apply(changed, question(), [found])
    assert after.evidence == "source"
    assert "max-num-seqs 256" in after.evidence_reason


def test_a_pool_that_a_flag_fixed_teaches_nothing_but_weights() -> None:
    """The tokens are arithmetic then; plans that predict a pool must not change by it."""
    fixed = demand(10, 10, fixed=4 * GIB)
    found = learnt(question(), fixed, printed(65_536, 7.5, 7.5))
    free = demand(10, 10)
    after = correction.apply(free, question(), [found])
    assert found.pool_seen_bytes == 0
    assert after.evidence == "source"
    assert free.ranks[0].left_bytes - after.ranks[0].left_bytes == GIB // 2
    assert correction.apply(fixed, question(), [learnt(question(), fixed, printed(65_536, 7.0, 7.0))]) == fixed


@pytest.mark.parametrize("tokens", [10**9, 10**15])
def test_a_pool_that_no_such_device_holds_is_refused(tokens: int) -> None:
    """A log of another machine, or of nobody's, is not learnt from."""
    with pytest.raises(ValueError, match="more than such a device can hold"):
        learnt(question(), demand(10, 10), printed(tokens))


def test_a_log_without_figures_is_refused() -> None:
    """Nothing printed, nothing learnt."""
    with pytest.raises(ValueError, match="nothing was printed"):
        learnt(question(), demand(10, 10), printed(None))


def test_what_the_engine_rounds_is_no_difference() -> None:
    """Two digits of GiB: five MiB are no news."""
    before = demand(10, 10)
    assert learnt(question(), before, printed(120_000, 7.004, 7.0)).weights_bytes == 0


def told_apart(activation_gib: float) -> tuple[Demand, Printed]:
    """A start whose peak was planned as 2 GiB and printed; the pool is what it left."""
    peak = Term("activation", 2 * GIB, counted=True, formula="fixed", source="a test")
    ranks = tuple(
        dataclasses.replace(rank, budget_bytes=rank.budget_bytes + 2 * GIB, terms=(*rank.terms, peak))
        for rank in demand(10, 10).ranks
    )
    before = dataclasses.replace(demand(10, 10), ranks=ranks)
    seen = PrintedRank(0, 1, 0, round(7 * GIB), activation_bytes=round(activation_gib * GIB), other_bytes=GIB)
    pool = memory.pool_of(before)
    blocks = round((activation_gib - 2) * GIB) // (BLOCK_BYTES * 5 // 4)
    return before, Printed((seen,), pool.tokens - 16 * blocks)


def test_what_the_log_tells_apart_is_carried_over_by_its_share() -> None:
    """Half more at the peak: half more of another model's peak, on each rank, and nothing besides."""
    before, seen = told_apart(3)
    found = learnt(question(), before, seen)
    other = question(shape=builders.llama_shape(16, name="llama-small"))
    half = dataclasses.replace(before.ranks[0].terms[-1], bytes=GIB)
    smaller = dataclasses.replace(
        before, ranks=tuple(dataclasses.replace(rank, terms=(*rank.terms[:-1], half)) for rank in before.ranks)
    )
    after = correction.apply(smaller, other, [found])
    added = [sum(term.bytes for term in rank.terms if term.name == "activation") - GIB for rank in after.ranks]
    assert added == [GIB // 2, GIB // 2]
    assert abs(found.unexplained_bytes) <= BLOCK_BYTES * 5 // 4
    assert (
        abs(before.ranks[1].left_bytes - GIB - (correction.apply(before, question(), [found]).ranks[1].left_bytes))
        < GIB // 100
    )


def test_a_mended_formula_still_gives_what_was_seen() -> None:
    """The peak and the pool of the very start are those printed, whatever is planned by now."""
    before, seen = told_apart(3)
    found = learnt(question(), before, seen)
    mended = dataclasses.replace(before.ranks[0].terms[-1], bytes=round(2.5 * GIB))
    later = dataclasses.replace(
        before, ranks=tuple(dataclasses.replace(rank, terms=(*rank.terms[:-1], mended)) for rank in before.ranks)
    )
    after = correction.apply(later, question(), [found])
    assert memory.pool_of(after).tokens == seen.kv_tokens
    assert [sum(t.bytes for t in rank.terms if t.name == "activation") for rank in after.ranks] == [3 * GIB, 3 * GIB]


def test_texts_longer_than_a_file_holds_stay_apart() -> None:
    """A flag of 2,000 characters is known again, and one that differs at its end is another."""
    before = demand(10, 10)
    long = dataclasses.replace(before, settings=(("speculative-config", "x" * 2000),))
    other = dataclasses.replace(before, settings=(("speculative-config", "x" * 1999 + "y"),))
    found = learnt(question(), long, printed(120_000))
    assert max(len(value) for _, value in found.settings) <= calibration.MAX_TEXT
    assert correction.apply(long, question(), [found]).evidence == "measured"
    assert correction.apply(other, question(), [found]).evidence == "source"
