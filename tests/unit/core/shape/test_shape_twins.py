from __future__ import annotations

from typing import Any

import pytest
import shape_configs as configs
import shape_configs_mixtures as mixtures

from shardwright.core.layout import Layout, split_layers
from shardwright.core.shape import ModelShape, shape_of
from shardwright.core.twin import Twin, twin_config
from shardwright.units import GIB

MODELS: list[dict[str, Any]] = [
    configs.MIXTRAL_8X7B,
    configs.QWEN2_57B_A14B,
    configs.DEEPSEEK_V3_FP8,
    *mixtures.ALL,
]


def kinds(shape: ModelShape) -> set[str]:
    """Which sorts of layers that keep something a model has."""
    states = {layer.state.kind for layer in shape.layers if layer.state}
    return states | {"cache" for layer in shape.layers if layer.cache.kind != "none"}


@pytest.mark.parametrize("config", MODELS, ids=[str(model["architectures"][0]) for model in MODELS])
def test_a_twin_is_a_small_model_of_the_same_kind(config: dict[str, Any]) -> None:
    """It is read like any model, has both kinds of layers that its model has, and divides over the ranks."""
    shape = shape_of(config, name="model", source="test")
    layout = Layout(2, 2, 2, 2, split_layers(len(shape.layers), 2))
    twin = twin_config(shape, layout, 64 * GIB)
    assert isinstance(twin, Twin)
    assert twin.shape.family == shape.family
    assert twin.shape.parameters < 20e6
    assert len(twin.shape.layers) == 4
    for layers in (twin.shape.layers, shape.layers):
        assert all(layer.rotary is not None for layer in layers)
    assert kinds(twin.shape) == kinds(shape)
    if shape.family != "nemotron-h":
        assert (twin.shape.mixture is None) == (shape.mixture is None)


def test_a_twin_says_that_it_has_no_experts() -> None:
    """The engine's experts without a gate need a GPU: the twin leaves them out, and the notes say so."""
    shape = shape_of(mixtures.NEMOTRON_30B_A3B, name="model", source="test")
    twin = twin_config(shape, Layout(1, 1, 1, 1, (len(shape.layers),)), 64 * GIB)
    assert isinstance(twin, Twin)
    assert "experts 128 -> none: the engine has no such experts on a CPU" in twin.notes
