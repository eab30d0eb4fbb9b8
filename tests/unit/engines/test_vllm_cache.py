"""Groups, blocks and tokens of vLLM's KV cache, by version and kind of layer.

Origin of the table: get_kv_cache_configs (0.10.0: get_kv_cache_config) of each release, called without a GPU on specs of the
layers named here, 2026-11: 2 KV-cache numbers of 64 for 4 heads in bfloat16, T 2048, blocks of 16 (64 latent), 3 GiB + 12345
bytes on the only stage, 2 GiB + 1 and 3 GiB - 7 bytes on two. For 0.32.0: tests/integration/test_engine_cache.py.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardwright.core import memory
from shardwright.core.layout import Layout
from shardwright.core.memory import Demand, RankDemand
from shardwright.core.plan.types import Question
from shardwright.core.shape.base import Cache, Latent, Layer, State
from shardwright.engines.vllm import ENGINE, cache, cache_groups, facts, flags
from shardwright.engines.vllm.cache_groups import Longest, Page
from shardwright.testing import builders
from shardwright.units import GIB

if TYPE_CHECKING:
    from shardwright.engines.vllm.cache import CacheLayout

POOLS = {1: (3 * GIB + 12345,), 2: (2 * GIB + 1, 3 * GIB - 7)}
GEMMA3 = ("wwwwwf" * 5)[:26]
WHOLE: dict[str, object] = {"disable-hybrid-kv-cache-manager": True}
CASES: dict[str, tuple[str, tuple[int, ...], int, int, dict[str, object]]] = {
    "full": ("f" * 12, (12,), 0, 8190, {}),
    "full-pp2": ("f" * 12, (6, 6), 0, 32768, {}),
    "window": ("w" * 12, (12,), 4096, 32768, {}),
    "gemma2": ("wf" * 13, (26,), 4096, 32768, {}),
    "gemma3-pp2": (GEMMA3, (14, 12), 1024, 32768, {}),
    "near-even": ("w" * 12 + "f" * 13, (25,), 128, 32768, {}),
    "gpt-oss": ("wf" * 12, (24,), 128, 131072, {}),
    "whole": ("wf" * 13, (26,), 4096, 32768, WHOLE),
    "chunks": ("cccf" * 4, (16,), 8192, 65536, {}),
    "latent": ("l" * 9, (9,), 0, 32768, {"block-size": 64}),
}
# Groups, blocks of a request, blocks, tokens.
OLDEST = {
    "full": (1, 512, 16384, 262144),
    "full-pp2": (1, 2048, 21845, 349520),
    "window": (1, 385, 16384, 262144),
    "gemma2": (2, 2433, 15123, 120976),
    "gemma3-pp2": (7, 3206, 65536, 149792),
    "near-even": (3, 4233, 16384, 87376),
    "gpt-oss": (2, 8329, 16384, 131072),
    "whole": (1, 2048, 7561, 120976),
    "latent": (1, 512, 4854, 310656),
}
GROUPED = OLDEST | {"near-even": (2, 2185, 15123, 120976), "chunks": (4, 6016, 49152, 196608)}
IN_REQUESTS = {
    "full": (1, 512, 16384, 262080),
    "full-pp2": (1, 2048, 21845, 349520),
    "window": (1, 385, 16384, 1394469),
    "gemma2": (2, 2433, 15123, 203678),
    "gemma3-pp2": (7, 3206, 65536, 669832),
    "near-even": (2, 2185, 15123, 226796),
    "gpt-oss": (2, 8329, 16384, 257832),
    "whole": (1, 2048, 7561, 120976),
    "chunks": (4, 6016, 49152, 535443),
    "latent": (1, 512, 4854, 310656),
}
IN_FLIGHT = IN_REQUESTS | {
    "window": (1, 513, 16384, 1046531),
    "gemma2": (2, 2561, 15123, 193498),
    "gemma3-pp2": (7, 4742, 65536, 452864),
    "near-even": (2, 2313, 15123, 214245),
    "gpt-oss": (2, 8457, 16384, 253929),
    "chunks": (4, 6400, 49152, 503316),
}
TABLE = {
    "0.10.0": OLDEST | {"chunks": (4, 6016, 49152, 196608)},
    "0.11.1": OLDEST | {"chunks": (1, 4096, 12288, 196608)},
    "0.13.0": GROUPED | {"chunks": (1, 4096, 12288, 196608)},
    **dict.fromkeys(("0.14.0", "0.16.0", "0.17.0", "0.18.0", "0.19.0", "0.20.0"), GROUPED),
    **dict.fromkeys(("0.20.2", "0.21.0", "0.22.0", "0.23.0", "0.24.0", "0.25.0"), IN_REQUESTS),
    **dict.fromkeys(("0.26.0", "0.27.0", "0.28.0", "0.29.0", "0.30.0", "0.31.0"), IN_FLIGHT),
}
ROWS = [(version, name) for version, rows in TABLE.items() for name in rows]
DELTA = State("gated-delta", 8192, 4, 32, 128, 128)


def layer(letter: str, window: int = 0, heads: int = 4, head_size: int = 64) -> Layer:
    """`f` full, `w` window, `c` chunked, `l` latent, `s` a state of 2,146,304 bytes."""
    if letter == "l":
        return Layer((), Cache("latent", 1, 576, 0))
    if letter == "s":
        return Layer((), Cache("none", 0, 0, 0), DELTA)
    kind = {"f": "full", "w": "window", "c": "chunked"}[letter]
    return Layer((), Cache(kind, heads, head_size, head_size, window or None))


def question(
    layers: tuple[Layer, ...],
    version: str,
    *,
    stages: tuple[int, ...] = (),
    tensor: int = 1,
    length: int = 32768,
    args: dict[str, object] | None = None,
    capability: str = "9.0",
    **shape: object,
) -> Question:
    """One layout of a model with these layers."""
    stages = stages or (len(layers),)
    recipe = builders.recipe(
        engine={"version": version, "args": args or {}, "env": {"VLLM_USE_V2_MODEL_RUNNER": "1"}},
        workload={"max_model_len": length},
    )
    made = builders.llama_shape(len(layers), layers=layers, **shape)
    layout = Layout(tensor, len(stages), 1, tensor * len(stages), stages)
    return Question(recipe, made, layout, (builders.gpu("H100", compute_capability=capability),), version)


def kept_of(asked: Question) -> CacheLayout:
    """Its cache with T 2048."""
    return cache.cache_of(asked, flags.base_flags(asked, facts.rules_of(asked.version)), 2048)


def pool_of(kept: CacheLayout, length: int, pools: tuple[int, ...]) -> memory.Pool:
    """The pool of these bytes."""
    ranks = tuple(
        RankDemand(index, 10**12, 10**12, (), size, 0, fixed_pool_bytes=pool)
        for index, (size, pool) in enumerate(zip(kept.block_bytes, pools, strict=True))
    )
    demand = Demand(ranks, length, kept.request_blocks, (), "source", "", "v2", ())
    return memory.pool_of(
        dataclasses.replace(
            demand, counted_as=kept.counted_as, groups=kept.groups, tokens_per_block=kept.tokens_per_block
        )
    )


@pytest.mark.parametrize(("version", "name"), ROWS, ids=map("-".join, ROWS))
def test_blocks_and_tokens_are_those_of_each_release(version: str, name: str) -> None:
    """Releases differ in what a window waits for, in grouping and in what they log."""
    letters, stages, window, length, args = CASES[name]
    latent = Latent(0, 512, 128, 64, 128) if "l" in letters else None
    layers = tuple(layer(letter, window) for letter in letters)
    kept = kept_of(question(layers, version, stages=stages, length=length, args=args, latent=latent))
    pool = pool_of(kept, length, POOLS[len(stages)])
    assert (kept.groups, kept.request_blocks, pool.blocks, pool.tokens) == TABLE[version][name]


@pytest.mark.parametrize(
    ("version", "args", "expected"),
    [
        ("0.16.0", {}, (4, 544, 64, 481, 65280)),
        ("0.24.0", {}, (4, 544, 64, 481, 246272)),
        ("0.24.0", {"enable-prefix-caching": True}, (4, 544, 67, 481, 235244)),
        ("0.26.0", {}, (4, 544, 67, 481, 235244)),
        ("0.31.0", {}, (4, 544, 67, 481, 235244)),
        ("0.31.0", {"enable-prefix-caching": False}, (4, 544, 64, 481, 246272)),
    ],
)
def test_states_take_a_page_each(version: str, args: dict[str, object], expected: tuple[int, ...]) -> None:
    """The block of attention grows to the state's size; prefix caching, default from 0.26 on, keeps a second state."""
    layers = tuple(layer(letter, heads=2, head_size=256) for letter in "sssf" * 6)
    kept = kept_of(question(layers, version, args=args))
    pool = pool_of(kept, 32768, POOLS[1])
    assert (kept.groups, kept.block_tokens, kept.request_blocks, pool.blocks, pool.tokens) == expected


