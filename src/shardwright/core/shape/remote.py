"""Dense decoders whose configuration classes are published with the models: InternLM 2 and the first EXAONE.

Source: vLLM 0.32 model_executor/models/internlm2.py, exaone.py.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.core.shape import blocks
from shardwright.core.shape.base import Layer, ModelShape, Split, Weight
from shardwright.core.shape.family import Family

if TYPE_CHECKING:
    from shardwright.core.shape.family import TwinSizes
    from shardwright.core.shape.fields import Fields

__all__ = ["EXAONE", "INTERNLM2"]


def _read_internlm2(fields: Fields) -> ModelShape:
    """Queries, keys and values are one tensor of the checkpoint; `bias` is the attention's."""
    sizes = blocks.read_sizes(fields, kv_heads_default=True)
    query, kv = sizes.heads * sizes.head, 2 * sizes.kv_heads * sizes.head
    bias = fields.flag("bias", default=True)
    weights = (
        *blocks.norm("attention_norm", sizes.hidden),
        *_fused(query, kv, sizes.hidden, bias=bias),
        *blocks.linear("attention.wo", sizes.hidden, query, split=Split.TENSOR, bias=bias, bias_split=Split.NONE),
        *blocks.norm("ffn_norm", sizes.hidden),
        *blocks.linear("feed_forward.w1", sizes.intermediate, sizes.hidden, split=Split.TENSOR, fused="gate_up"),
        *blocks.linear("feed_forward.w3", sizes.intermediate, sizes.hidden, split=Split.TENSOR, fused="gate_up"),
        *blocks.linear("feed_forward.w2", sizes.hidden, sizes.intermediate, split=Split.TENSOR),
    )
    layer = Layer(weights, blocks.full_cache(sizes))
    shape = blocks.model(fields, sizes, (layer,) * sizes.layers, family="internlm")
    return _renamed(shape, embedding="model.tok_embeddings", norm="model.norm", output="output", layers="model.layers.")


def _fused(query: int, kv: int, hidden: int, *, bias: bool) -> tuple[Weight, ...]:
    matrix = (
        Weight("attention.wqkv.weight", query, hidden, Split.TENSOR, "qkv"),
        Weight("attention.wqkv.weight", kv, hidden, Split.KV_HEADS, "qkv"),
    )
    if not bias:
        return matrix
    return (
        *matrix,
        Weight("attention.wqkv.bias", query, 1, Split.TENSOR, "qkv.bias"),
        Weight("attention.wqkv.bias", kv, 1, Split.KV_HEADS, "qkv.bias"),
    )


def _read_exaone(fields: Fields) -> ModelShape:
    """Llama's tensors under names of its own."""
    fields = fields.with_defaults(num_hidden_layers=fields.values.get("num_layers"))
    sizes = blocks.read_sizes(fields, kv_heads_default=True)
    weights = (
        *blocks.norm("ln_1", sizes.hidden),
        *blocks.attention(sizes, prefix="attn.attention.")[:3],
        *blocks.linear("attn.attention.out_proj", sizes.hidden, sizes.heads * sizes.head, split=Split.TENSOR),
        *blocks.norm("ln_2", sizes.hidden),
        *blocks.linear("mlp.c_fc_0", sizes.intermediate, sizes.hidden, split=Split.TENSOR, fused="gate_up"),
        *blocks.linear("mlp.c_fc_1", sizes.intermediate, sizes.hidden, split=Split.TENSOR, fused="gate_up"),
        *blocks.linear("mlp.c_proj", sizes.hidden, sizes.intermediate, split=Split.TENSOR),
    )
    layer = Layer(weights, blocks.full_cache(sizes))
    shape = blocks.model(fields, sizes, (layer,) * sizes.layers, family="exaone")
    return _renamed(
        shape, embedding="transformer.wte", norm="transformer.ln_f", output="lm_head", layers="transformer.h."
    )


def _renamed(shape: ModelShape, *, embedding: str, norm: str, output: str, layers: str) -> ModelShape:
    """The model with these names outside its layers."""
    words, width = shape.vocabulary_size, shape.hidden_size
    matrix = (Weight(f"{output}.weight", words, width, Split.VOCABULARY),)
    return dataclasses.replace(
        shape,
        embedding=(Weight(f"{embedding}.weight", words, width, Split.VOCABULARY),),
        head=(*blocks.norm(norm, width), *(() if shape.tied_embeddings else matrix)),
        layer_prefix=layers,
    )


def _twin(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    """A Llama of the same form: the engine reads these with code that comes with the model, which a twin has none of."""
    return {
        **blocks.standard_twin(shape, sizes),
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "head_dim": sizes.head_size,
        "attention_bias": any(weight.name == "attention.wqkv.bias" for weight in shape.layers[0].weights),
    }


EXAONE = Family(_read_exaone, _twin)
INTERNLM2 = Family(_read_internlm2, _twin)
