from __future__ import annotations

from typing import Any

import pytest
import shape_configs as configs

from shardwright.core.shape import ModelShape, Split, shape_of
from shardwright.core.shape.checkpoint import Checkpoint, Tensor, expected_tensors

SMALL = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 96,
    "max_position_embeddings": 256,
}
LLAMA: dict[str, Any] = {**configs.LLAMA_8B, **SMALL}


def stored(config: dict[str, Any], *extra: Tensor, without: str = "-", dtype: str = "BF16") -> Checkpoint:
    """The headers that a model of this configuration has, with some tensors added or left out."""
    shape = shape_of(config, name="m", source="t")
    size = 4 if dtype == "F32" else 2
    named = [(name, dims, size * _count(dims)) for name, dims in expected_tensors(shape) if without not in name]
    tensors = (*(Tensor(name, dtype, dims, count) for name, dims, count in named), *extra)
    return Checkpoint(tensors, sum(tensor.bytes for tensor in tensors))


def _count(dimensions: tuple[int, ...]) -> int:
    return dimensions[0] * (dimensions[1] if len(dimensions) == 2 else 1)


def read(config: dict[str, Any], checkpoint: Checkpoint) -> ModelShape:
    """The shape held against the headers."""
    return shape_of(config, name="m", source="t", checkpoint=checkpoint)


@pytest.mark.parametrize(
    "config",
    [
        LLAMA,
        {**configs.QWEN2_7B, **SMALL},
        {**configs.FALCON_40B, **SMALL, "num_kv_heads": 2, "bias": True},
        {**configs.MIXTRAL_8X7B, **SMALL},
        {**configs.DEEPSEEK_V3, **SMALL, "n_routed_experts": 8, "moe_intermediate_size": 32},
    ],
)
def test_headers_that_agree_add_nothing_but_the_sum(config: dict[str, Any]) -> None:
    """Where every tensor is there with its size, the sum is exact and there is nothing to say."""
    checkpoint = stored(config)
    shape = read(config, checkpoint)
    assert shape.checkpoint_bytes == checkpoint.total_bytes == shape.parameters * 2
    assert shape.notes == ()
    assert "differs" not in shape.bound


def test_fused_and_expert_tensors_have_the_names_of_checkpoints() -> None:
    """Parts of one tensor add up under its name; experts are written out one by one."""
    falcon = dict(expected_tensors(shape_of({**configs.FALCON_40B, **SMALL, "num_kv_heads": 2}, name="m", source="t")))
    assert falcon["transformer.h.2.self_attention.query_key_value.weight"] == (64 + 2 * 2 * 16, 64)
    mixtral = dict(expected_tensors(shape_of({**configs.MIXTRAL_8X7B, **SMALL}, name="m", source="t")))
    assert mixtral["model.layers.0.block_sparse_moe.experts.7.w2.weight"] == (64, 128)


def test_missing_tensors_make_the_weights_a_bound() -> None:
    """A checkpoint without tensors that its configuration promises cannot be trusted to be that model."""
    shape = read(LLAMA, stored(LLAMA, without="mlp.down_proj"))
    assert "not in the headers: model.layers.N.mlp.down_proj.weight" in shape.bound


def test_tensors_of_another_size_make_the_weights_a_bound() -> None:
    """The same names with other sizes are another model."""
    shape = read(LLAMA, stored({**LLAMA, "intermediate_size": 256}))
    assert "of another size in the headers: model.layers.N.mlp.gate_proj.weight" in shape.bound


