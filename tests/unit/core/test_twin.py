from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardwright.core import twin
from shardwright.core.layout import Layout, split_layers
from shardwright.core.shape import ModelShape, shape_of
from shardwright.facts import load as facts
from shardwright.units import GIB

PLENTY = 64 * GIB


def shape(name: str = "llama-3-8b") -> ModelShape:
    """A model of the catalogue."""
    return shape_of(facts.catalogue_model(name).config, name=name, source="test")


def layout(tensor: int, pipeline: int, nodes: int = 1, *, layers: int = 32) -> Layout:
    """A layout over nodes that are filled evenly."""
    return Layout(tensor, pipeline, nodes, tensor * pipeline // nodes, split_layers(layers, pipeline))


def made(model: ModelShape, wanted: Layout, available_bytes: int = PLENTY) -> twin.Twin:
    """The twin, which must be possible."""
    result = twin.twin_config(model, wanted, available_bytes)
    assert isinstance(result, twin.Twin)
    return result


def test_the_twin_of_the_first_example() -> None:
    """Two stages of two layers, heads in the model's ratio, nothing larger than 256; each change is said."""
    result = made(shape(), layout(1, 2, 2))
    small = result.shape
    assert (small.architecture, result.layout.nodes, result.layout.stages) == ("LlamaForCausalLM", 2, (2, 2))
    assert (small.hidden_size, small.attention_heads, small.kv_heads, small.head_size) == (256, 8, 2, 32)
    assert (small.vocabulary_size, small.dtype, small.max_positions) == (512, "float32", 2048)
    assert result.notes[:2] == ("layers 32 -> 4", "hidden size 4096 -> 256")
    assert "positions 8192 -> 2048" in result.notes


@pytest.mark.parametrize("name", [model.name for model in facts.catalogue_models()])
@pytest.mark.parametrize(("tensor", "pipeline", "nodes"), [(1, 2, 2), (2, 2, 2), (8, 2, 2), (16, 1, 2), (3, 2, 2)])
def test_every_known_model_has_a_twin_that_divides(name: str, tensor: int, pipeline: int, nodes: int) -> None:
    """Heads, KV heads, width and vocabulary divide over the ranks, and the architecture is the model's."""
    model = shape(name)
    small = made(model, layout(tensor, pipeline, nodes, layers=len(model.layers))).shape
    assert small.architecture == model.architecture
    assert (
        small.attention_heads % tensor
        == small.intermediate_size % tensor
        == small.vocabulary_size % math.lcm(64, tensor)
        == 0
    )
    assert small.kv_heads % tensor == 0 or tensor % small.kv_heads == 0 or small.kv_heads == 1
    assert small.attention_heads % small.kv_heads == 0
    assert small.hidden_size <= max(256, 32 * tensor)
    assert small.bound == "" or model.bound


def test_kv_heads_are_repeated_in_the_twin_where_they_are_in_the_model() -> None:
    """Sixteen ranks of a model with eight KV heads share them in pairs; so do the twin's."""
    assert made(shape(), layout(16, 1, 2)).shape.kv_heads == 8
    assert made(shape(), layout(8, 1)).shape.kv_heads == 8


def test_a_mixture_stays_a_mixture_with_few_experts() -> None:
    """Four experts of which each token passes two; latent attention keeps the sizes that CPU kernels have."""
    mixture = made(shape("mixtral-8x7b"), layout(1, 2, 2)).shape.mixture
    assert mixture is not None
    assert (mixture.experts, mixture.experts_per_token) == (4, 2)
    latent = made(shape("deepseek-v3"), layout(1, 2, 2, layers=61)).shape.latent
    assert latent is not None
    assert (latent.kv_rank, latent.rotated_size) == (512, 64)


def test_quantization_is_left_out_and_said() -> None:
    """The twin is float32 whatever the model is."""
    result = made(shape("deepseek-v3"), layout(1, 2, 2, layers=61))
    assert result.shape.quantization is None
    assert "quantization fp8 -> none" in result.notes


def test_tensor_parallelism_shrinks_only_as_far_as_memory_demands() -> None:
    """Sixteen ranks do not fit into 8 GiB, eight do; nodes and stages stay."""
    result = made(shape(), layout(8, 2, 2), 8 * GIB)
    assert (result.layout.tensor, result.layout.pipeline, result.layout.nodes) == (4, 2, 2)
    assert result.layout.gpus_per_node == 4
    assert any(note.startswith("tensor parallel 8 -> 4") for note in result.notes)
    assert made(shape(), layout(8, 2, 2)).layout.tensor == 8


def test_tensor_ranks_over_two_nodes_never_shrink_to_one() -> None:
    """A group over two nodes keeps at least one rank on each."""
    assert made(shape(), layout(8, 1, 2), 2 * GIB).layout.tensor == 2


def test_too_little_memory_is_a_refusal_with_numbers() -> None:
    """Where not even one rank a stage fits, there is no twin, and it is said what would be needed."""
    result = twin.twin_config(shape(), layout(2, 4, 4), 2 * GIB)
    assert isinstance(result, twin.NoTwin)
    assert "at least 4 ranks" in result.reason
    assert "3.45 GiB" in result.reason
    assert "2.00 GiB" in result.reason


def test_an_unknown_family_has_no_twin() -> None:
    """What the tensors of an architecture mean is not known, so none can be made up."""
    unknown = replace(shape(), architecture="NewForCausalLM")
    result = twin.twin_config(unknown, layout(1, 1), PLENTY)
    assert result == twin.NoTwin("there is no twin of NewForCausalLM: its family is not known")


@pytest.mark.parametrize(
    ("stages", "scaled"),
    [((16, 16), (2, 2)), ((20, 12), (3, 1)), ((31, 1), (3, 1)), ((12, 8, 6, 6), (3, 2, 2, 1)), ((1, 1, 30), (1, 1, 4))],
)
def test_a_pinned_partition_keeps_its_proportions(stages: tuple[int, ...], scaled: tuple[int, ...]) -> None:
    """Two layers a stage on average, at least one in each; the engine's own split gives two everywhere."""
    wanted = replace(layout(1, len(stages)), stages=stages)
    assert made(shape(), wanted).layout.stages == scaled
    assert len(made(shape(), wanted).shape.layers) == 2 * len(stages)


@given(st.integers(1, 16), st.integers(1, 8), st.integers(1, 8), st.floats(0.5, 64))
def test_a_twin_never_asks_for_more_than_is_there(tensor: int, pipeline: int, nodes: int, gib: float) -> None:
    """Ranks of the twin fit the memory given, every node has the same number, and the real layout is never exceeded."""
    if tensor * pipeline % nodes:
        return
    available_bytes = round(gib * GIB)
    result = twin.twin_config(shape(), layout(tensor, pipeline, nodes), available_bytes)
    if isinstance(result, twin.Twin):
        assert twin.rank_bytes(result.layout.world_size) <= available_bytes
        assert result.layout.world_size == result.layout.nodes * result.layout.gpus_per_node
        assert tensor % result.layout.tensor == 0
        assert len(result.shape.layers) == sum(result.layout.stages) == 2 * pipeline


@pytest.mark.parametrize(
    ("wanted", "nodes", "said"),
    [
        (Layout(2, 1, 2, 2, (32,), data=2, expert=True), 1, {"data parallel 2 -> 1", "nodes 2 -> 1"}),
        (Layout(4, 2, 4, 4, (16, 16), data=2, expert=True), 2, {"data parallel 2 -> 1", "nodes 4 -> 2"}),
        (Layout(1, 1, 1, 2, (32,), data=2, expert=True), 1, {"data parallel 2 -> 1", "expert parallel -> none"}),
    ],
)
def test_without_copies_one_is_kept_on_its_nodes(wanted: Layout, nodes: int, said: set[str]) -> None:
    """Tensor and pipeline sizes stay, a single rank deals out no experts, and what was left out is said."""
    result = twin.twin_config(shape("mixtral-8x7b"), wanted, PLENTY, has_copies=False)
    assert isinstance(result, twin.Twin)
    small = result.layout
    assert (small.tensor, small.pipeline, small.data, small.nodes) == (wanted.tensor, wanted.pipeline, 1, nodes)
    assert small.world_size == small.nodes * small.gpus_per_node
    assert small.expert == (wanted.tensor > 1)
    assert said <= {note.partition(":")[0] for note in result.notes}


@pytest.mark.parametrize(("tensor", "experts"), [(1, 4), (3, 6), (8, 8)])
def test_a_twin_has_an_expert_for_each_rank_at_least(tensor: int, experts: int) -> None:
    """Engines refuse some mixtures with fewer experts than ranks; four are enough otherwise, and never more than the model."""
    mixture = made(shape("mixtral-8x7b"), layout(tensor, 1)).shape.mixture
    assert mixture is not None
    assert mixture.experts == experts
