"""Pieces that families share: sizes read from a configuration, and the tensors of attention, norms and perceptrons.

Names are those of checkpoints. A bias of a projection whose input is divided is not divided itself: it is added once.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.core.shape import rotary
from shardwright.core.shape.base import Cache, Layer, ModelShape, Split, Weight
from shardwright.core.shape.fields import MAX_LAYERS, MAX_POSITIONS
from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.shape.base import Latent, Mixture
    from shardwright.core.shape.family import TwinSizes
    from shardwright.core.shape.fields import Fields

__all__ = [
    "UNCHECKED",
    "Sizes",
    "attention",
    "correction",
    "experts",
    "full_cache",
    "gated_mlp",
    "kept",
    "linear",
    "model",
    "norm",
    "plain_mlp",
    "read_sizes",
    "router",
    "skeleton",
    "standard_twin",
]

UNCHECKED = "how its tensors are divided is read from the engine's source, but not checked against what it allocates"
"""For models that the engine builds on a GPU only, or no longer."""
_KEPT = ("hidden_act", "attention_bias", "mlp_bias", "tie_word_embeddings", "rms_norm_eps")


@frozen
class Sizes:
    """Sizes that every decoder has."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head: int
    intermediate: int
    vocabulary: int
    positions: int


def read_sizes(fields: Fields, *, kv_heads_default: bool = False) -> Sizes:
    """The sizes under their usual names; with `kv_heads_default` a missing `num_key_value_heads` means one a head."""
    hidden = fields.integer("hidden_size")
    heads = fields.integer("num_attention_heads")
    kv_heads = fields.integer("num_key_value_heads", default=heads if kv_heads_default else None)
    if heads % kv_heads:
        raise fields.fault("num_key_value_heads", f"{kv_heads} does not divide num_attention_heads, {heads}")
    return Sizes(
        hidden=hidden,
        layers=fields.integer("num_hidden_layers", maximum=MAX_LAYERS),
        heads=heads,
        kv_heads=kv_heads,
        head=head_size(fields, hidden, heads),
        intermediate=fields.integer("intermediate_size"),
        vocabulary=fields.integer("vocab_size"),
        positions=fields.integer("max_position_embeddings", maximum=MAX_POSITIONS),
    )


def head_size(fields: Fields, hidden: int, heads: int) -> int:
    """`head_dim`, else hidden size over heads; InputError where that leaves a remainder."""
    given = fields.optional_integer("head_dim")
    if given is None and hidden % heads:
        raise fields.fault(
            "hidden_size", f"{hidden} is not a multiple of num_attention_heads, {heads}, and head_dim is not given"
        )
    return given or hidden // heads


def norm(name: str, size: int, *, bias: bool = False) -> tuple[Weight, ...]:
    """A norm's scale and, for LayerNorm, its bias."""
    scale = Weight(f"{name}.weight", size, 1, Split.NONE)
    return (scale, Weight(f"{name}.bias", size, 1, Split.NONE)) if bias else (scale,)


def linear(
    name: str,
    rows: int,
    columns: int,
    *,
    split: Split,
    bias: bool = False,
    bias_split: Split | None = None,
    fused: str = "",
) -> tuple[Weight, ...]:
    """A projection; `bias_split` where the bias is divided unlike the matrix."""
    matrix = Weight(f"{name}.weight", rows, columns, split, fused)
    if not bias:
        return (matrix,)
    return (matrix, Weight(f"{name}.bias", rows, 1, bias_split or split, f"{fused}.bias" if fused else ""))


def attention(
    sizes: Sizes,
    *,
    bias: bool = False,
    output_bias: bool = False,
    head_norms: bool = False,
    prefix: str = "self_attn.",
    query_parts: int = 1,
) -> tuple[Weight, ...]:
    """Grouped-query attention: query heads and KV heads are divided, the output adds up over ranks.

    `query_parts` is 2 where the query projection makes a gate as well.
    """
    query, kv = sizes.heads * sizes.head, sizes.kv_heads * sizes.head
    rows = query * query_parts
    return (
        *linear(f"{prefix}q_proj", rows, sizes.hidden, split=Split.TENSOR, bias=bias, fused="qkv"),
        *linear(f"{prefix}k_proj", kv, sizes.hidden, split=Split.KV_HEADS, bias=bias, fused="qkv"),
        *linear(f"{prefix}v_proj", kv, sizes.hidden, split=Split.KV_HEADS, bias=bias, fused="qkv"),
        *linear(f"{prefix}o_proj", sizes.hidden, query, split=Split.TENSOR, bias=output_bias, bias_split=Split.NONE),
        *(norm(f"{prefix}q_norm", sizes.head) if head_norms else ()),
        *(norm(f"{prefix}k_norm", sizes.head) if head_norms else ()),
    )


