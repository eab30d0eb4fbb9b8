"""What a rank of one pipeline stage reads and computes in a step: counted from the model's tensors, nothing timed.

Bytes are those read from the GPU's memory. Two operations (multiply, add) are counted for a number of a matrix and token.
Routing is taken as uniform: a token picks its experts independently of the others.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shardwright.core.shape.base import Split
from shardwright.core.shape.sharding import rank_elements, stage_parts
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shardwright.core.layout import Layout
    from shardwright.core.shape.base import Cache, Layer, ModelShape, State, Weight
    from shardwright.core.speed.values import Pace

__all__ = ["Attention", "Work", "stage_works"]

_EXPERTS = (Split.EXPERTS, Split.EXPERTS_WHOLE)


@frozen
class Attention:
    """Attention of all layers of one kind of cache on a rank."""

    layers: int
    kind: str
    window_tokens: int | None
    token_bytes: float
    """One token in the cache of one of these layers."""
    decode_flops: float
    """One new token against one cached token, in one layer."""
    prefill_flops: float
    """One token of a prompt against one token before it, in one layer."""

    def visible(self, context: float) -> float:
        """Cached tokens that a new one looks at."""
        return context if self.window_tokens is None else min(context, self.window_tokens)

    def pairs(self, prompt: float) -> float:
        """Pairs of a token of a prompt and one that it looks at, itself included as a half."""
        window = self.window_tokens
        if window is None or prompt <= window:
            return prompt * prompt / 2
        if self.kind == "chunked":
            return prompt * window / 2
        return window * prompt - window * window / 2


@dataclass(slots=True)
class Work:
    """A rank of one stage, summed up layer by layer."""

    dense_layers: int = 0
    mixture_layers: int = 0
    latent_layers: int = 0
    matrix_bytes: float = 0.0
    """Weights of its layers that every step reads."""
    matrix_elements: float = 0.0
    expert_bytes: float = 0.0
    """All experts of its layers that it holds, or its parts of them."""
    expert_elements: float = 0.0
    expert_choice: float = 0.0
    """Part of the experts that one token picks."""
    activation_elements: float = 0.0
    """Inputs and outputs of its layers' matrices for one token."""
    expert_activation_elements: float = 0.0
    """The same of the experts that one token picks, wherever they are held."""
    head_bytes: float = 0.0
    """The output matrix, on the last stage; embeddings are looked up, not read."""
    head_elements: float = 0.0
    expanded_elements: float = 0.0
    """More for a token of a prompt where attention is latent."""
    state_bytes: float = 0.0
    """What one request keeps in recurrent layers."""
    attentions: tuple[Attention, ...] = ()

    @property
    def layers(self) -> int:
        """All its layers."""
        return self.dense_layers + self.mixture_layers + self.latent_layers

    def experts_hit(self, tokens: float) -> float:
        """Part of the experts that at least one of `tokens` picks."""
        return 1.0 - (1.0 - self.expert_choice) ** tokens if self.expert_choice else 0.0

    def expert_bytes_read(self, tokens: float) -> float:
        """Of the experts, in a step of `tokens`, those of all copies that share them included."""
        return self.expert_bytes * self.experts_hit(tokens)

    def expert_flops(self, tokens: float) -> float:
        """Operations of the experts, for the tokens of all copies that share them."""
        return 2 * tokens * self.expert_choice * self.expert_elements

    def cache_bytes(self, context: float) -> float:
        """Read by one new token after `context` others; recurrent state is read and written."""
        cached = sum(part.layers * part.token_bytes * part.visible(context) for part in self.attentions)
        return cached + 2 * self.state_bytes

    def decode_flops(self, context: float) -> float:
        """Of attention, for one new token."""
        return sum(part.layers * part.decode_flops * part.visible(context) for part in self.attentions)

    def prefill_flops(self, prompt: float) -> float:
        """Of attention, for one whole prompt."""
        return sum(part.layers * part.prefill_flops * part.pairs(prompt) for part in self.attentions)


def stage_works(shape: ModelShape, layout: Layout, pace: Pace) -> tuple[Work, ...]:
    """The work of a rank of every stage."""
    share = _Share(shape, layout, pace)
    made: dict[tuple[object, ...], Work] = {}
    return tuple(_stage_work(share, stage, made) for stage in range(layout.pipeline))


