from __future__ import annotations

import pytest
import shape_configs as configs
from hypothesis import given
from hypothesis import strategies as st

from shardwright.core.shape import Split, Weight, shape_of, sharding


def test_kv_heads_are_repeated_where_ranks_outnumber_them() -> None:
    """Eight ranks of a model with two KV heads hold one head each, not a quarter."""
    keys = Weight("k", 2 * 64, 512, Split.KV_HEADS)
    assert sharding.rank_elements(keys, tensor=8, kv_heads=2) == 64 * 512
    assert sharding.rank_elements(keys, tensor=1, kv_heads=2) == 128 * 512


def test_the_vocabulary_is_padded_before_it_is_divided() -> None:
    """Rows are rounded up to 64, then shared out."""
    head = Weight("lm_head", 100, 8, Split.VOCABULARY)
    assert sharding.rank_elements(head, tensor=2, kv_heads=1) == 64 * 8
    assert sharding.rank_elements(head, tensor=2, kv_heads=1, vocabulary_multiple=1) == 50 * 8


def test_whole_experts_are_dealt_out_with_expert_parallelism() -> None:
    """Ten experts on four ranks leave three on the fullest one."""
    experts = Weight("e", 10 * 64, 32, Split.EXPERTS)
    assert sharding.rank_elements(experts, tensor=4, kv_heads=1, experts=10, expert_ranks=4) == 3 * 64 * 32
    assert sharding.rank_elements(experts, tensor=4, kv_heads=1, experts=10) == 10 * 64 * 32 // 4


@given(st.sampled_from(list(Split)), st.integers(1, 64), st.integers(1, 64), st.integers(1, 16), st.integers(1, 8))
def test_ranks_together_hold_the_whole_tensor(
    split: Split, rows: int, columns: int, tensor: int, kv_heads: int
) -> None:
    """However a tensor is divided, nothing of it is lost."""
    weight = Weight("w", rows * kv_heads, columns, split)
    assert tensor * sharding.rank_elements(weight, tensor=tensor, kv_heads=kv_heads) >= weight.elements


@pytest.mark.parametrize("tied", [True, False])
def test_a_tied_embedding_stands_on_the_first_and_the_last_stage(*, tied: bool) -> None:
    """With several stages both ends need the matrix; an untied head is only on the last."""
    shape = shape_of({**configs.LLAMA_8B, "tie_word_embeddings": tied}, name="m", source="t")
    stages = (16, 16)
    first = [weight.name for weight in configs.weights_of(sharding.stage_parts(shape, stages, 0))]
    last = [weight.name for weight in configs.weights_of(sharding.stage_parts(shape, stages, 1))]
    assert ("model.embed_tokens.weight" in first, "lm_head.weight" in first) == (True, False)
    assert ("model.embed_tokens.weight" in last, "lm_head.weight" in last) == (tied, not tied)
    assert len(configs.weights_of(sharding.stage_parts(shape, (32,), 0))) == 32 * 9 + 2 + (0 if tied else 1)
