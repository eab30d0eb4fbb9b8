"""What vLLM refuses, each with its rule and its numbers, and the flags it does not have."""

from __future__ import annotations

import dataclasses
from contextlib import nullcontext

import pytest

from shardwright import errors
from shardwright.core.layout import Layout
from shardwright.core.plan.types import Question
from shardwright.core.recipe.model import Draft
from shardwright.core.shape.base import Cache, Layer, Mixture, Split, Weight
from shardwright.engines.vllm import ENGINE, arguments
from shardwright.testing import builders


def question(
    layout: Layout | None = None,
    *,
    gpu: str = "A10G",
    version: str = "0.24.0",
    shape: dict[str, object] | None = None,
    **recipe: object,
) -> Question:
    """Llama-3-8B, changed where a test says so."""
    engine: dict[str, object] = {"version": version, "args": {}}
    asked = builders.recipe(**{"engine": engine, **recipe})
    made = builders.llama_shape(32, **(shape or {}))
    return Question(asked, made, layout or builders.layout(1, 1, nodes=1), (builders.gpu(gpu),), version)


def rules(asked: Question) -> dict[str, str]:
    """Message of each rule that refuses."""
    return {refusal.rule: refusal.message for refusal in ENGINE.limits(asked)}


def with_args(**args: object) -> dict[str, object]:
    """An engine section with these flags."""
    return {"version": "0.24.0", "args": {name.replace("_", "-"): value for name, value in args.items()}}


def test_an_ordinary_layout_is_refused_by_nothing() -> None:
    """The README's layout starts."""
    assert ENGINE.limits(question(builders.layout())) == ()


@pytest.mark.requirement("R152")
@pytest.mark.parametrize(
    ("layout", "shape", "rule", "numbers"),
    [
        (Layout(3, 1, 1, 3, (32,)), {}, "vllm.attention-heads", ("TP3", "32 attention heads", "1, 2, 4, 8, 16, 32")),
        (Layout(8, 1, 1, 8, (32,)), {"kv_heads": 6}, "vllm.kv-heads", ("TP8", "6 KV heads")),
        (Layout(8, 1, 1, 8, (32,)), {"intermediate_size": 14340}, "vllm.intermediate-size", ("TP8", "14340")),
        (Layout(7, 1, 1, 7, (32,)), {"attention_heads": 28}, "vllm.vocabulary", ("TP7", "128256")),
        (Layout(1, 4, 1, 4, (16, 16, 0, 0)), {}, "vllm.empty-stage", ("PP4", "32")),
        (Layout(1, 2, 1, 2, (16, 16)), {"architecture": "Zamba2ForCausalLM"}, "vllm.no-pipeline", ("Zamba2",)),
        (Layout(1, 3, 2, 2, (11, 11, 10)), {}, "vllm.nodes", ("2 nodes", "3 ranks")),
    ],
)
def test_layouts_that_the_model_does_not_allow(
    layout: Layout, shape: dict[str, object], rule: str, numbers: tuple[str, ...]
) -> None:
    """Heads, KV heads, vocabulary, intermediate size, stages and nodes."""
    message = rules(question(layout, shape=shape))[rule]
    assert all(number in message for number in numbers)


@pytest.mark.parametrize(("kv_heads", "tensor"), [(8, 16), (4, 8), (1, 8), (8, 4)])
def test_kv_heads_may_divide_or_be_repeated(kv_heads: int, tensor: int) -> None:
    """More ranks than KV heads are fine where they are a multiple."""
    asked = question(Layout(tensor, 1, 1, tensor, (32,)), shape={"kv_heads": kv_heads})
    assert "vllm.kv-heads" not in rules(asked)


def test_an_expert_is_divided_by_its_own_width() -> None:
    """The intermediate size of a mixture is that of one expert, and some have fewer experts than ranks."""
    mixture = Mixture(experts=4, experts_per_token=2, intermediate_size=12)
    asked = question(
        Layout(8, 1, 1, 8, (32,)),
        shape={"mixture": mixture, "architecture": "Qwen3MoeForCausalLM", "bound": "a mixture"},
    )
    assert {"vllm.intermediate-size", "vllm.experts"} <= set(rules(asked))


@pytest.mark.parametrize(
    ("engine", "rule"),
    [
        (with_args(max_num_batched_tokens=64, max_num_seqs=128), "vllm.batch-size"),
        (with_args(max_num_batched_tokens=4096, enable_chunked_prefill=False), "vllm.batch-size"),
        (with_args(kv_cache_dtype="int4"), "vllm.kv-cache-dtype"),
        (with_args(kv_cache_dtype="fp8"), "vllm.kv-cache-dtype"),
        (with_args(quantization="awq"), "vllm.not-quantized"),
    ],
)
def test_flags_that_contradict_each_other_or_the_device(engine: dict[str, object], rule: str) -> None:
    """Read from the recipe before anything starts; an A10G has no fp8 attention."""
    assert rule in rules(question(engine={"args": {}, **engine}))


