"""Memory of SGLang against what SGLang printed on GPUs, and the arithmetic that holds anywhere.

Origin of the measured points: SGLang 0.5.16, class Engine, dummy weights, H200, 2026-11 (engines/sglang/measured.toml).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sglang_questions import asked, shape_named

from shardwright.core import memory
from shardwright.core.shape.base import Cache, State
from shardwright.engines.sglang import ENGINE, facts
from shardwright.units import GIB

if TYPE_CHECKING:
    from shardwright.core.memory import Demand
    from shardwright.core.plan.types import Question
    from shardwright.core.shape.base import ModelShape
    from shardwright.engines.sglang.facts import Point


def tokens_of(question: Question) -> int:
    return memory.pool_of(ENGINE.memory(question)).tokens


def of_point(point: Point, version: str = "0.5.16") -> Demand:
    args = dict(point.args)
    question = asked(
        shape_named(point.model), args=args, length=point.context_length, tensor=point.tensor, version=version
    )
    assert ENGINE.limits(question) == ()
    return ENGINE.memory(question)


@pytest.mark.parametrize("point", facts.points(), ids=lambda point: f"{point.model}-tp{point.tensor}{dict(point.args)}")
def test_the_measured_pools_come_out(point: Point) -> None:
    """Fraction exactly as SGLang chose it, weights within 30 MiB, tokens within 0.1 %, all inside the interval."""
    demand = of_point(point)
    pool = memory.pool_of(demand)
    assert demand.evidence == "measured"
    assert dict(demand.settings)["mem-fraction-static"] == point.fraction
    assert demand.ranks[0].terms[0].bytes / GIB == pytest.approx(point.weights_gib, abs=0.03)
    assert pool.tokens == pytest.approx(point.tokens, rel=0.001)
    assert pool.tokens_low <= point.tokens <= pool.tokens_high


@pytest.mark.parametrize("point", facts.points()[:1])
def test_graphs_come_on_top_and_fit_beside_the_fraction(point: Point) -> None:
    """What SGLang captured is what is counted, outside the budget, and much of the reserve stays free."""
    demand = of_point(point)
    graphs = [term for term in demand.ranks[0].terms if term.name == "graphs"]
    assert [round(term.bytes / GIB, 1) for term in graphs] == [
        round(point.prefill_graphs_gib, 1),
        round(point.decode_graphs_gib, 1),
    ]
    assert not any(term.counted for term in graphs)
    assert memory.settle(demand, memory.pool_of(demand).blocks)[0].free_bytes > 8 * GIB


@pytest.mark.parametrize(
    ("version", "gpu", "args", "fraction"),
    [
        ("0.5.1", "H200", {}, 0.911),  # 143771 - 12.5 GiB
        ("0.5.2", "H100", {}, 0.874),  # 81559 - 10 GiB
        ("0.5.3", "H200", {}, 0.907),  # 512 + 12288 + 128 + 512
        ("0.5.3", "H200", {"disable-cuda-graph": True}, 0.907),  # reserved all the same
        ("0.5.10", "H200", {}, 0.903),  # and 58 prefill graphs
        ("0.5.10", "H200", {"disable-cuda-graph": True}, 0.903),  # ends graphs of decoding only
        ("0.5.10", "H200", {"disable-piecewise-cuda-graph": True}, 0.907),
        ("0.5.16", "H100", {}, 0.83),
        ("0.5.16", "H200", {"disable-cuda-graph": True}, 0.91),
        ("0.5.23", "H100", {}, 0.83),
        ("0.5.23", "H200", {"chunked-prefill-size": 16384}, 0.817),  # 24576 and 74 prefill graphs
        ("0.5.23", "H200", {"max-running-requests": 16}, 0.907),  # smaller decode graphs
        ("0.5.23", "H200", {"mem-fraction-static": 0.7}, 0.7),
    ],
)
def test_the_fraction_follows_the_rule_of_the_version(
    version: str, gpu: str, args: dict[str, Any], fraction: float
) -> None:
    """The reserve is a table until 0.5.2, a sum afterwards, and knows prefill graphs from 0.5.10 on."""
    demand = ENGINE.memory(asked(shape_named("llama-3.1-8b"), gpu=gpu, args=args, version=version))
    assert dict(demand.settings)["mem-fraction-static"] == fraction


def test_what_is_asked_for_is_written_out() -> None:
    """The pool is exact because SGLang is told what was planned."""
    args = {"kv-cache-dtype": "fp8_e4m3", "max-total-tokens": 100_000, "quantization": "fp8", "page-size": 64}
    demand = ENGINE.memory(asked(shape_named("llama-3.1-8b"), args=args))
    written = dict(demand.settings)
    assert {name: written[name] for name in args} == args
    assert written["context-length"] == 8192
    pool = memory.pool_of(demand)
    assert pool.tokens == pool.tokens_low == pool.tokens_high == 100_000 // 64 * 64


def test_the_fullest_stage_decides_the_budget_and_the_one_with_most_layers_the_tokens() -> None:
    """SGLang takes the smallest free memory of all ranks and the smallest count of tokens."""
    demand = ENGINE.memory(asked(shape_named("llama-3.1-8b"), pipeline=2, nodes=2, stages=(20, 12)))
    lefts = {rank.left_bytes for rank in demand.ranks}
    assert len(lefts) == 1
    assert demand.ranks[0].block_bytes == 20 * 2 * 8 * 128 * 2
    assert memory.pool_of(demand).tokens == lefts.pop() // demand.ranks[0].block_bytes


@pytest.mark.parametrize(("tensor", "heads"), [(1, 8), (4, 2), (16, 1)])
def test_kv_heads_are_shared_then_repeated(tensor: int, heads: int) -> None:
    """With more ranks than KV heads each rank keeps one."""
    demand = ENGINE.memory(asked(shape_named("llama-3.1-8b"), tensor=tensor))
    assert demand.ranks[0].block_bytes == 32 * 2 * heads * 128 * 2


def test_latent_caches_are_whole_on_every_rank() -> None:
    """One compressed vector for all heads: 61 layers of 512 + 64 numbers."""
    demand = ENGINE.memory(asked(shape_named("deepseek-v3"), tensor=8, length=4096))
    assert demand.ranks[0].block_bytes == 61 * 576 * 2


def test_copies_that_share_layers_hold_a_part_of_the_experts_and_a_whole_cache() -> None:
    """DP attention: SGLang's tp counts all ranks; experts are divided over all, attention over those of one copy."""
    shape = shape_named("deepseek-v3")
    shared, alone = ENGINE.memory(asked(shape, length=4096, data=8)), ENGINE.memory(asked(shape, length=4096, tensor=8))
    assert shared.ranks[0].block_bytes == alone.ranks[0].block_bytes
    more = shared.ranks[0].terms[0].bytes - alone.ranks[0].terms[0].bytes
    assert 0 < more < 16 * GIB
    whole = ENGINE.memory(asked(shape, length=4096, data=8, expert=True))
    assert whole.ranks[0].terms[0].bytes == pytest.approx(shared.ranks[0].terms[0].bytes, rel=0.01)
    assert "tp is 8" in " ".join(shared.notes)


