"""What else was looked at: the next best, why the others fell, and the front of layouts that nothing beats in all respects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.plan import candidates, objectives, verdicts
from shardwright.core.plan.types import Alternative, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shardwright.core.plan.choose import Choice
    from shardwright.core.plan.search import Ask, Trial, Trials

__all__ = ["front", "of"]

_MOST = 8
_MORE_FITTING = 3
_MOST_FURTHER = 12


def of(ask: Ask, choice: Choice) -> tuple[Alternative, ...]:
    """The next best first, then the unfit ones nearest to the choice."""
    chosen = choice.chosen
    if chosen is not None and not ask.is_pinned:
        _look_further(ask, choice.trials)
    others = [trial for trial in choice.tried if trial is not chosen and trial.candidate is not None]
    fitting = sorted((trial for trial in others if trial.fits), key=lambda trial: _rank(ask, trial))
    good = [trial for trial in fitting if objectives.is_good(ask, trial)]
    poor = [trial for trial in fitting if not objectives.is_good(ask, trial)]
    unfit = sorted((trial for trial in others if not trial.fits), key=lambda trial: _farness(trial, chosen))
    taken = [*good[:_MORE_FITTING], *poor[:_MORE_FITTING], *unfit][:_MOST]
    return tuple(_alternative(ask, trial, verdicts.why_not(ask, trial, chosen)) for trial in taken)


def _look_further(ask: Ask, trials: Trials) -> None:
    """Ask about the next candidates until a few more fit, so that there is something to compare with."""
    asked = len(trials.made)
    for candidate in candidates.thinned(candidates.one_kind(ask)):
        enough = sum(trial.fits for trial in trials.made) > _MORE_FITTING
        if enough or len(trials.made) - asked > _MOST_FURTHER:
            return
        trials.of(candidate)


def _rank(ask: Ask, trial: Trial) -> tuple[bool, bool, float, float, tuple[object, ...]]:
    """How near a fitting trial comes to being taken."""
    by_cost = ask.recipe.workload.objective in {"fewest-gpus", "price"}
    cost = float(trial.layout.world_size) if by_cost else 0.0
    order = objectives.preference(trial.candidate) if trial.candidate else ()
    is_good, holds = objectives.is_good(ask, trial), objectives.holds(ask, trial)
    return (not is_good, not holds, cost, objectives.figure(ask, trial), order)


def _farness(trial: Trial, chosen: Trial | None) -> tuple[bool, int, int]:
    world = chosen.layout.world_size if chosen else 0
    size = trial.layout.world_size
    return (trial.demand is None, abs(size - world) if world else -size, trial.layout.nodes)


def _alternative(ask: Ask, trial: Trial, why: Refusal) -> Alternative:
    if trial.candidate is None:
        raise ValueError("an alternative has a layout")
    return Alternative(
        layout=trial.layout,
        gpus=trial.candidate.gpus,
        fits=trial.fits,
        kv_tokens=trial.tokens,
        rule=why.rule,
        reason=why.message,
        speed=trial.speed,
        price_per_hour=objectives.price_of(ask.recipe, trial.candidate.counts),
    )


def front(ask: Ask, choice: Choice) -> tuple[Alternative, ...]:
    """Every layout that fits and that no other beats in GPUs, KV tokens, both times, tokens/s and price; the cheapest first.

    Looks at all the hardware, numbers of nodes and GPUs between powers of two left out.
    """
    trials, chosen = choice.trials, choice.chosen
    for candidate in candidates.thinned(candidates.one_kind(ask)):
        if candidate.layout.pipeline <= 2 * candidate.layout.nodes or candidate.layout.nodes == 1:
            trials.of(candidate)
    fitting = [trial for trial in trials.made if trial.fits and trial.candidate is not None]
    best = list(_unbeaten(ask, fitting))
    return tuple(
        _alternative(ask, trial, _front_word(ask, trial, chosen))
        for trial in sorted(best, key=lambda trial: objectives.preference(trial.candidate) if trial.candidate else ())
    )


def _front_word(ask: Ask, trial: Trial, chosen: Trial | None) -> Refusal:
    if trial is chosen or chosen is None:
        return Refusal("layout.chosen", "the one that was chosen")
    return verdicts.why_not(ask, trial, chosen)


def _unbeaten(ask: Ask, trials: Iterable[Trial]) -> Iterator[Trial]:
    scored = [(trial, _scores(ask, trial)) for trial in trials]
    for trial, scores in scored:
        if not any(_beats(other, scores) for _, other in scored):
            yield trial


def _beats(first: tuple[float, ...], second: tuple[float, ...]) -> bool:
    return first != second and all(mine <= its for mine, its in zip(first, second, strict=True))


def _scores(ask: Ask, trial: Trial) -> tuple[float, ...]:
    """Figures that should all be small; what is not known counts as endless."""
    unknown, speed = float("inf"), trial.speed
    price = objectives.price_of(ask.recipe, trial.candidate.counts) if trial.candidate else None
    tokens = trial.tokens
    if speed is None:
        return (trial.layout.world_size, -tokens, unknown, unknown, unknown, unknown if price is None else price)
    return (
        trial.layout.world_size,
        -tokens,
        speed.time_to_first_token_seconds.expected,
        speed.inter_token_seconds.expected,
        -speed.output_tokens_per_second.expected,
        unknown if price is None else price,
    )
