"""Memory of vLLM against what vLLM printed on GPUs, and the properties that must hold anywhere.

Origin of the measured points: vLLM 0.24.0, LLM class, dummy weights, H100 and H200, 2026-11 (engines/vllm/facts.toml).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from measured_models import CONFIGS

from shardwright.core import memory
from shardwright.core.layout import Layout, split_layers
from shardwright.core.plan import Infeasible, Plan, plan
from shardwright.core.plan.types import Question
from shardwright.core.recipe.model import Parallelism
from shardwright.core.shape import shape_of
from shardwright.engines.vllm import ENGINE
from shardwright.testing import builders
from shardwright.units import GIB

if TYPE_CHECKING:
    from shardwright.core.shape.base import ModelShape


def shape_named(name: str) -> ModelShape:
    """A model of the measured table."""
    return shape_of(CONFIGS[name], name=name, source="a test")


def question(  # noqa: PLR0913 - one keyword a dimension of the measured table
    shape: ModelShape,
    gpu: str,
    *,
    tensor: int = 1,
    pipeline: int = 1,
    version: str = "0.24.0",
    length: int = 8192,
    args: dict[str, object] | None = None,
    entrypoint: str = "serve",
) -> Question:
    """One layout on one node."""
    asked = builders.recipe(
        engine={"version": version, "args": args or {}, "entrypoint": entrypoint}, workload={"max_model_len": length}
    )
    layers = len(shape.layers)
    layout = Layout(tensor, pipeline, 1, tensor * pipeline, split_layers(layers, pipeline))
    return Question(asked, shape, layout, (builders.gpu(gpu),), version)


def terms(asked: Question, rank: int = 0) -> dict[str, tuple[float, bool]]:
    """GiB of each term by name and formula, and whether it is counted."""
    return {f"{t.name}: {t.formula}": (t.bytes / GIB, t.counted) for t in ENGINE.memory(asked).ranks[rank].terms}


@pytest.mark.parametrize(
    ("name", "tensor", "gib"),
    [
        ("llama-3.1-8b", 1, 14.9888),
        ("llama-3.1-8b", 4, 3.7710),
        ("llama-3.3-70b", 8, 16.4605),
        ("llama-3.3-70b", 16, 8.4033),
    ],
)
def test_weights_are_those_of_the_engine_own_classes(name: str, tensor: int, gib: float) -> None:
    """The model classes of 0.32 on the meta device, parameters and buffers summed; the allocator's blocks come on top."""
    asked = question(shape_named(name), "H200", tensor=tensor)
    weights = sum(term.bytes for term in ENGINE.memory(asked).ranks[0].terms if term.name == "weights")
    assert gib - 0.0001 <= weights / GIB <= gib * 1.006


def test_llama_on_one_a10g_fits_with_room_for_four_requests() -> None:
    """The README's model alone on one of its GPUs: 15 GiB of weights, 3.7 GiB of cache."""
    made = plan(
        builders.recipe(parallelism="auto", hardware={"nodes": 1}),
        builders.llama_shape(),
        builders.cluster(nodes=1, gpu_memory=int(22.06 * GIB)),
        ENGINE,
    )
    assert isinstance(made, Plan)
    assert made.pool.tokens == 30016
    assert made.evidence == "source"
    assert "nothing was measured on A10G" in made.evidence_reason


def test_the_v2_runner_of_0_24_puts_graphs_and_sampling_state_on_top() -> None:
    """The budget loses neither; the device does."""
    found = terms(question(builders.llama_shape(), "H100"))
    assert [counted for name, (_, counted) in found.items() if name.startswith("graphs")] == [False]
    state = next(value for name, value in found.items() if "17412" in name)
    assert state[0] == pytest.approx(0.535, abs=0.01)
    assert state[1] is False


def test_0_32_takes_both_from_the_budget() -> None:
    """And holds one block back when it checks the longest request."""
    found = terms(question(builders.llama_shape(), "H100", version="0.32.0"))
    assert all(counted for name, (_, counted) in found.items() if name.startswith("graphs") or "17412" in name)
    assert ENGINE.memory(question(builders.llama_shape(), "H100", version="0.32.0")).spare_blocks == 1


def test_eager_mode_has_no_graphs() -> None:
    """Neither estimated nor captured."""
    for version in ("0.24.0", "0.32.0"):
        found = terms(question(builders.llama_shape(), "H100", version=version, args={"enforce-eager": True}))
        assert not any(name.startswith("graphs") for name in found)