def test_nodes_need_a_version_that_spans_them() -> None:
    """Before 0.11.1 only Ray did."""
    assert "0.11.1" in rules(question(builders.layout(), version="0.10.0"))["vllm.nodes-need-0.11.1"]
    assert rules(question(builders.layout(), version="0.11.1")) == {}


@pytest.mark.requirement("R053")
def test_bfloat16_needs_compute_capability_8() -> None:
    """Asked for on a T4 it is refused; left open it becomes float16 and is said."""
    assert "vllm.bfloat16" in rules(question(gpu="T4", model={"dtype": "bfloat16"}))
    demand = ENGINE.memory(question(gpu="T4", workload={"max_model_len": 1024}))
    assert dict(demand.settings)["dtype"] == "float16"
    assert any(finding.id == "vllm.dtype-lowered" for finding in demand.findings)


@pytest.mark.parametrize(
    ("gpu", "method", "refused"), [("T4", "fp8", False), ("T4", "fbgemm_fp8", True), ("A10G", "gptq", False)]
)
def test_quantized_checkpoints_need_a_capability(gpu: str, method: str, *, refused: bool) -> None:
    """By the lowest capability that the method's code names."""
    asked = question(gpu=gpu, shape={"quantization": method})
    assert ("vllm.quantization-capability" in rules(asked)) is refused


FP8_BLOCKS = (("quantization_config", {"quant_method": "fp8", "weight_block_size": [128, 128]}),)


@pytest.mark.parametrize("version", ["0.24.0", "0.32.0"])
def test_fp8_blocks_must_stay_whole(version: str) -> None:
    """A rank with 96 columns of a perceptron cuts a block of 128."""
    shape: dict[str, object] = {"quantization": "fp8", "config": FP8_BLOCKS, "intermediate_size": 768}
    asked = question(Layout(8, 1, 1, 8, (32,)), shape=shape, version=version)
    assert "96 of the intermediate size" in rules(asked)["vllm.fp8-blocks"]


@pytest.mark.parametrize(
    ("version", "tensor", "expert", "refused"),
    [("0.24.0", 2, False, False), ("0.24.0", 4, False, True), ("0.24.0", 4, True, False), ("0.32.0", 4, False, False)],
)
def test_fp8_blocks_of_experts_may_be_cut_from_0_32_on_or_dealt_out_whole(
    version: str, tensor: int, *, expert: bool, refused: bool
) -> None:
    """Experts of 768: two ranks hold 384 each, four 192; 0.32 refines the scales."""
    mixture = Mixture(experts=128, experts_per_token=8, intermediate_size=768)
    shape: dict[str, object] = {"quantization": "fp8", "config": FP8_BLOCKS, "mixture": mixture}
    layout = Layout(tensor, 1, 1, tensor, (32,), expert=expert)
    found = rules(question(layout, shape=shape, version=version)).get("vllm.fp8-blocks", "")
    assert ("192 of the experts' intermediate size" in found) is refused


@pytest.mark.parametrize(
    ("layout", "rule"),
    [
        (Layout(2, 1, 1, 4, (32,), data=2), "vllm.intermediate-size"),
        (Layout(2, 1, 1, 4, (32,), data=2, expert=True), ""),
        (Layout(8, 1, 1, 16, (32,), data=2, expert=True), "vllm.expert-ranks"),
        (Layout(2, 2, 2, 3, (16, 16), data=2, expert=True), "vllm.data-parallel-nodes"),
    ],
)
def test_copies_and_whole_experts(layout: Layout, rule: str) -> None:
    """Experts are divided over TP x DP unless dealt out; nodes hold whole copies."""
    mixture = Mixture(experts=8, experts_per_token=2, intermediate_size=6)
    shape: dict[str, object] = {"mixture": mixture, "architecture": "MixtralForCausalLM"}
    found = rules(question(layout, shape=shape))
    assert rule in found if rule else found == {}


@pytest.mark.parametrize(
    ("architecture", "version", "refused"),
    [
        ("MiniMaxM1ForCausalLM", "0.23.0", True),
        ("MiniMaxM1ForCausalLM", "0.24.0", False),
        ("HrmTextForCausalLM", "0.24.0", True),
        ("Zamba2ForCausalLM", "0.10.0", True),
    ],
)
def test_support_for_stages_comes_with_versions(architecture: str, version: str, *, refused: bool) -> None:
    """As the model classes of each version say."""
    layout = Layout(1, 2, 1, 2, (16, 16))
    found = rules(question(layout, version=version, shape={"architecture": architecture}))
    assert ("vllm.no-pipeline" in found) is refused


