"""Predicted speed against batches timed on GPUs, and what must hold of any prediction.

Origin of the timed batches: engines/vllm/measured_speed.toml.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardwright.core import memory, speed
from shardwright.core.layout import Layout, split_layers
from shardwright.core.memory import Demand, Pool
from shardwright.core.plan.types import Question
from shardwright.core.shape import shape_of
from shardwright.core.speed import Pace, Speed
from shardwright.engines.vllm import ENGINE
from shardwright.engines.vllm.timed import Batch, Timed, timed_points
from shardwright.testing import builders

if TYPE_CHECKING:
    from shardwright.core.hardware import Gpu
    from shardwright.core.shape.base import ModelShape

TIMED = [(point, batch) for point in timed_points() for batch in point.batches]
MEAN_ERROR = 0.10
LARGEST_ERROR = 0.25
MISSED = {("deepseek-v2-lite", 1, 32), ("gpt-oss-20b", 1, 32), ("gpt-oss-20b", 1, 256)}
"""Model, ranks that share a layer, requests: untrained routers choose few experts, and experts in mxfp4 are slow on H200."""
PACE = Pace(0.85, 0.65, 40e-6, 64e-6, 94e-6, 12e-6, 5e-5, 180e-6, 0.1, "a test", step_tokens=8192, sequences=256)
ROOM = Pool(tokens=10**7, tokens_low=10**7, tokens_high=10**7, blocks=10**6, smallest_rank=0, left_bytes=10**12)
CONFIGS = Path(__file__).parents[2] / "data" / "configs"


def shape_named(name: str) -> ModelShape:
    """A model of the tests' data."""
    return shape_of(json.loads((CONFIGS / f"{name}.json").read_text("utf-8")), name=name, source="a test")


LLAMA_70B = shape_named("llama-3.3-70b")
MIXTURE = shape_named("mixtral-8x7b")


def asked(
    shape: ModelShape,
    tensor: int = 1,
    pipeline: int = 1,
    *,
    nodes: int = 1,
    data: int = 1,
    gpu: Gpu | None = None,
    workload: tuple[int, int, int] = (1, 512, 128),
) -> Question:
    """A question about a layout and a workload of requests, prompt tokens and answer tokens."""
    ranks = tensor * pipeline * data
    layout = Layout(
        tensor, pipeline, nodes, ranks // nodes, split_layers(len(shape.layers), pipeline), data=data, expert=data > 1
    )
    concurrency, input_tokens, output_tokens = workload
    work = {
        "concurrency": concurrency,
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "max_model_len": 8192,
    }
    return Question(builders.recipe(workload=work), shape, layout, (gpu or builders.gpu("H200"),), "0.24.0")


def demand(pace: Pace | None = PACE) -> Demand:
    """An engine's answer of which a prediction of speed only needs the pace."""
    return Demand((), 8192, 512, (), "source", "a test", "v2", (), pace=pace)


def predicted(question: Question, pace: Pace | None = PACE, pool: Pool = ROOM) -> Speed:
    """A prediction that must be there."""
    answer = speed.predict(question, demand(pace), pool)
    assert isinstance(answer, Speed), answer
    return answer


def timed_question(point: Timed, batch: Batch) -> Question:
    """What a plan would have asked before this batch ran."""
    shape = shape_named(point.model)
    ranks = point.tensor * point.pipeline * point.data
    stages = split_layers(len(shape.layers), point.pipeline)
    recipe = builders.recipe(
        engine={"entrypoint": point.entrypoint, "version": point.version, "args": dict(point.args)},
        workload={
            "concurrency": batch.requests,
            "input_tokens": batch.input_tokens,
            "output_tokens": batch.output_tokens,
            "max_model_len": point.max_model_len,
        },
    )
    layout = Layout(point.tensor, point.pipeline, 1, ranks, stages, data=point.data, expert=point.expert)
    return Question(recipe, shape, layout, (builders.gpu(point.gpu),), point.version)


def timed_error(point: Timed, batch: Batch) -> float:
    """Predicted over measured, less one."""
    question = timed_question(point, batch)
    answer = ENGINE.memory(question)
    found = speed.predict(question, answer, memory.pool_of(answer))
    assert isinstance(found, Speed), found
    return found.batch_seconds.expected / batch.seconds - 1


@pytest.mark.parametrize(
    ("point", "batch"), TIMED, ids=lambda value: str(value) if isinstance(value, Timed) else value.requests
)
def test_a_timed_batch_is_predicted(point: Timed, batch: Batch) -> None:
    """No timed batch is missed by more than a quarter, but for those that are known to be, and those still are."""
    is_missed = (point.model, point.tensor, batch.requests) in MISSED
    assert (abs(timed_error(point, batch)) > LARGEST_ERROR) is is_missed


def test_timed_batches_are_predicted_closely() -> None:
    """On average predictions miss timed batches by at most a tenth."""
    assert statistics.mean(abs(timed_error(point, batch)) for point, batch in TIMED) <= MEAN_ERROR


@pytest.mark.parametrize("requests", [1, 32])
def test_dividing_layers_beats_stages_inside_a_node(requests: int) -> None:
    """70B on four H200: TP4 answers sooner than TP2 x PP2, and that sooner than PP4."""
    workload = (requests, 512, 128)
    layouts = ((4, 1), (2, 2), (1, 4))
    seconds = [predicted(asked(LLAMA_70B, *sizes, workload=workload)).batch_seconds.expected for sizes in layouts]
    assert seconds == sorted(seconds)
    assert len(set(seconds)) == len(seconds)