@frozen
class _Share:
    """What a rank's part of a tensor depends on."""

    shape: ModelShape
    layout: Layout
    pace: Pace

    @property
    def picked(self) -> int:
        """Experts that a token picks."""
        return self.shape.mixture.experts_per_token if self.shape.mixture else 0

    def elements(self, weight: Weight) -> int:
        """On the fullest rank; experts are shared by the copies of a data-parallel layout as well."""
        kv_heads, layout = self.shape.kv_heads, self.layout
        if weight.split not in _EXPERTS:
            return rank_elements(weight, tensor=layout.tensor, kv_heads=kv_heads)
        experts = self.shape.mixture.experts if self.shape.mixture else 1
        whole = layout.expert_ranks if layout.expert else 1
        return rank_elements(weight, tensor=layout.expert_ranks, kv_heads=kv_heads, experts=experts, expert_ranks=whole)

    def bytes(self, weight: Weight, elements: float, *, in_layer: bool) -> float:
        """Of so many numbers of a tensor."""
        if weight.element_bytes is not None:
            return elements * weight.element_bytes
        quantized = self.pace.linear_element_bytes
        is_quantized = quantized is not None and in_layer and weight.columns > 1 and not weight.fixed
        return elements * (quantized if is_quantized and quantized is not None else self.pace.element_bytes)

    def activations(self, weight: Weight, held: float) -> float:
        """Input and output of a matrix on a rank; of the two, the side that is not the hidden size is divided."""
        if weight.rows == self.shape.hidden_size:
            return weight.rows + held / weight.rows
        return weight.columns + held / weight.columns

    def expert_activations(self, weight: Weight) -> float:
        """Of all experts that a token picks; experts that are dealt out whole are not divided."""
        rows = weight.rows / (self.shape.mixture.experts if self.shape.mixture else 1)
        other = weight.columns if rows == self.shape.hidden_size else rows
        return self.picked * (self.shape.hidden_size + other / (1 if self.layout.expert else self.layout.expert_ranks))


def _stage_work(share: _Share, stage: int, made: dict[tuple[object, ...], Work]) -> Work:
    """The work of one stage; stages with the same layers are counted once."""
    shape, layout = share.shape, share.layout
    parts = stage_parts(shape, layout.stages, stage)
    # Layers of a kind are one value; each kind is counted once.
    counts = Counter(map(id, parts.layers))
    is_last = stage == layout.pipeline - 1
    key = (is_last, *counts.items())
    if key not in made:
        kinds = {id(layer): layer for layer in parts.layers}
        head = (*parts.head, *(shape.embedding if shape.tied_embeddings else ())) if is_last else ()
        made[key] = _sum(share, [(kinds[kind], count) for kind, count in counts.items()], head)
    return made[key]


def _sum(share: _Share, layers: Iterable[tuple[Layer, int]], head: Iterable[Weight]) -> Work:
    work = Work()
    mixture = share.shape.mixture
    if mixture is not None:
        work.expert_choice = min(1.0, mixture.experts_per_token / mixture.experts)
    for layer, count in layers:
        _add_layers(work, share, layer, count)
    for weight in head:
        elements = share.elements(weight)
        work.head_bytes += share.bytes(weight, elements, in_layer=False)
        work.head_elements += elements if _is_matrix(weight) else 0
    return work


def _add_layers(work: Work, share: _Share, layer: Layer, count: int) -> None:
    for weight in layer.weights:
        elements = share.elements(weight)
        size, computed = share.bytes(weight, elements, in_layer=True), elements if _is_matrix(weight) else 0
        if weight.split in _EXPERTS:
            work.expert_bytes += count * size
            work.expert_elements += count * computed
            work.expert_activation_elements += count * share.expert_activations(weight) if computed else 0.0
        else:
            work.matrix_bytes += count * size
            work.matrix_elements += count * computed
            work.activation_elements += count * share.activations(weight, elements) if computed else 0.0
    _count_kind(work, layer, count)
    _add_attention(work, share, layer.cache, count)
    if layer.state is not None:
        work.state_bytes += count * _state_bytes(layer.state, share.pace) / share.layout.tensor


def _is_matrix(weight: Weight) -> bool:
    return weight.columns > 1 and not weight.auxiliary


def _count_kind(work: Work, layer: Layer, count: int) -> None:
    if layer.cache.kind == "latent":
        work.latent_layers += count
    elif any(weight.split in _EXPERTS for weight in layer.weights):
        work.mixture_layers += count
    else:
        work.dense_layers += count


def _add_attention(work: Work, share: _Share, cache: Cache, count: int) -> None:
    """Every rank holds a latent cache whole, and KV heads are repeated where there are fewer than ranks."""
    if cache.kind == "none":
        return
    shape, tensor = share.shape, share.layout.tensor
    heads, both = -(-shape.attention_heads // tensor), cache.key_size + cache.value_size
    if shape.latent is None or cache.kind != "latent":
        size = -(-cache.heads // tensor) * both * share.pace.cache_element_bytes
        flops = 2.0 * heads * both
        work.attentions += (Attention(count, cache.kind, cache.window_tokens, size, flops, flops),)
        return
    latent = shape.latent
    head = latent.unrotated_size + latent.rotated_size + latent.value_size
    size = cache.heads * both * share.pace.cache_element_bytes + cache.index_size
    decode = 2.0 * heads * (2 * latent.kv_rank + latent.rotated_size)
    work.attentions += (Attention(count, cache.kind, None, size, decode, 2.0 * heads * head),)
    # Keys and values of all heads are written out from the latent vector, and read again, while prompts are read.
    work.expanded_elements += count * 4 * heads * head


def _state_bytes(state: State, pace: Pace) -> float:
    recurrent = state.heads * state.head_size * state.state_size
    size = pace.element_bytes if state.element_bytes is None else state.element_bytes
    return state.channels * (state.kernel - 1) * pace.element_bytes + recurrent * size