def test_only_the_last_stage_samples_and_only_the_first_embeds() -> None:
    """Stages differ by embedding, head and sampling state."""
    asked = question(builders.llama_shape(), "H100", pipeline=2)
    first, last = terms(asked, 0), terms(asked, 1)
    assert any("embedding" in name for name in first)
    assert any("head" in name for name in last)
    assert not any("17412" in name for name in first)


def test_a_stage_of_0_32_keeps_the_hidden_states_of_the_stage_before() -> None:
    """Twice T x H in bfloat16, on every stage but the first."""
    asked = question(builders.llama_shape(), "H100", pipeline=2, version="0.32.0")
    kept = next(value for name, value in terms(asked, 1).items() if "stage before" in name)
    assert kept == (2 * 8192 * 4096 * 2 / GIB, True)
    assert not any("stage before" in name for name in terms(asked, 0))


@pytest.mark.parametrize(
    ("gpu", "version", "entrypoint", "expected"),
    [
        ("H100", "0.24.0", "serve", (8192, 1024)),
        ("H100", "0.24.0", "llm", (16384, 1024)),
        ("L40S", "0.24.0", "serve", (2048, 256)),
        ("L40S", "0.24.0", "llm", (8192, 256)),
        ("H200", "0.32.0", "serve", (8192, 1024)),
    ],
)
def test_batch_defaults_follow_device_version_and_entrypoint(
    gpu: str, version: str, entrypoint: str, expected: tuple[int, int]
) -> None:
    """As get_batch_defaults of 0.24 and 0.32 gives them."""
    found = dict(ENGINE.memory(question(builders.llama_shape(), gpu, version=version, entrypoint=entrypoint)).settings)
    assert (found["max-num-batched-tokens"], found["max-num-seqs"]) == expected


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [("B200", "0.32.0", 16384), ("B200", "0.24.0", 8192), ("A100-80GB", "0.32.0", 2048)],
)
def test_large_devices_and_the_a100_have_their_own_defaults(name: str, version: str, expected: int) -> None:
    """160 GiB and more from 0.32 on; an A100 of 80 GB counts as small."""
    gpu = builders.gpu("H200", memory_bytes=(178 if name == "B200" else 79) * GIB)
    asked = dataclasses.replace(
        question(builders.llama_shape(), "H200", version=version), gpus=(dataclasses.replace(gpu, name=name),)
    )
    assert dict(ENGINE.memory(asked).settings)["max-num-batched-tokens"] == expected


def test_given_flags_are_kept() -> None:
    """What the recipe sets is written out unchanged, with either spelling."""
    given: dict[str, object] = {"max_num_batched_tokens": 4096, "max-num-seqs": 32, "gpu-memory-utilization": 0.8}
    found = dict(ENGINE.memory(question(builders.llama_shape(), "H100", args=given)).settings)
    assert found["max-num-batched-tokens"] == 4096
    assert found["max-num-seqs"] == 32
    assert found["gpu-memory-utilization"] == 0.8


@pytest.mark.parametrize(
    ("version", "expected"), [("0.10.0", 0.9), ("0.11.1", 0.9), ("0.24.0", 0.92), ("0.32.0", 0.92)]
)
def test_the_utilization_is_that_of_the_version(version: str, expected: float) -> None:
    """Where the recipe leaves it open."""
    found = dict(ENGINE.memory(question(builders.llama_shape(), "H200", version=version)).settings)
    assert found["gpu-memory-utilization"] == expected


def test_an_open_utilization_leaves_room_for_what_comes_on_top() -> None:
    """On a T4 the default would leave too little beside graphs and context; the plan lowers it and says so."""
    made = plan(
        builders.recipe(engine={"args": {}}, parallelism=Parallelism(2, 1), hardware={"nodes": 1, "gpus_per_node": 2}),
        builders.llama_shape(),
        builders.cluster("T4", gpus_per_node=2, nodes=1),
        ENGINE,
    )
    assert isinstance(made, Plan)
    assert made.engine.setting("gpu-memory-utilization") == 0.9
    assert all(rank.free_bytes >= 0 for rank in made.ranks)
    assert any("0.9 instead of the default 0.92" in reason for reason in made.reasons)


def test_smaller_batches_are_taken_where_only_they_leave_room() -> None:
    """The defaults of a large device would leave none for one request."""
    asked = question(shape_named("llama-3.3-70b"), "H100", tensor=2)
    demand = ENGINE.memory(dataclasses.replace(asked, gpus=(builders.gpu("H100", memory_bytes=74 * GIB),)))
    assert dict(demand.settings)["max-num-batched-tokens"] == 2048
    assert any(finding.id == "vllm.smaller-batches" for finding in demand.findings)