def gated_mlp(prefix: str, hidden: int, intermediate: int, *, bias: bool = False) -> tuple[Weight, ...]:
    """Gate and up projection side by side, then down."""
    return (
        *linear(f"{prefix}.gate_proj", intermediate, hidden, split=Split.TENSOR, bias=bias, fused=f"{prefix}.gate_up"),
        *linear(f"{prefix}.up_proj", intermediate, hidden, split=Split.TENSOR, bias=bias, fused=f"{prefix}.gate_up"),
        *linear(f"{prefix}.down_proj", hidden, intermediate, split=Split.TENSOR, bias=bias, bias_split=Split.NONE),
    )


def plain_mlp(
    prefix: str, names: tuple[str, str], hidden: int, intermediate: int, *, bias: bool = False
) -> tuple[Weight, ...]:
    """A perceptron without gate: up, then down."""
    up, down = (f"{prefix}.{name}" for name in names)
    return (
        *linear(up, intermediate, hidden, split=Split.TENSOR, bias=bias),
        *linear(down, hidden, intermediate, split=Split.TENSOR, bias=bias, bias_split=Split.NONE),
    )


def router(name: str, hidden: int, count: int, *, element_bytes: float | None = None) -> Weight:
    """Every rank chooses among all experts, in the model's own dtype or a wider one."""
    return Weight(f"{name}.weight", count, hidden, Split.NONE, element_bytes=element_bytes, fixed=True)


def correction(name: str, count: int) -> Weight:
    """What is added to the scores of experts before they are chosen, always in float32."""
    return Weight(name, count, 1, Split.NONE, element_bytes=4.0)


def experts(prefix: str, names: tuple[str, str, str], mixture: Mixture, hidden: int) -> tuple[Weight, ...]:
    """Gate, up and down projections of all experts, named in this order."""
    gate, up, down = (f"{prefix}.{{expert}}.{name}.weight" for name in names)
    wide = mixture.experts * mixture.intermediate_size
    return (
        Weight(gate, wide, hidden, Split.EXPERTS, "experts.gate_up"),
        Weight(up, wide, hidden, Split.EXPERTS, "experts.gate_up"),
        Weight(down, mixture.experts * hidden, mixture.intermediate_size, Split.EXPERTS),
    )


def full_cache(sizes: Sizes, window_tokens: int | None = None) -> Cache:
    """Keys and values of every KV head; of the last `window_tokens` only, if given."""
    return Cache("window" if window_tokens else "full", sizes.kv_heads, sizes.head, sizes.head, window_tokens)


def model(
    fields: Fields,
    sizes: Sizes,
    layers: tuple[Layer, ...],
    *,
    family: str,
    mixture: Mixture | None = None,
    latent: Latent | None = None,
    bound: str = "",
) -> ModelShape:
    """A decoder with the usual names outside its layers: `model.embed_tokens`, `model.norm`, `lm_head`.

    Layers that name no rotary table get the one that the configuration describes.
    """
    table = rotary.table(fields, latent.rotated_size if latent else sizes.head, positions=sizes.positions)
    tied = fields.flag("tie_word_embeddings", default=False)
    head = norm("model.norm", sizes.hidden)
    if not tied:
        head = (*head, Weight("lm_head.weight", sizes.vocabulary, sizes.hidden, Split.VOCABULARY))
    return dataclasses.replace(
        skeleton(fields, sizes, family),
        tied_embeddings=tied,
        rotary_size=table.size,
        embedding=(Weight("model.embed_tokens.weight", sizes.vocabulary, sizes.hidden, Split.VOCABULARY),),
        layers=rotary.shared(layers, table),
        head=head,
        mixture=mixture,
        latent=latent,
        bound=bound,
    )


def skeleton(fields: Fields, sizes: Sizes, family: str) -> ModelShape:
    """A model by its sizes alone, without tensors; architecture and dtype are filled in by `families`, which knows them."""
    return ModelShape(
        name=fields.name,
        source=fields.source,
        architecture="",
        family=family,
        hidden_size=sizes.hidden,
        attention_heads=sizes.heads,
        kv_heads=sizes.kv_heads,
        head_size=sizes.head,
        intermediate_size=sizes.intermediate,
        vocabulary_size=sizes.vocabulary,
        max_positions=sizes.positions,
        element_bytes=2.0,
        dtype="bfloat16",
        tied_embeddings=False,
        rotary_size=sizes.head,
        embedding=(),
        layers=(),
        head=(),
    )


def kept(shape: ModelShape, keys: tuple[str, ...]) -> dict[str, object]:
    """These fields of the model's configuration, where it has them."""
    config = dict(shape.config)
    return {key: config[key] for key in keys if config.get(key) is not None}


def standard_twin(shape: ModelShape, sizes: TwinSizes, keys: tuple[str, ...] = ()) -> dict[str, object]:
    """A twin's configuration under the usual names; `keys` are kept besides the flags that most families have."""
    return {
        **kept(shape, (*_KEPT, *keys)),
        "hidden_size": sizes.hidden_size,
        "intermediate_size": sizes.intermediate_size,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.heads,
        "num_key_value_heads": sizes.kv_heads,
        "vocab_size": sizes.vocabulary_size,
        "max_position_embeddings": sizes.max_positions,
    }