def windowed() -> ModelShape:
    """Llama with a sliding window on every other layer, under a name whose windows have a pool of their own."""
    shape = shape_named("llama-3.1-8b")
    narrow = dataclasses.replace(shape.layers[0], cache=Cache("window", 8, 128, 128, window_tokens=128))
    return dataclasses.replace(shape, architecture="GptOssForCausalLM", layers=(narrow, shape.layers[0]) * 16)


def test_window_layers_have_a_smaller_pool_where_sglang_knows_them() -> None:
    """swa-full-tokens-ratio of the tokens, 0.8 unless asked for; written out."""
    plain = 16 * 2 * 8 * 128 * 2
    demand = ENGINE.memory(asked(windowed(), args={"swa-full-tokens-ratio": 0.25}))
    assert demand.ranks[0].block_bytes == plain + plain // 4
    assert dict(demand.settings)["swa-full-tokens-ratio"] == 0.25
    other = dataclasses.replace(windowed(), architecture="MistralForCausalLM")
    assert ENGINE.memory(asked(other)).ranks[0].block_bytes == 2 * plain


def test_states_take_their_share_of_what_is_left() -> None:
    """mamba-full-memory-ratio 0.9: 9 parts of 19 for states, in whole requests."""
    shape = shape_named("llama-3.1-8b")
    state = State("gated-delta", channels=8192, kernel=4, heads=32, head_size=128, state_size=128)
    recurrent = dataclasses.replace(shape.layers[0], cache=Cache("none", 0, 0, 0), state=state)
    hybrid = dataclasses.replace(shape, layers=(recurrent, recurrent, recurrent, shape.layers[0]) * 8)
    rank = ENGINE.memory(asked(hybrid)).ranks[0]
    states = next(term.bytes for term in rank.terms if "recurrent" in term.formula)
    each = 24 * (8192 * 3 * 2 + 32 * 128 * 128 * 4)
    assert states % each == 0
    assert states / (states + rank.left_bytes) == pytest.approx(9 / 19, rel=1e-3)


