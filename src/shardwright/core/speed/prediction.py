"""How requests pass through the stages: prompts in steps of limited size, then one token at a time, in waves if need be."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Literal

from shardwright.core.speed import steps
from shardwright.core.speed.values import Range, Speed
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.memory import Demand, Pool
    from shardwright.core.plan.types import Question
    from shardwright.core.speed.steps import Stage
    from shardwright.core.speed.values import Pace

__all__ = ["predict", "predicted_batch_seconds"]


@frozen
class _Load:
    """What one data-parallel copy is given."""

    requests: int
    """Sent at once."""
    running: int
    """Of them, at most, at the same time."""
    input_tokens: int
    output_tokens: int

    @property
    def context(self) -> float:
        """Tokens of a request in the middle of its answer."""
        return self.input_tokens + self.output_tokens / 2


def predict(question: Question, demand: Demand, pool: Pool) -> Speed | str:
    """Times and rates of a warm engine under the recipe's workload; a text says why there is no prediction."""
    pace = demand.pace
    reason = _reason_against(question, pace, pool)
    if reason or pace is None:
        return reason
    stages = steps.stages_of(question, pace)
    load = _load(question, pace, pool)
    lone = _prefill_seconds(stages, pace, 1, load.input_tokens)
    interval = _interval_seconds(stages, pace, load.running, load)
    share = pace.uncertainty_share
    wave = _wave_seconds(stages, pace, load, load.running)
    # Of fewer requests than copies, the rest of the copies have nothing to do.
    running = min(question.layout.data * load.running, question.recipe.workload.concurrency)
    rate = running * load.output_tokens / wave
    return Speed(
        time_to_first_token_seconds=_range(lone + pace.request_seconds, share + pace.prompt_uncertainty_share),
        inter_token_seconds=_range(interval, share),
        output_tokens_per_second=_range(rate, share),
        batch_seconds=_range(_batch_seconds(stages, pace, load), share),
        assumptions=_assumptions(question, pace, load),
    )


def _reason_against(question: Question, pace: Pace | None, pool: Pool) -> str:
    if pace is None:
        return f"the engine's pace on {question.gpu.name} is not known"
    if not question.shape.layers:
        return f"the layers of {question.shape.name} are not known"
    for gpu in question.gpus:
        if not gpu.bandwidth_bytes_per_second:
            return f"the memory bandwidth of {gpu.name} is not known"
        if not gpu.dense_flops:
            return f"the dense bf16 peak of {gpu.name} is not known"
    if pool.tokens < 1:
        return "nothing fits"
    return ""


def _load(question: Question, pace: Pace, pool: Pool) -> _Load:
    work = question.recipe.workload
    requests = math.ceil(work.concurrency / question.layout.data)
    held = pool.tokens // (work.input_tokens + work.output_tokens)
    running = max(1, min(requests, pace.sequences, held))
    return _Load(requests, running, work.input_tokens, work.output_tokens)


def _batch_seconds(stages: tuple[Stage, ...], pace: Pace, load: _Load) -> float:
    waves, rest = divmod(load.requests, load.running)
    seconds = waves * _wave_seconds(stages, pace, load, load.running)
    return seconds + (_wave_seconds(stages, pace, load, rest) if rest else 0.0)


def _wave_seconds(stages: tuple[Stage, ...], pace: Pace, load: _Load, requests: int) -> float:
    """So many requests from the first prompt to the last token.

    Requests whose prompt is done decode in the steps of other prompts; what they read there they need not read later, so
    the sum is the same as if all prompts came first.
    """
    prompts = _prefill_seconds(stages, pace, requests, load.input_tokens)
    decoding = (load.output_tokens - 1) * _interval_seconds(stages, pace, requests, load)
    return prompts + decoding + requests * pace.request_seconds


def _prefill_seconds(stages: tuple[Stage, ...], pace: Pace, requests: int, prompt: int) -> float:
    """Full steps follow each other through the stages at the beat of the slowest; the last, smaller one ends after them."""
    full, rest = divmod(requests * prompt, pace.step_tokens)
    seconds = 0.0
    if full:
        times = [stage.prefill_seconds(pace.step_tokens, prompt) for stage in stages]
        seconds += sum(times) + (full - 1) * max(times) + full * pace.step_seconds
    if rest:
        times = [stage.prefill_seconds(rest, prompt) for stage in stages]
        seconds += (max(times) if full else sum(times)) + pace.step_seconds
    return seconds