def test_whole_experts_need_experts() -> None:
    """And a dense model has none."""
    assert "no experts" in rules(question(Layout(2, 1, 1, 2, (32,), expert=True)))["vllm.expert-parallel"]


@pytest.mark.parametrize(
    ("version", "method", "refused"),
    [
        ("0.24.0", "bitsandbytes", False),
        ("0.28.0", "bitsandbytes", True),
        ("0.10.0", "mxfp4", True),
        ("0.24.0", "gguf", True),
    ],
)
def test_methods_of_quantization_come_and_go(version: str, method: str, *, refused: bool) -> None:
    """MXFP4 came with 0.11, GGUF went with 0.24, bitsandbytes with 0.28."""
    asked = question(gpu="H100", version=version, shape={"quantization": method})
    assert ("vllm.quantization-version" in rules(asked)) is refused


def test_groups_of_int4_must_stay_whole() -> None:
    """A rank with 192 inputs cuts a group of 128."""
    layer = Layer(
        (Weight("mlp.down_proj.weight", 4096, 768, Split.TENSOR, element_bytes=0.5),), Cache("full", 8, 128, 128)
    )
    config = (("quantization_config", {"quant_method": "awq", "group_size": 128}),)
    shape: dict[str, object] = {
        "quantization": "awq",
        "config": config,
        "intermediate_size": 768,
        "layers": (layer,) * 32,
    }
    assert "192" in rules(question(Layout(4, 1, 1, 4, (32,)), shape=shape))["vllm.quantization-groups"]
    assert "vllm.quantization-groups" not in rules(question(Layout(2, 1, 1, 2, (32,)), shape=shape))


@pytest.mark.parametrize(
    ("version", "model", "rule"),
    [
        ("0.24.0", {"lora_slots": 2}, ""),
        ("0.24.0", {"draft": Draft("hf://test/small", 4)}, ""),
        ("0.14.0", {"draft": Draft("hf://test/small", 4)}, "vllm.draft-version"),
        ("0.24.0", {"draft": Draft("hf://test/same", 1), "source": "hf://test/same"}, "vllm.no-draft-layers"),
    ],
)
def test_adapters_and_drafts_by_version(version: str, model: dict[str, object], rule: str) -> None:
    """Draft models from 0.16 on; a model without guessing layers is not its own draft."""
    found = rules(question(version=version, model=model))
    assert rule in found if rule else found == {}


def test_adapter_ranks_are_those_that_vllm_takes() -> None:
    """48 is none of them."""
    engine = with_args(max_lora_rank=48)
    assert "64" in rules(question(engine=engine, model={"lora_slots": 2}))["vllm.lora-rank"]


def test_adapters_of_experts_came_late_to_expert_parallelism() -> None:
    """Refused until 0.21."""
    mixture = Mixture(experts=8, experts_per_token=2, intermediate_size=64)
    layout = Layout(2, 1, 1, 2, (32,), expert=True)
    for version, refused in (("0.20.0", True), ("0.21.0", False)):
        found = rules(question(layout, version=version, shape={"mixture": mixture}, model={"lora_slots": 1}))
        assert ("vllm.lora-experts" in found) is refused


def test_a_model_without_cache_is_refused() -> None:
    """State-space models are not planned; none is counted as if it were another."""
    empty = Layer((), Cache("none", 0, 0, 0))
    assert "vllm.no-kv-cache" in rules(question(shape={"layers": (empty,) * 32}))


def test_a_cpu_computes_only_some_head_sizes_and_only_in_newer_versions() -> None:
    """Seen: heads of 16 end the engine at the first request."""
    asked = question(gpu="cpu", version="0.32.0", shape={"head_size": 16})
    assert "heads of 16" in rules(asked)["vllm.cpu-head-size"]
    assert "vllm.cpu-version" in rules(question(gpu="cpu", version="0.11.1"))


def test_devices_whose_memory_is_not_known_are_refused() -> None:
    """Never counted as if they were CUDA."""
    asked = question()
    tpu = dataclasses.replace(asked.gpu, device="tpu")
    assert "tpu" in rules(dataclasses.replace(asked, gpus=(tpu,)))["vllm.device"]


@pytest.mark.requirement("R038")
def test_devices_of_habana_are_called_otherwise_by_ray() -> None:
    """Ray would be started with GPUs, and vLLM would wait for HPUs."""
    engine: dict[str, object] = {"executor": "ray", "version": "0.17.0", "args": {}}
    asked = question(builders.layout(), version="0.17.0", engine=engine)
    gaudi = dataclasses.replace(asked.gpu, device="hpu")
    assert "HPU" in rules(dataclasses.replace(asked, gpus=(gaudi,)))["vllm.ray-device"]