def test_stages_beat_dividing_layers_over_a_slow_network() -> None:
    """Across nodes without a fast network, stages answer sooner than divided layers."""
    divided = predicted(asked(LLAMA_70B, 8, 1, nodes=2, workload=(32, 512, 128)))
    staged = predicted(asked(LLAMA_70B, 4, 2, nodes=2, workload=(32, 512, 128)))
    assert staged.batch_seconds.expected < divided.batch_seconds.expected


@given(st.floats(1.0, 4.0), st.sampled_from(["bandwidth_bytes_per_second", "dense_flops", "link_bytes_per_second"]))
def test_a_faster_gpu_is_never_slower(factor: float, figure: str) -> None:
    """More bandwidth, arithmetic or a faster link never makes any figure worse."""
    gpu = builders.gpu("H200")
    faster = dataclasses.replace(gpu, **{figure: getattr(gpu, figure) * factor})
    workload = (32, 512, 128)
    before = predicted(asked(LLAMA_70B, 2, 2, gpu=gpu, workload=workload))
    after = predicted(asked(LLAMA_70B, 2, 2, gpu=faster, workload=workload))
    slack = 1 + 1e-9
    assert after.batch_seconds.expected <= before.batch_seconds.expected * slack
    assert after.inter_token_seconds.expected <= before.inter_token_seconds.expected * slack
    assert after.time_to_first_token_seconds.expected <= before.time_to_first_token_seconds.expected * slack
    assert after.output_tokens_per_second.expected * slack >= before.output_tokens_per_second.expected


WORK = (st.integers(1, 300), st.integers(1, 4000), st.integers(1, 400))


@given(*WORK, st.sampled_from([(1, 1), (2, 1), (1, 2), (2, 2)]))
def test_more_requests_or_answers_take_longer(
    requests: int, input_tokens: int, output_tokens: int, sizes: tuple[int, int]
) -> None:
    """More requests, or longer answers, never end sooner."""
    shape, base = builders.llama_shape(), (requests, input_tokens, output_tokens)
    seconds = predicted(asked(shape, *sizes, workload=base)).batch_seconds.expected
    for workload in ((requests + 1, *base[1:]), (*base[:2], output_tokens + 10)):
        longer = predicted(asked(shape, *sizes, workload=workload)).batch_seconds.expected
        assert longer >= seconds * (1 - 1e-9), workload


@given(*WORK, st.sampled_from([1, 2]))
def test_longer_prompts_take_longer(requests: int, input_tokens: int, output_tokens: int, tensor: int) -> None:
    """Without stages, longer prompts never end sooner; with stages they can, where they part batches."""
    shape = builders.llama_shape()
    short, long = ((requests, tokens, output_tokens) for tokens in (input_tokens, input_tokens + 100))
    seconds = [predicted(asked(shape, tensor, workload=workload)).batch_seconds.expected for workload in (short, long)]
    assert seconds[1] >= seconds[0] * (1 - 1e-9)


@given(st.integers(1, 512), st.sampled_from([1, 2, 4]))
def test_ranges_hold_what_is_expected(requests: int, data: int) -> None:
    """Every figure is positive and lies in its own range."""
    answer = predicted(asked(MIXTURE, 2, 1, data=data, workload=(requests, 512, 64)))
    for figure in dataclasses.astuple(answer)[:4]:
        expected, low, high = figure
        assert 0 < low < expected < high
    assert answer.assumptions


def test_requests_beyond_the_pool_wait() -> None:
    """A pool that holds half of the requests makes them run in two waves."""
    shape, workload = builders.llama_shape(), (64, 512, 64)
    half = dataclasses.replace(ROOM, tokens=32 * (512 + 64))
    whole = predicted(asked(shape, workload=workload))
    waves = predicted(asked(shape, workload=workload), pool=half)
    one = predicted(asked(shape, workload=(32, 512, 64)))
    assert waves.batch_seconds.expected == pytest.approx(2 * one.batch_seconds.expected)
    assert waves.batch_seconds.expected > whole.batch_seconds.expected
    assert any("32 wait" in text for text in waves.assumptions)


def test_one_request_reads_only_the_experts_it_picks() -> None:
    """A mixture of eight experts of which two are picked is not read whole for one request."""
    gap = predicted(asked(MIXTURE)).inter_token_seconds.expected
    assert gap < MIXTURE.weights_bytes / 4.8e12
    crowd = predicted(asked(MIXTURE, workload=(256, 512, 128))).inter_token_seconds.expected
    assert crowd > MIXTURE.weights_bytes / 4.8e12


@pytest.mark.parametrize(
    ("gpu", "pace", "word"),
    [
        (builders.gpu("H200"), None, "pace"),
        (builders.gpu("H200", bandwidth_bytes_per_second=None), PACE, "bandwidth"),
        (builders.gpu("T4"), PACE, "bf16 peak of T4"),
    ],
)
def test_what_is_not_known_is_said(gpu: Gpu, pace: Pace | None, word: str) -> None:
    """Without a figure there is a reason instead of a number."""
    answer = speed.predict(asked(builders.llama_shape(), gpu=gpu), demand(pace), ROOM)
    assert isinstance(answer, str)
    assert word in answer


def test_copies_without_a_request_answer_nothing() -> None:
    """One request keeps one of four copies busy: the rate is that of its copy, not of all."""
    alone = predicted(asked(MIXTURE, 2, 1, data=4, workload=(1, 512, 64)))
    full = predicted(asked(MIXTURE, 2, 1, data=4, workload=(4, 512, 64)))
    assert alone.output_tokens_per_second.expected == pytest.approx(full.output_tokens_per_second.expected / 4)