def test_a_fixed_pool_is_exact() -> None:
    """kv-cache-memory-bytes and num-gpu-blocks-override decide the tokens, to the block."""
    for args in (
        {"kv-cache-memory-bytes": 2 * GIB},
        {"kv-cache-memory-bytes": "2Gi"},
        {"num-gpu-blocks-override": 1024},
    ):
        pool = memory.pool_of(ENGINE.memory(question(builders.llama_shape(), "H100", args=dict(args))))
        assert pool.tokens == pool.tokens_low == pool.tokens_high == 16384


@pytest.mark.parametrize(("kv_dtype", "factor"), [("auto", 1), ("fp8", 2), ("bfloat16", 1)])
def test_the_cache_dtype_decides_how_many_tokens_fit(kv_dtype: str, factor: int) -> None:
    """One byte a number instead of two holds twice as many, less what DeepGEMM keeps for itself."""
    plain = memory.pool_of(ENGINE.memory(question(builders.llama_shape(), "H100")))
    other = memory.pool_of(ENGINE.memory(question(builders.llama_shape(), "H100", args={"kv-cache-dtype": kv_dtype})))
    assert other.tokens == pytest.approx(factor * plain.tokens, rel=0.001)


def test_kv_heads_are_repeated_beyond_their_number() -> None:
    """TP16 over 8 KV heads keeps one head a rank: tokens do not get cheaper."""
    eight, sixteen = (ENGINE.memory(question(builders.llama_shape(), "H100", tensor=size)) for size in (8, 16))
    assert eight.ranks[0].block_bytes == sixteen.ranks[0].block_bytes


@settings(max_examples=50, deadline=None)
@given(
    gib=st.floats(10, 150),
    more=st.floats(0, 60),
    tensor=st.sampled_from([1, 2, 4]),
    pipeline=st.sampled_from([1, 2, 3]),
    version=st.sampled_from(["0.10.0", "0.21.0", "0.24.0", "0.32.0", "0.99"]),
    length=st.sampled_from([2048, 8192, 131072]),
)
def test_more_memory_never_makes_a_fit_unfit(  # noqa: PLR0917 - hypothesis gives each dimension by itself
    gib: float, more: float, tensor: int, pipeline: int, version: str, length: int
) -> None:
    """Though larger devices have larger defaults; and no plan exceeds a device."""

    def made(size: float) -> Plan | Infeasible:
        asked = builders.recipe(
            engine={"version": version, "args": {}},
            parallelism=Parallelism(tensor, pipeline),
            hardware={"nodes": 1, "gpus_per_node": 16},
            workload={"max_model_len": length},
        )
        cluster = builders.cluster("H100", gpus_per_node=16, nodes=1, gpu_memory=int(size * GIB))
        return plan(asked, shape_named("llama-3.1-8b"), cluster, ENGINE)

    small, large = made(gib), made(gib + more)
    for one in (small, large):
        if isinstance(one, Plan):
            assert all(rank.free_bytes >= 0 for rank in one.ranks)
            assert one.pool.tokens >= length
    assert isinstance(large, Plan) or isinstance(small, Infeasible)


@pytest.mark.parametrize("name", [name for name, config in CONFIGS.items() if "quantization_config" not in config])
@pytest.mark.parametrize(("tensor", "pipeline"), [(1, 1), (2, 1), (1, 2), (4, 2), (8, 1), (1, 3)])
def test_the_sum_over_ranks_is_the_whole(name: str, tensor: int, pipeline: int) -> None:
    """Beside what every rank repeats: norms, routers, the rotary cache, and pages of 2 MiB."""
    shape = shape_named(name)
    demand = ENGINE.memory(question(shape, "H200", tensor=tensor, pipeline=pipeline))
    held = sum(term.bytes for rank in demand.ranks for term in rank.terms if term.name == "weights")
    rotary = shape.max_positions * shape.rotary_size * 2 * tensor * pipeline
    whole = shape.parameters * 2
    repeated = sum(
        weight.elements for layer in shape.layers for weight in layer.weights if weight.split.value == "none"
    )
    repeated = 2 * (repeated + shape.hidden_size)
    assert whole <= held - rotary <= whole + (tensor - 1) * repeated + 0.03 * whole
