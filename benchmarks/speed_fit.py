"""Refit the constants of vLLM's pace to measured_speed.toml: least squares of relative errors, one constant at a time.

Prints constants for `[pace.rows.constants]` of facts.toml; what no point can tell stays as it is: without mixtures their
layer time, without latent attention its, with one rank what ranks cost each other. The latest version's points are taken,
or those of `--version`.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
from typing import TYPE_CHECKING

import speed_points

from shardwright.core.speed import predicted_batch_seconds

if TYPE_CHECKING:
    from shardwright.core.plan.types import Question
    from shardwright.core.speed import Pace
    from shardwright.engines.vllm.timed import Batch, Timed

    Case = tuple[Timed, Batch, Question, Pace]

ALWAYS = ("bandwidth_share", "flops_share", "layer_seconds", "step_seconds", "request_seconds")
ROUNDS = 80
FIRST_STEP = 0.2
SHRINK = 1.6
WEIGHT = 0.02
"""Pull towards the constants in use, in units of relative errors a relative change: what points hardly tell stays."""


def fitted_names(cases: list[Case]) -> list[str]:
    """Constants that these points can tell."""
    names = list(ALWAYS)
    shapes = [question.shape for _, _, question, _ in cases]
    if any(point.tensor > 1 for point, *_ in cases):
        names += ["tensor_layer_seconds", "link_share"]
    if any(point.pipeline > 1 for point, *_ in cases):
        names.append("hop_seconds")
    if any(shape.mixture is not None and shape.latent is None for shape in shapes):
        names += ["mixture_layer_seconds", "expert_passes", "expert_sharpness"]
    if any(shape.latent is not None for shape in shapes):
        names.append("latent_layer_seconds")
    return names


def errors(cases: list[Case], changed: dict[str, float], start: dict[str, float]) -> list[float]:
    """Relative error of every batch; what a format adds to a constant of one case stays added."""
    found: list[float] = []
    for _, batch, question, pace in cases:
        asked = (batch.requests, batch.input_tokens, batch.output_tokens)
        own = {name: getattr(pace, name) + value - start[name] for name, value in changed.items()}
        got = predicted_batch_seconds(question, dataclasses.replace(pace, **own), asked)
        found.append(got / batch.seconds - 1)
    return found


def cost(cases: list[Case], changed: dict[str, float], start: dict[str, float]) -> float:
    """What is made small."""
    pull = sum((WEIGHT * (value / start[name] - 1)) ** 2 for name, value in changed.items())
    return sum(error**2 for error in errors(cases, changed, start)) + pull


def fit(cases: list[Case], start: dict[str, float]) -> dict[str, float]:
    """The constants with the least cost, found by steps that shrink."""
    best, values = cost(cases, start, start), dict(start)
    steps = dict.fromkeys(start, FIRST_STEP)
    for _ in range(ROUNDS):
        for name in start:
            tried = [{**values, name: values[name] * factor} for factor in (1 + steps[name], 1 - steps[name])]
            least, chosen = min(((cost(cases, one, start), index) for index, one in enumerate(tried)))
            if least < best:
                best, values = least, tried[chosen]
            else:
                steps[name] /= SHRINK
    return values


def main() -> None:
    """Fit, print constants and the error of every batch before and after."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", help="fit the points of this version only")
    asked = parser.parse_args().version
    every = [
        (point, batch, question, demand.pace)
        for point, batch, question, demand, _ in speed_points.cases()
        if demand.pace
    ]
    version = asked or max(point.version for point, *_ in every)
    cases = [case for case in every if case[0].version == version]
    start = {name: min(float(getattr(pace, name)) for *_, pace in cases) for name in fitted_names(cases)}
    values = fit(cases, start)
    before, after = errors(cases, start, start), errors(cases, values, start)
    for name, value in values.items():
        print(f"{name} = {value:.4g}    # was {start[name]:.4g}")
    print()
    for (point, batch, *_), old, new in zip(cases, before, after, strict=True):
        print(f"{point!s:44} {batch.requests:>5} requests {old:>+7.1%} -> {new:>+7.1%}")
    print(f"mean error {statistics.mean(map(abs, before)):.1%} -> {statistics.mean(map(abs, after)):.1%}")


if __name__ == "__main__":
    main()
