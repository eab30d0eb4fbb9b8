"""Use case: what a model's shape says, as figures that people and programs ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shardwright import errors, models
from shardwright.core.shape.base import Split

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shardwright.core.shape import ModelShape
    from shardwright.core.shape.base import Layer, Weight
    from shardwright.settings import HubSettings

__all__ = ["active_parameters", "describe", "kv_bytes_per_token", "state_bytes"]


def describe(source: str, revision: str | None, settings: HubSettings) -> dict[str, Any]:
    """The shape at `source` in the words of the interface; keys that do not apply are null."""
    try:
        shape = models.load_shape(source, revision=revision, settings=settings)
    except errors.NotFound as error:
        # As in a recipe: a name that the catalogue has not is a wrong value.
        if "://" in source:
            raise
        raise errors.InputError(error.message.removeprefix("model.source: "), hint=error.hint) from error
    return {
        "name": shape.name,
        "source": shape.source,
        "architecture": shape.architecture,
        "family": shape.family,
        "parameters": shape.parameters,
        "activeParameters": active_parameters(shape),
        "encoderParameters": _elements(shape.encoder),
        "layers": len(shape.layers),
        "layerKinds": _layer_kinds(shape),
        "draftLayers": len(shape.draft_layers),
        **_sizes(shape),
        "dtype": shape.dtype,
        "quantization": shape.quantization,
        "weightsBytes": shape.weights_bytes,
        "checkpointBytes": shape.checkpoint_bytes,
        "kvBytesPerToken": sum(kv_bytes_per_token(layer, shape) for layer in shape.layers),
        "stateBytesPerRequest": sum(state_bytes(layer, shape) for layer in shape.layers),
        "experts": _experts(shape),
        "latentAttention": _latent(shape),
        "bound": shape.bound or None,
        "notes": list(shape.notes),
    }


def active_parameters(shape: ModelShape) -> int:
    """Parameters that one token passes: of the routed experts only those that are chosen."""
    mixture = shape.mixture
    if mixture is None or not mixture.experts:
        return shape.parameters
    routed = sum(weight.elements for layer in shape.layers for weight in layer.weights if weight.split is Split.EXPERTS)
    return shape.parameters - routed + routed * mixture.experts_per_token // mixture.experts


def kv_bytes_per_token(layer: Layer, shape: ModelShape) -> int:
    """Bytes of one token in one layer's cache, all heads together, in the model's own precision."""
    cache = layer.cache
    if cache.kind == "none":
        return 0
    return round(cache.heads * (cache.key_size + cache.value_size) * shape.element_bytes)


def state_bytes(layer: Layer, shape: ModelShape) -> int:
    """Bytes that one request keeps in a recurrent layer, however long it is."""
    state = layer.state
    if state is None:
        return 0
    remembered = state.channels * max(state.kernel - 1, 0) * shape.element_bytes
    recurrent = state.heads * state.head_size * state.state_size
    return round(remembered + recurrent * (shape.element_bytes if state.element_bytes is None else state.element_bytes))


def _layer_kinds(shape: ModelShape) -> list[dict[str, Any]]:
    """How many layers there are of each kind, in the order in which the kinds first come."""
    kinds: dict[tuple[str, int | None, bool], list[Layer]] = {}
    for layer in shape.layers:
        is_mixture = any(weight.split is Split.EXPERTS for weight in layer.weights)
        kinds.setdefault((_kind(layer), layer.cache.window_tokens, is_mixture), []).append(layer)
    return [
        {
            "kind": kind,
            "count": len(layers),
            "windowTokens": window,
            "hasExperts": is_mixture,
            "kvBytesPerToken": sum(kv_bytes_per_token(layer, shape) for layer in layers),
        }
        for (kind, window, is_mixture), layers in kinds.items()
    ]


def _kind(layer: Layer) -> str:
    if layer.state is None:
        return layer.cache.kind
    return layer.state.kind if layer.cache.kind == "none" else f"{layer.cache.kind} and {layer.state.kind}"


def _sizes(shape: ModelShape) -> dict[str, Any]:
    return {
        "hiddenSize": shape.hidden_size,
        "attentionHeads": shape.attention_heads,
        "kvHeads": shape.kv_heads,
        "headSize": shape.head_size,
        "intermediateSize": shape.intermediate_size,
        "vocabularySize": shape.vocabulary_size,
        "maxPositions": shape.max_positions or None,
        "tiedEmbeddings": shape.tied_embeddings,
    }


def _experts(shape: ModelShape) -> dict[str, int] | None:
    mixture = shape.mixture
    if mixture is None:
        return None
    return {
        "experts": mixture.experts,
        "expertsPerToken": mixture.experts_per_token,
        "intermediateSize": mixture.intermediate_size,
        "sharedIntermediateSize": mixture.shared_intermediate_size,
    }


def _latent(shape: ModelShape) -> dict[str, int] | None:
    latent = shape.latent
    if latent is None:
        return None
    return {
        "queryRank": latent.query_rank,
        "kvRank": latent.kv_rank,
        "unrotatedSize": latent.unrotated_size,
        "rotatedSize": latent.rotated_size,
        "valueSize": latent.value_size,
    }


def _elements(weights: Iterable[Weight]) -> int:
    return sum(weight.elements for weight in weights)