def test_eager_stages_on_a_cpu_are_refused() -> None:
    """Seen: without the warm-up the first request ends the engine (assert self.intermediate_tensors)."""
    eager: dict[str, object] = {"version": "0.32.0", "args": {"enforce-eager": True}}
    asked = question(builders.layout(), gpu="cpu", version="0.32.0", engine=eager)
    assert set(rules(asked)) == {"vllm.cpu-eager-pipeline"}
    assert rules(question(gpu="cpu", version="0.32.0", engine=eager)) == {}


@pytest.mark.parametrize(
    ("name", "version", "part"),
    [
        ("max-model-len", "0.24.0", "workload.maxModelLen"),
        ("tensor_parallel_size", "0.24.0", "parallelism.tensor"),
        ("node-rank", "0.24.0", "leave it out"),
        ("swap-space", "0.24.0", "swapping is gone"),
        ("task", "0.32.0", "runner and convert"),
        ("enforce-eagr", "0.32.0", "enforce-eager"),
        ("logging-config", "0.24.0", "did you mean"),
    ],
)
def test_wrong_flags_are_recipe_faults_with_what_to_use(name: str, version: str, part: str) -> None:
    """Repeated fields, flags of ours, removed and misspelt flags."""
    with pytest.raises(errors.RecipeError) as caught:
        ENGINE.limits(question(version=version, engine={"version": version, "args": {name: 1}}))
    (fault,) = caught.value.faults
    assert fault.path == f"engine.args.{name}"
    assert part in fault.hint


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("gpu-memory-utilization", 1.2, "at most 1"),
        ("gpu_memory_utilization", "much", "at most 1"),
        ("gpu-memory-utilization", True, "at most 1"),
        ("max-num-seqs", "many", "whole number"),
        ("max-num-seqs", 0, "whole number"),
        ("kv-cache-memory-bytes", "8 apples", "8Gi"),
        ("enforce-eager", "yes", "true or false"),
        ("compilation-config", "NONE", "object"),
        ("block-size", 16.5, "whole number"),
    ],
)
def test_values_that_plans_count_with_are_checked(name: str, value: object, part: str) -> None:
    """A wrong one is a fault with the value seen, never a crash while planning."""
    with pytest.raises(errors.RecipeError) as caught:
        ENGINE.limits(question(engine={"args": {name: value}}))
    (fault,) = caught.value.faults
    assert repr(value) in fault.message
    assert part in fault.hint


@pytest.mark.parametrize(
    ("asked", "stored", "differs"), [("fp8", "awq", True), ("awq_marlin", "awq", False), ("fp8", "fp8", False)]
)
def test_a_method_other_than_the_checkpoint_is_refused(asked: str, stored: str, *, differs: bool) -> None:
    """Kernels of one method read the same checkpoints."""
    found = rules(question(engine=with_args(quantization=asked), shape={"quantization": stored}))
    assert ("vllm.quantization-differs" in found) is differs


def test_all_wrong_flags_are_said_at_once() -> None:
    """None hides behind the first."""
    asked = builders.recipe(
        engine={"args": {"max-model-len": 1, "swap-space": 4, "enforce-eager": True, "nope-nope": 1}}
    )
    with pytest.raises(errors.RecipeError) as caught:
        arguments.check_arguments(asked, "0.32.0")
    assert [fault.path.rsplit(".", 1)[1] for fault in caught.value.faults] == [
        "max-model-len",
        "swap-space",
        "nope-nope",
    ]


@pytest.mark.parametrize(
    ("name", "version", "allowed"),
    [
        ("swap-space", "0.11.1", True),
        ("swap-space", "0.27.0", False),
        ("logging-config", "0.27.0", True),
        ("anything-new", "0.99", True),
        ("no-enable-prefix-caching", "0.32.0", True),
        ("device-memory-utilization", "0.32.0", True),
    ],
)
def test_a_flag_between_two_versions_may_be_of_either(name: str, version: str, *, allowed: bool) -> None:
    """Nothing is refused that may exist; releases newer than all known are not judged."""
    asked = builders.recipe(engine={"args": {name: 1}})
    with nullcontext() if allowed else pytest.raises(errors.RecipeError, match=name):
        arguments.check_arguments(asked, version)


def test_refusals_come_together() -> None:
    """All reasons of a layout at once."""
    asked = question(Layout(3, 1, 1, 3, (32,)), engine=with_args(quantization="awq"))
    assert len(rules(asked)) >= 4
    assert len(rules(dataclasses.replace(asked, layout=builders.layout(1, 1, nodes=1)))) == 1
