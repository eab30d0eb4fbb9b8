"""Seconds of timed batches: Shardwright and aiconfigurator, whose package carries measured tables of operators.

Uses the environment that run.py makes; llm-d-planner, kvfit and hf-mem do not predict time from a layout.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import Any

import run

from shardwright.core import speed
from shardwright.settings import load_settings

sys.path.insert(0, str(Path(__file__).parents[1]))

import speed_points

NAME = "aiconfigurator"
MIXTURE_FIELDS = ("num_local_experts", "num_experts", "n_routed_experts")


def main() -> None:
    """Print errors of both, batch by batch."""
    rows: list[tuple[str, float, float]] = []
    asked: list[dict[str, Any]] = []
    for point, batch, question, demand, pool in speed_points.cases():
        answer = speed.predict(question, demand, pool)
        if isinstance(answer, str) or demand.pace is None:
            continue
        rows.append((f"{point!s}, {batch.requests} requests", batch.seconds, answer.batch_seconds.expected))
        asked.append(
            {
                "config": str(speed_points.CONFIGS / f"{point.model}.json"),
                "mixture_fields": MIXTURE_FIELDS,
                "version": point.version,
                "gpu": point.gpu,
                "tensor": point.tensor,
                "pipeline": point.pipeline,
                "data": point.data,
                "expert": point.expert,
                "requests": batch.requests,
                "input_tokens": batch.input_tokens,
                "output_tokens": batch.output_tokens,
                "step_tokens": demand.pace.step_tokens,
            }
        )
    folder = load_settings().cache_dir / "peers"
    folder.mkdir(parents=True, exist_ok=True)
    python = run.environment(NAME, run.PEERS[NAME][0], folder)
    print_table(rows, run.answers_of(python, "aiconfigurator_speed.py", asked))


def print_table(rows: list[tuple[str, float, float]], answers: list[dict[str, Any]]) -> None:
    """Both means are over the batches that both answered."""
    errors: list[tuple[float, float]] = []
    print(f"{'batch':60} {'measured':>10} {'shardwright':>12} {NAME:>15}")
    for (name, measured, expected), answer in zip(rows, answers, strict=True):
        mine, theirs = expected / measured - 1, answer.get("seconds", 0.0) / measured - 1
        cell = f"{theirs:>+15.1%}" if "seconds" in answer else f"{'-':>15} {answer['skipped']}"
        print(f"{name:60} {measured:>8.3f} s {mine:>+12.1%} {cell}")
        if "seconds" in answer:
            errors.append((abs(mine), abs(theirs)))
    if errors:
        means = [statistics.mean(column) for column in zip(*errors, strict=True)]
        print(f"{'mean error':60} {'':>10} {means[0]:>12.1%} {means[1]:>15.1%}")


if __name__ == "__main__":
    main()
