"""Choose a layout: look at candidates in the order of their cost until one is good enough, or at all of them for the best.

Good enough: it fits, its pools hold the workload, it keeps the latency goal. Where none is, the fewest GPUs that start are
taken, or the fastest where only the goal is missed; the plan says so. docs/design/007-layouts.md has the rules.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from shardwright.core.plan import candidates, layouts, objectives, partition, refine, search
from shardwright.core.plan.search import Candidate, Trial, Trials
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from shardwright.core.plan.search import Ask

__all__ = ["Choice", "choose"]

_SHORT_PIPELINE = 2
"""Stages a node up to which pipelines are looked at first; longer ones only where none of those fits."""
_ENDED = -1.0
_MOST_MIXED = 32
"""So many mixtures of kinds of nodes are asked about at most."""


@frozen
class Choice:
    """The trial to take, all that were made, and the rules that decided."""

    chosen: Trial | None
    trials: Trials
    notes: tuple[str, ...] = ()

    @property
    def tried(self) -> tuple[Trial, ...]:
        """All trials, in the order in which they were made."""
        return tuple(self.trials.made)


def choose(ask: Ask) -> Choice:
    """The layout for a recipe; a pinned one is the only one tried."""
    objectives.check_prices(ask)
    trials = Trials(ask)
    if ask.is_pinned:
        return Choice(_pinned(trials), trials)
    found = _among(trials, candidates.one_kind(ask))
    if found is None or not objectives.holds(ask, found):
        found = _mixed(trials, found) or found
    if found is None:
        found = _among(trials, candidates.spanning(ask))
    if found is None:
        return Choice(None, trials)
    rounded, note = refine.rounded(trials, found)
    return Choice(refine.uneven(trials, rounded), trials, (note,) if note else ())


def _pinned(trials: Trials) -> Trial | None:
    ask = trials.ask
    asked = ask.recipe.parallelism
    if asked == "auto":
        return None
    fewest_nodes, mixture = ask.recipe.hardware.nodes == "auto", ask.shape.mixture is not None
    made: list[Trial] = []
    for pool in search.pools_of(ask):
        layout = layouts.pinned_layout(
            asked,
            len(ask.shape.layers),
            pool,
            fewest_nodes=fewest_nodes or bool(ask.recipe.hardware.pools),
            mixture=mixture,
            remainder=ask.engine.remainder,
        )
        if isinstance(layout, tuple):
            made.append(Trial(None, layout))
            trials.made.append(made[-1])
        else:
            made.append(trials.of(Candidate((pool,), layout), prune=False))
    fitting = [trial for trial in made if trial.fits]
    if not fitting and len(made) > 1:
        fitting = [trial for trial in _pinned_mixed(trials) if trial.fits][:1]
    return objectives.best_of(ask, fitting) if fitting else None


def _pinned_mixed(trials: Trials) -> Iterator[Trial]:
    """The pinned layout over nodes of several kinds, where those of one kind do not hold it."""
    asked = trials.ask.recipe.parallelism
    if asked == "auto" or asked.data > 1 or asked.expert:
        return
    for candidate in candidates.mixed(trials.ask):
        layout = candidate.layout
        if (layout.tensor, layout.pipeline) == (asked.tensor, asked.pipeline):
            trial = trials.of(candidate)
            yield trial if trial.fits or asked.layer_partition else partition.improved(trials, trial)


def _among(trials: Trials, found: list[Candidate]) -> Trial | None:
    objective = trials.ask.recipe.workload.objective
    if objective in {"latency", "throughput"}:
        return _best(trials, candidates.thinned(found)) or _cheapest(trials, found)
    return _cheapest(trials, found)


def _cheapest(trials: Trials, found: Iterable[Candidate]) -> Trial | None:
    """The first level of equal cost that has a good layout decides; else the first that has one that fits."""
    ask = trials.ask
    fitting: list[Trial] = []
    for level in _levels(ask, found):
        made = _try_level(trials, [one for one in level if not fitting or _is_worth_more(trials, one)])
        good = [trial for trial in made if objectives.is_good(ask, trial)]
        if good:
            return objectives.best_of(ask, good)
        fitting += [trial for trial in made if trial.fits]
        if any(objectives.holds(ask, trial) and objectives.is_sure(trial) for trial in made):
            return _nearest_to_goal(trials, found, fitting)
    return _second_best(ask, fitting)


def _nearest_to_goal(trials: Trials, found: Iterable[Candidate], fitting: Sequence[Trial]) -> Trial | None:
    """The workload is held and the goal missed: the cheapest of dearer layouts that keep it, else the nearest to it."""
    ask = trials.ask
    able = [one for one in candidates.thinned(found) if trials.most_tokens(one) >= ask.workload_tokens]
    further = list(_followed(trials, able, lambda trial: _excess(ask, trial)[0]))
    good = [trial for trial in further if objectives.is_good(ask, trial)]
    if not good:
        return _second_best(ask, [*fitting, *further])
    least = min(_cost(ask, trial.candidate) for trial in good if trial.candidate)
    return objectives.best_of(ask, [one for one in good if one.candidate and _cost(ask, one.candidate) == least])


def _levels(ask: Ask, found: Iterable[Candidate]) -> Iterator[list[Candidate]]:
    """Candidates of equal cost together, the cheapest first."""

    def cost(candidate: Candidate) -> float:
        return _cost(ask, candidate)

    return (list(group) for _, group in itertools.groupby(sorted(found, key=cost), cost))


def _cost(ask: Ask, candidate: Candidate) -> float:
    """What is to be small: GPUs, or with the objective `price` what they cost an hour."""
    price = objectives.price_of(ask.recipe, candidate.counts) if ask.recipe.workload.objective == "price" else None
    return candidate.layout.world_size if price is None else price


def _is_worth_more(trials: Trials, candidate: Candidate) -> bool:
    """Whether a dearer layout can be better than one that fits already: it might hold the workload."""
    return trials.most_tokens(candidate) >= trials.ask.workload_tokens


def _second_best(ask: Ask, fitting: Sequence[Trial]) -> Trial | None:
    """Where none is good: of those that hold the workload the nearest to the goal, else the fewest GPUs that start.

    In both cases those that surely start come first.
    """
    if not fitting:
        return None

    def shortcomings(trial: Trial) -> tuple[bool, bool, float, int]:
        lacks = not objectives.holds(ask, trial)
        excess = 0.0 if lacks else _excess(ask, trial)[0]
        return (lacks, not objectives.is_sure(trial), excess, trial.layout.world_size)

    least = min(map(shortcomings, fitting))
    return objectives.best_of(ask, [trial for trial in fitting if shortcomings(trial) == least])


def _excess(ask: Ask, trial: Trial) -> tuple[float, int]:
    """By how much a trial misses the goal at its worst, in steps of 2 %; then its GPUs."""
    goal, speed = ask.recipe.workload.latency_goal, trial.speed
    if goal is None or speed is None:
        return (0.0, trial.layout.world_size)
    ratios = [
        there / wanted
        for there, wanted in (
            (speed.time_to_first_token_seconds.expected, goal.time_to_first_token_seconds),
            (speed.inter_token_seconds.expected, goal.inter_token_seconds),
        )
        if wanted
    ]
    return (round(max(ratios, default=0.0), 2), trial.layout.world_size)


def _try_level(trials: Trials, level: list[Candidate]) -> list[Trial]:
    return [trial for family in candidates.families(level) for trial in _try_family(trials, family)]


def _try_family(trials: Trials, family: list[Candidate]) -> list[Trial]:
    """All layouts on the same nodes; over several nodes long pipelines only where no short one fits."""
    made: list[Trial] = []
    for candidate in sorted(family, key=lambda one: one.layout.nodes > 1 and _is_long(one)):
        if candidate.layout.nodes > 1 and _is_long(candidate) and any(trial.fits for trial in made):
            break
        made += _try_one(trials, candidate)
    return made


def _is_long(candidate: Candidate) -> bool:
    return candidate.layout.pipeline > _SHORT_PIPELINE * candidate.layout.nodes


def _try_one(trials: Trials, candidate: Candidate) -> list[Trial]:
    """A layout, and the same with stages sized to their room where the engine's own split does not hold the workload."""
    trial = trials.of(candidate)
    if trial.demand is None or trial.layout.pipeline == 1 or objectives.holds(trials.ask, trial):
        return [trial]
    if trials.most_tokens(candidate) < trials.ask.workload_tokens and trial.fits:
        return [trial]
    uneven = partition.improved(trials, trial)
    return [trial] if uneven is trial else [trial, uneven]