def test_pages_follow_the_attention_kernels() -> None:
    """Blackwell's default kernels ask for pages of 64 tokens; tokens are whole pages."""
    question = asked(shape_named("llama-3.1-8b"))
    blackwell = dataclasses.replace(question.gpu, name="B200", compute_capability="10.0")
    demand = ENGINE.memory(dataclasses.replace(question, gpus=(blackwell,)))
    assert dict(demand.settings)["page-size"] == 64
    assert memory.pool_of(demand).tokens % 64 == 0


def test_a_larger_fraction_is_chosen_only_where_nothing_fits_otherwise() -> None:
    """SGLang's own reserve would leave 70 B on two H100 too little for one long request; the plan says so."""
    shape = shape_named("llama-3.3-70b")
    demand = ENGINE.memory(asked(shape, gpu="H100", tensor=2, length=32768))
    assert memory.shortfalls(demand) == ()
    assert [finding.id for finding in demand.findings if "fraction" in finding.id] == ["sglang.larger-fraction"]
    fixed = ENGINE.memory(asked(shape, gpu="H100", tensor=2, length=32768, args={"mem-fraction-static": 0.83}))
    assert memory.shortfalls(fixed) != ()


@settings(max_examples=30, deadline=None)
@given(chunk=st.sampled_from([1024, 2048, 8192, 32768]), tensor=st.sampled_from([1, 2, 4]))
def test_more_prefill_tokens_never_leave_more_room(chunk: int, tensor: int) -> None:
    """A larger step reserves more."""
    shape = shape_named("llama-3.1-8b")
    small, large = (
        tokens_of(asked(shape, tensor=tensor, args={"chunked-prefill-size": size})) for size in (chunk, 2 * chunk)
    )
    assert small >= large


@pytest.mark.parametrize(("tensor", "size"), [(1, 335_544_320), (2, 226_492_416)])
def test_adapter_slots_are_taken_from_the_pool(tensor: int, size: int) -> None:
    """16 x (7 H + 2 q + 2 kv + 3 I) numbers a layer and slot, divided where the projection is; by hand for 4 slots."""
    bare, with_slots = (
        ENGINE.memory(asked(shape_named("llama-3.1-8b"), model=model, tensor=tensor)).ranks[0]
        for model in ({}, {"lora_slots": 4})
    )
    assert with_slots.left_bytes - bare.left_bytes - (with_slots.budget_bytes - bare.budget_bytes) == -size


def test_an_uncounted_draft_is_said() -> None:
    """Speculation by SGLang's own flags is planned without the draft's memory, and the plan says so."""
    demand = ENGINE.memory(asked(shape_named("llama-3.1-8b"), args={"speculative-algorithm": "EAGLE"}))
    assert "sglang.draft-not-counted" in {finding.id for finding in demand.findings}