def _interval_seconds(stages: tuple[Stage, ...], pace: Pace, requests: int, load: _Load) -> float:
    """Between two tokens of a request: until its own batch has passed all stages, or a stage has served every batch."""
    sizes = Counter(_batches(requests, load.input_tokens, pace.step_tokens, len(stages)))
    times = {size: [stage.decode_seconds(size, load.context) for stage in stages] for size in sizes}
    busiest = max(sum(count * times[size][index] for size, count in sizes.items()) for index in range(len(stages)))
    return max(sum(times[max(sizes)]), busiest) + pace.step_seconds


def _batches(requests: int, prompt: int, step_tokens: int, stages: int) -> list[float]:
    """Requests of each batch in flight: those whose prompts shared a step stay together, steps take turns."""
    together = step_tokens / prompt
    full = int(requests / together)
    rest = requests - full * together
    sizes = [(full // stages + (turn < full % stages)) * together for turn in range(stages)]
    sizes[full % stages] += rest
    return [size for size in sizes if size > 0]


def _range(expected: float, share: float) -> Range:
    """Half of what is expected at the least: doubts add up, but nothing is done in no time."""
    return Range(expected, expected * max(1 - share, 0.5), expected * (1 + share))


def _assumptions(question: Question, pace: Pace, load: _Load) -> tuple[str, ...]:
    work, half = question.recipe.workload, round(pace.uncertainty_share * 100)
    return (
        f"constants: {pace.source}; ranges are +-{half} %",
        f"{work.concurrency} {'request' if work.concurrency == 1 else 'requests'} at once, {work.input_tokens} tokens in, {work.output_tokens} out, none shared between prompts",
        f"steps of at most {pace.step_tokens} tokens and {pace.sequences} requests{_queue(load)}",
        f"decoding reads at {pace.bandwidth_share:.0%} of {_rates(question, 'bandwidth')}",
        f"prompts compute at {pace.flops_share:.0%} of {_rates(question, 'flops')}{_faster(pace)}",
        *_between(question, pace),
        *(("tokens choose their experts independently of each other",) if question.shape.mixture else ()),
        *(("guessing ahead is not counted: with it tokens come faster",) if question.draft is not None else ()),
        *pace.assumptions,
    )


def _faster(pace: Pace) -> str:
    return "" if pace.flops_factor == 1 else f", {pace.flops_factor:g} times that in the format of the weights"


def _queue(load: _Load) -> str:
    if load.running >= load.requests:
        return ""
    return f"; {load.running} requests run at once on a copy of the model, {load.requests - load.running} wait"


def _rates(question: Question, what: Literal["bandwidth", "flops"]) -> str:
    kinds = {gpu.name: gpu for gpu in question.gpus}.values()
    if what == "flops":
        return " and ".join(f"{(gpu.dense_flops or 0) / 1e12:.0f} TFLOP/s ({gpu.name})" for gpu in kinds)
    return " and ".join(f"{(gpu.bandwidth_bytes_per_second or 0) / 1e9:.0f} GB/s ({gpu.name})" for gpu in kinds)


def _between(question: Question, pace: Pace) -> Iterator[str]:
    """How ranks reach each other."""
    layout, gpu = question.layout, question.gpu
    if layout.world_size > layout.nodes:
        link = gpu.link_bytes_per_second
        speed = (
            f"{link / 1e9:.0f} GB/s ({gpu.link})"
            if link
            else f"{pace.network_bytes_per_second / 1e9:.1f} GB/s, assumed"
        )
        yield f"GPUs of a node reach {pace.link_share:.0%} of {speed}"
    if layout.nodes > 1:
        known = gpu.network_bytes_per_second
        origin = "of the node shape" if known else "assumed: no nodeShape is given"
        speed = f"{(known or pace.network_bytes_per_second) / 1e9:.1f} GB/s a GPU"
        yield f"nodes reach {pace.network_share:.0%} of {speed} ({origin})"


def predicted_batch_seconds(question: Question, pace: Pace, batch: tuple[int, int, int]) -> float:
    """Seconds of requests, prompt tokens and answer tokens that all fit at once: what constants are fitted with."""
    requests, input_tokens, output_tokens = batch
    each = math.ceil(requests / question.layout.data)
    load = _Load(each, min(each, pace.sequences), input_tokens, output_tokens)
    return _batch_seconds(steps.stages_of(question, pace), pace, load)