def test_what_the_engine_does_not_hold_is_named() -> None:
    """Layers for speculation, a tied head and unknown tensors are in the checkpoint but not counted."""
    extra = (
        Tensor("model.layers.3.eh_proj.weight", "BF16", (64, 128), 16384),
        Tensor("lm_head.weight", "BF16", (96, 64), 12288),
        Tensor("model.layers.0.self_attn.rotary_emb.inv_freq", "F32", (8,), 32),
        Tensor("vision.blocks.1.weight", "BF16", (1024, 1024), 2**21),
    )
    tied = {**LLAMA, "tie_word_embeddings": True}
    notes = read(tied, stored(tied, *extra)).notes
    assert [note.partition(":")[0] for note in notes] == [
        "layer 3 is for speculation",
        "lm_head.weight is tied to the embedding",
        "rotary frequencies are made by the engine",
        "vision.blocks.N.weight is not known",
    ]
    assert "2 MiB in the checkpoint, not counted" in notes[-1]


def test_layers_for_speculation_may_be_there_or_not() -> None:
    """Where the family knows them they are neither missing nor unknown."""
    config = {**configs.DEEPSEEK_V3, **SMALL, "n_routed_experts": 8, "moe_intermediate_size": 32}
    drafts = {**config, "num_nextn_predict_layers": 1}
    there = Tensor("model.layers.3.eh_proj.weight", "BF16", (64, 128), 16384)
    for checkpoint in (stored(config), stored(config, there)):
        shape = read(drafts, checkpoint)
        assert shape.notes == ()
        assert "differs" not in shape.bound


def test_an_index_alone_is_held_against_the_sum() -> None:
    """Without headers only the sum can be compared; a difference is said with both figures."""
    whole = stored(LLAMA).total_bytes
    assert read(LLAMA, Checkpoint((), whole)).notes == ()
    assert "the checkpoint holds" in read(LLAMA, Checkpoint((), 2 * whole)).notes[0]


@pytest.mark.parametrize(("dtype", "name"), [("BF16", "bfloat16"), ("F32", "float32")])
def test_the_headers_say_the_dtype_where_the_configuration_does_not(dtype: str, name: str) -> None:
    """What most bytes are stored in is what the model has; that it was looked up is said."""
    shape = read({**LLAMA, "dtype": None}, stored({**LLAMA, "dtype": None}, dtype=dtype))
    assert shape.dtype == name
    assert "the configuration names no dtype" in shape.notes[0]


def test_an_unknown_architecture_is_bounded_by_its_headers() -> None:
    """Weights are the headers' bytes, matrices assumed divided; that nothing else is known is said."""
    unknown = {**LLAMA, "architectures": ["NewForCausalLM"]}
    shape = read(unknown, stored(LLAMA))
    assert shape.parameters * 2 == shape.checkpoint_bytes == stored(LLAMA).total_bytes
    assert (shape.family, len(shape.layers), len(shape.embedding), len(shape.head)) == ("unknown", 3, 1, 2)
    assert {weight.split for weight in shape.layers[0].weights} == {Split.TENSOR, Split.NONE}
    assert "not known" in shape.bound


def test_only_the_language_part_of_a_multimodal_model_is_counted() -> None:
    """The nested configuration is used, and the rest of the checkpoint is said to be left out."""
    text = {key: value for key, value in LLAMA.items() if key != "dtype"}
    config = {"architectures": ["AriaForConditionalGeneration"], "torch_dtype": "float16", "text_config": text}
    shape = shape_of(config, name="m", source="t")
    assert (shape.architecture, shape.dtype) == ("LlamaForCausalLM", "float16")
    assert "AriaForConditionalGeneration: only the language part is counted" in shape.bound
    assert "the checkpoint holds" in read(config, stored(LLAMA, Tensor("v", "BF16", (2**20,), 2**21))).notes[0]


def test_an_absurd_configuration_is_not_compared_one_by_one() -> None:
    """Thousands of experts in thousands of layers beside a handful of tensors are refused in a moment."""
    config = {**configs.MIXTRAL_8X7B, "num_hidden_layers": 4096, "num_local_experts": 65536}
    assert "it has only 1 tensors" in read(config, Checkpoint((Tensor("a", "BF16", (1,), 2),), 2)).bound