def _best(trials: Trials, found: Sequence[Candidate]) -> Trial | None:
    """The best figure of all that is good, else of all that holds the workload, else of all that fits; None without figures."""
    ask = trials.ask
    able = [one for one in found if trials.most_tokens(one) >= ask.workload_tokens]

    def figure(trial: Trial) -> float:
        return objectives.figure(ask, trial)

    made = list(_followed(trials, able, figure)) or list(_followed(trials, found, figure))
    fitting = [trial for trial in made if trial.fits and trial.speed is not None]
    holding = [trial for trial in fitting if objectives.holds(ask, trial)]
    good = [trial for trial in holding if objectives.is_good(ask, trial)]
    if not fitting:
        return None
    if holding and not good:
        return min(holding, key=lambda trial: (not objectives.is_sure(trial), *_excess(ask, trial)))
    return objectives.best_of(ask, good or holding or fitting, fewest_nodes=False)


def _followed(trials: Trials, found: Iterable[Candidate], figure: Callable[[Trial], float]) -> Iterator[Trial]:
    """Trials along lines, each as long as it gets better: the same TP on more GPUs, a smaller TP on the same GPUs."""
    best: dict[tuple[object, ...], float] = {}
    for candidate in found:
        layout = candidate.layout
        kind = (id(candidate.pool.gpu), layout.data > 1, layout.expert)
        lines = ((*kind, "tensor", layout.tensor), (*kind, "gpus", layout.world_size, layout.nodes))
        is_ended = any(best.get(line) == _ENDED for line in lines)
        if is_ended or (layout.nodes > 1 and _is_long(candidate)):
            continue
        for trial in _try_one(trials, candidate):
            yield trial
            now, holds = figure(trial), objectives.holds(trials.ask, trial)
            for line in lines:
                before = best.get(line, float("inf"))
                best[line] = _ENDED if holds and now >= before else min(before, now)


def _mixed(trials: Trials, found: Trial | None) -> Trial | None:
    """Kinds of nodes mixed: a good layout, or where none of one kind fits, any that does."""
    ask = trials.ask
    first: Trial | None = None
    able = (one for one in candidates.mixed(ask) if not _is_long(one))
    if found is not None:
        able = (one for one in able if trials.most_tokens(one) >= ask.workload_tokens)
    tried = 0
    for candidate in able:
        made = _both_splits(trials, candidate)
        for trial in made:
            if objectives.is_good(ask, trial):
                return trial
            first = first or (trial if trial.fits and found is None else None)
        tried += made[0].demand is not None
        if tried >= _MOST_MIXED:
            break
    return first


def _both_splits(trials: Trials, candidate: Candidate) -> tuple[Trial, ...]:
    """Stages sized to their GPUs where that holds more, and equal stages; the better one first."""
    even = trials.of(candidate)
    if even.demand is None:
        return (even,)
    sized = partition.improved(trials, even)
    if not even.fits or not sized.fits:
        return (sized, even)
    both = [trial for trial in (sized, even) if objectives.is_good(trials.ask, trial)] or [sized]
    return (objectives.best_of(trials.ask, both),)