@pytest.mark.parametrize(
    ("version", "capability", "args", "expected"),
    [
        ("0.10.0", "9.0", {}, 64),
        ("0.10.0", "10.0", {}, 16),
        ("0.11.1", "10.0", {}, 128),
        ("0.11.1", "9.0", {"block-size": 32}, 64),
        ("0.16.0", "10.0", {}, 64),
        ("0.24.0", "8.0", {}, 16),
        ("0.24.0", "9.0", {}, 16),
        ("0.24.0", "9.0", {"kv-cache-dtype": "fp8"}, 64),
        ("0.24.0", "10.0", {}, 32),
        ("0.24.0", "12.0", {}, 16),
        ("0.24.0", "9.0", {"attention-backend": "FLASHMLA"}, 64),
        ("0.32.0", "9.0", {}, 16),
        ("0.32.0", "9.0", {"kv-cache-dtype": "fp8"}, 64),
        ("0.32.0", "10.0", {}, 32),
        ("0.32.0", "10.0", {"attention-backend": "cutlass_mla"}, 128),
        ("0.32.0", "9.0", {"block-size": 32}, 32),
    ],
)
def test_latent_blocks_follow_the_kernel(version: str, capability: str, args: dict[str, object], expected: int) -> None:
    """Source: platforms/cuda.py of each release and get_supported_kernel_block_sizes of its backends."""
    latent = Latent(0, 512, 128, 64, 128)
    asked = question((layer("l"),) * 4, version, args=args, capability=capability, latent=latent)
    assert kept_of(asked).block_tokens == expected


