"""Predicted against measured: how long batches take on GPUs, point by point, and what predicting costs.

One row a batch: start, requests, tokens in and out, seconds measured and predicted, error, whether the range holds it. The
first 15 are those that the constants were fitted to. Then mean and worst error and the time of one prediction.
"""

from __future__ import annotations

import statistics
import time

import speed_points

from shardwright.core import speed


def main() -> None:
    """Print one row a batch, then mean and worst error and the time of one prediction."""
    found: list[float] = []
    inside = 0
    costs: list[float] = []
    print(f"{'point':44} {'requests':>8} {'tokens':>9} {'measured':>9} {'predicted':>9} {'error':>7}  in range")
    for point, batch, question, demand, pool in speed_points.cases():
        started = time.perf_counter()
        answer = speed.predict(question, demand, pool)
        costs.append(time.perf_counter() - started)
        if isinstance(answer, str):
            print(f"{point!s:44} no prediction: {answer}")
            continue
        seconds = answer.batch_seconds
        error = seconds.expected / batch.seconds - 1
        is_inside = seconds.low <= batch.seconds <= seconds.high
        found.append(abs(error))
        inside += is_inside
        tokens = f"{batch.input_tokens}/{batch.output_tokens}"
        print(
            f"{point!s:44} {batch.requests:>8} {tokens:>9} {batch.seconds:>7.3f} s {seconds.expected:>7.3f} s"
            f" {error:>+7.1%}  {'yes' if is_inside else 'no'}"
        )
    print(f"mean error {statistics.mean(found):.1%}, worst {max(found):.1%}, {inside} of {len(found)} in their range")
    print(f"one prediction takes {statistics.median(costs) * 1e6:.0f} us")


if __name__ == "__main__":
    main()
