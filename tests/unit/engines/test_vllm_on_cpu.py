"""The pool of vLLM on a CPU is arithmetic: it equals what vLLM 0.32 printed in runs on a CPU."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from shardwright.core import memory
from shardwright.core.layout import Layout
from shardwright.core.plan.types import Question
from shardwright.core.shape.base import Cache
from shardwright.engines.vllm import ENGINE
from shardwright.testing import builders
from shardwright.units import GIB, MIB

if TYPE_CHECKING:
    from shardwright.core.memory import Demand


def demand(  # noqa: PLR0913 - one keyword a dimension of the runs
    *,
    head_size: int,
    stages: tuple[int, ...] = (4,),
    tensor: int = 1,
    length: int = 512,
    dtype: str | None = None,
    args: dict[str, object] | None = None,
    env: dict[str, str] | None = None,
    memory_bytes: int = 8 * GIB,
) -> Demand:
    """A Llama of four layers and four KV heads."""
    shape = builders.llama_shape(4, kv_heads=4, head_size=head_size, vocabulary_size=512, hidden_size=256)
    layers = tuple(
        dataclasses.replace(layer, weights=(), cache=Cache("full", 4, head_size, head_size)) for layer in shape.layers
    )
    shape = dataclasses.replace(shape, layers=layers, embedding=(), head=(), intermediate_size=512)
    asked = builders.recipe(
        engine={"version": "0.32.0", "args": args or {}, "env": env or {}},
        workload={"max_model_len": length, "concurrency": 4, "input_tokens": 100, "output_tokens": 50},
        model={"dtype": dtype},
    )
    layout = Layout(tensor, len(stages), 1, tensor * len(stages), stages)
    return ENGINE.memory(Question(asked, shape, layout, (builders.gpu("cpu", memory_bytes=memory_bytes),), "0.32.0"))


@pytest.mark.parametrize(
    ("asked", "tokens"),
    [
        (demand(head_size=16, env={"VLLM_CPU_KVCACHE_SPACE": "1"}), 1048576),
        (demand(head_size=16, length=500, dtype="float32", args={"kv-cache-memory-bytes": 16777216}), 8000),
        (
            demand(head_size=32, stages=(3, 1), length=777, dtype="float32", args={"kv-cache-memory-bytes": 16777216}),
            4662,
        ),
    ],
    ids=["one process, bfloat16", "one process, float32", "two uneven stages, float32"],
)
def test_tokens_are_those_that_vllm_printed(asked: Demand, tokens: int) -> None:
    """What "CPU KV cache size" said in three runs, to the token: lengths that fill no block and uneven stages included."""
    pool = memory.pool_of(asked)
    assert pool.tokens == pool.tokens_low == pool.tokens_high == tokens
    assert asked.evidence == "measured"


def test_the_pool_holds_the_workload_twice_where_nothing_is_said() -> None:
    """A rehearsal asks for little memory; the flag is written out."""
    asked = demand(head_size=32, dtype="float32")
    size = int(dict(asked.settings)["kv-cache-memory-bytes"])
    assert memory.pool_of(asked).tokens >= 2 * 600
    assert size % (16 * MIB) == 0
    assert size <= 32 * MIB


def test_the_pool_shrinks_to_one_request_where_memory_is_short() -> None:
    """Better a small pool than none."""
    asked = demand(head_size=128, length=65536, memory_bytes=int(2.6 * GIB))
    assert memory.shortfalls(asked) == ()
    assert memory.pool_of(asked).tokens < 2 * 65536


def test_tensor_ranks_share_kv_heads() -> None:
    """Half of the heads a rank, half of the bytes a block."""
    one, two = demand(head_size=32), demand(head_size=32, tensor=2)
    assert one.ranks[0].block_bytes == 2 * two.ranks[0].block_bytes


@pytest.mark.parametrize(("world", "tokens", "sequences"), [(1, 2048, 128), (2, 4096, 256)])
def test_batch_defaults_grow_with_the_ranks(world: int, tokens: int, sequences: int) -> None:
    """As get_batch_defaults of 0.32 has it for CPUs; seen in the log of a start with two stages."""
    found = dict(demand(head_size=32, stages=(4,) if world == 1 else (2, 2)).settings)
    assert (found["max-num-batched-tokens"], found["max-num-seqs"]) == (tokens, sequences)


def test_more_than_the_machine_has_does_not_fit() -> None:
    """A fixed pool beside model and worker must fit the memory of the rank."""
    asked = demand(head_size=32, args={"kv-cache-memory-bytes": 7 * GIB})
    assert {lack.kind for lack in memory.shortfalls(asked)} == {"device"}