@pytest.mark.parametrize(
    ("version", "capability", "kv_dtype", "token"),
    [
        ("0.24.0", "9.0", "auto", 1152 + 132),
        ("0.24.0", "9.0", "fp8", 656 + 132),
        ("0.24.0", "10.0", "fp8", 576 + 132),
        ("0.32.0", "9.0", "fp8", 656 + 132),
        ("0.32.0", "12.0", "auto", 656 + 132),
        ("0.11.1", "10.0", "fp8", 656 + 132),
    ],
)
def test_an_indexer_keeps_keys_of_its_own(version: str, capability: str, kv_dtype: str, token: int) -> None:
    """DeepSeek V3.2: 128 bytes and a scale a token and layer, in blocks of 64, beside the latent cache."""
    asked = question(
        (layer("l"),) * 3,
        version,
        args={"kv-cache-dtype": kv_dtype},
        capability=capability,
        latent=Latent(0, 512, 128, 64, 128),
        config=(("index_topk", 2048), ("index_head_dim", 128)),
    )
    assert kept_of(asked).block_bytes == (3 * 64 * token,)


def test_kv_heads_are_shared_then_repeated() -> None:
    """Four heads over 1, 2, 4 and 8 ranks."""
    sizes = [kept_of(question((layer("f"),) * 2, "0.32.0", tensor=size)).block_bytes[0] for size in (1, 2, 4, 8)]
    assert sizes == [2 * 16 * 1024, 2 * 16 * 512, 2 * 16 * 256, 2 * 16 * 256]


def test_layers_of_other_sizes_pad_or_lengthen_their_blocks() -> None:
    """A window with half the heads keeps twice the tokens in a block; one that does not divide the largest is padded."""
    full, half, odd = Page("full", 16, 3072), Page("window", 16, 1536, window_tokens=64), Page("window", 16, 2048)
    groups = cache_groups.groups_of(((full, half, odd),), whole_below=1.5, has_windows=True)
    assert [(group.page.block_tokens, group.page.bytes) for group in groups] == [(16, 3072), (32, 3072), (16, 3072)]


def test_context_parallel_ranks_share_the_tokens_of_a_request() -> None:
    """Each keeps a half: blocks halve, tokens double."""
    alone = kept_of(question((layer("f"),) * 4, "0.32.0", tensor=8))
    shared = kept_of(question((layer("f"),) * 4, "0.32.0", tensor=8, args={"decode-context-parallel-size": 2}))
    assert shared.request_blocks * 2 == alone.request_blocks


def test_guessing_layers_stand_on_the_last_stage() -> None:
    """They keep keys and values of every token; none without speculation."""
    layers = (layer("f"),) * 4
    args: dict[str, object] = {"speculative-config": {"method": "mtp", "num_speculative_tokens": 1}}
    asked = question(layers, "0.32.0", stages=(2, 2), draft_layers=(layer("f"),), args=args)
    assert kept_of(asked).block_bytes == (2 * 16 * 1024, 3 * 16 * 1024)
    assert kept_of(question(layers, "0.32.0", stages=(2, 2))).block_bytes == (2 * 16 * 1024, 2 * 16 * 1024)


@pytest.mark.parametrize(("version", "expected"), [("0.28.0", 0), ("0.29.0", 1), ("0.32.0", 1)])
def test_a_block_is_held_back_from_0_29_on(version: str, expected: int) -> None:
    """The null block, in the check of the longest request alone."""
    assert ENGINE.memory(question((layer("f"),) * 4, version)).spare_blocks == expected


@given(
    letters=st.text("fwc", min_size=1, max_size=40),
    stages=st.integers(1, 4),
    length=st.integers(1, 200_000),
    window=st.integers(1, 10_000),
    whole_below=st.sampled_from([1.0, 1.25, 1.5]),
)
def test_every_layer_has_its_place(letters: str, stages: int, length: int, window: int, whole_below: float) -> None:
    """Groups hold each layer once, a block costs no stage more than all its layers, and a longer request no fewer blocks."""
    kinds = {"f": Page("full", 16, 64), "w": Page("window", 16, 64, (), window), "c": Page("chunked", 16, 64, (), 99)}
    pages = [kinds[letter] for letter in letters]
    cut = tuple(tuple(pages[stage::stages]) for stage in range(stages))
    groups = cache_groups.groups_of(cut, whole_below=whole_below, has_windows=True)
    assert sum(len(group.members) for group in groups) == len(letters)
    for stage, held in enumerate(cut):
        assert len(held) * 64 / len(groups) <= cache_groups.block_bytes(groups, stage) <= len(held) * 64
    short, long = (cache_groups.request_blocks(groups, Longest(size, 2048)) for size in (length, length + 1000))
    assert 0 < short <= long
