"""Nemotron-H: every layer is one thing, by a letter: M Mamba-2, * attention, - a perceptron, E experts. No positions.

Perceptrons have no gate. Experts may work in a narrower space behind two projections that every rank holds.
Source: the configuration class of transformers 5.19 and vLLM 0.32 model_executor/models/nemotron_h.py.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.core.shape import blocks, mixture, recurrent
from shardwright.core.shape.base import Layer, Mixture, ModelShape, Split, Weight
from shardwright.core.shape.family import Family
from shardwright.core.shape.fields import MAX_LAYERS

if TYPE_CHECKING:
    from shardwright.core.shape.family import TwinSizes
    from shardwright.core.shape.fields import Fields

__all__ = ["NEMOTRON_H"]

_LETTERS = {"mamba": "M", "attention": "*", "mlp": "-", "moe": "E"}
_DEFAULT_KERNEL = 4


def _read(fields: Fields) -> ModelShape:
    letters = _pattern(fields)
    sizes = _sizes(fields, len(letters))
    mixed = _mixture(fields) if "E" in letters else None
    made = {letter: _layer(letter, fields, sizes, mixed) for letter in dict.fromkeys(letters)}
    layers = tuple(made[letter] for letter in letters)
    tied = fields.flag("tie_word_embeddings", default=False)
    head = blocks.norm("backbone.norm_f", sizes.hidden)
    output = Weight("lm_head.weight", sizes.vocabulary, sizes.hidden, Split.VOCABULARY)
    return dataclasses.replace(
        blocks.skeleton(fields, sizes, "nemotron-h"),
        tied_embeddings=tied,
        rotary_size=0,
        embedding=(Weight("backbone.embeddings.weight", sizes.vocabulary, sizes.hidden, Split.VOCABULARY),),
        layers=layers,
        head=head if tied else (*head, output),
        mixture=mixed,
        bound=blocks.UNCHECKED if mixed else "",
        layer_prefix="backbone.layers.",
    )


def _pattern(fields: Fields) -> str:
    """One letter a layer."""
    kinds = fields.texts("layers_block_type")
    unknown = next((kind for kind in kinds if kind not in _LETTERS), None)
    if unknown is not None:
        raise fields.fault("layers_block_type", f"{unknown!r} is not one of {', '.join(_LETTERS)}")
    letters = "".join(_LETTERS[kind] for kind in kinds) or fields.text("hybrid_override_pattern", default="")
    if not letters or set(letters) - set(_LETTERS.values()):
        raise fields.fault(
            "hybrid_override_pattern", f"{letters[:60]!r} is not a text of {' '.join(_LETTERS.values())}"
        )
    count = fields.integer("num_hidden_layers", default=len(letters), maximum=MAX_LAYERS)
    if count != len(letters):
        raise fields.fault("num_hidden_layers", f"{count} is not the {len(letters)} letters of the pattern")
    return letters


def _sizes(fields: Fields, layers: int) -> blocks.Sizes:
    """`intermediate_size` may be missing where no layer is a perceptron."""
    width = fields.integer("intermediate_size", default=fields.integer("moe_intermediate_size", default=1))
    return blocks.read_sizes(fields.with_values(intermediate_size=width, num_hidden_layers=layers))


def _mixture(fields: Fields) -> Mixture:
    count, per_token = mixture.read_width(fields, "n_routed_experts")
    shared = fields.integer("n_shared_experts", default=0, minimum=0, maximum=count)
    width = fields.integer("moe_shared_expert_intermediate_size") if shared else 0
    return Mixture(count, per_token, fields.integer("moe_intermediate_size"), shared * width)


def _layer(letter: str, fields: Fields, sizes: blocks.Sizes, mixed: Mixture | None) -> Layer:
    norm = blocks.norm("norm", sizes.hidden)
    if letter == "M":
        mamba = _mamba(fields)
        return Layer((*norm, *mamba.weights("mixer", sizes.hidden)), recurrent.NO_CACHE, mamba.state, ())
    if letter == "*":
        bias = fields.flag("attention_bias", default=False)
        attention = blocks.attention(sizes, bias=bias, output_bias=bias, prefix="mixer.")
        return Layer((*norm, *attention), blocks.full_cache(sizes), rotary=())
    bias = fields.flag("mlp_bias", default=False)
    if mixed is None or letter == "-":
        perceptron = _perceptron("mixer", sizes.hidden, sizes.intermediate, bias=bias)
    else:
        perceptron = _experts(fields, mixed, sizes.hidden)
    return Layer((*norm, *perceptron), recurrent.NO_CACHE, rotary=())


def _mamba(fields: Fields) -> recurrent.Mamba2:
    return recurrent.Mamba2(
        heads=fields.integer("mamba_num_heads"),
        head_size=fields.integer("mamba_head_dim"),
        groups=fields.integer("n_groups", default=1),
        state_size=fields.integer("ssm_state_size"),
        kernel=fields.integer("conv_kernel", default=_DEFAULT_KERNEL, minimum=2),
        convolution_bias=fields.flag("use_conv_bias", default=True),
        projection_bias=fields.flag("mamba_proj_bias", default=fields.flag("use_bias", default=False)),
        state_bytes=recurrent.state_bytes(fields),
    )


def _perceptron(prefix: str, hidden: int, width: int, *, bias: bool) -> tuple[Weight, ...]:
    return (
        *blocks.linear(f"{prefix}.up_proj", width, hidden, split=Split.TENSOR, bias=bias),
        *blocks.linear(f"{prefix}.down_proj", hidden, width, split=Split.TENSOR, bias=bias, bias_split=Split.NONE),
    )


def _experts(fields: Fields, mixed: Mixture, hidden: int) -> tuple[Weight, ...]:
    bias = fields.flag("mlp_bias", default=False)
    latent = fields.optional_integer("moe_latent_size")
    inner, wide = latent or hidden, mixed.experts * mixed.intermediate_size
    narrow = (
        *blocks.linear("mixer.fc1_latent_proj", inner, hidden, split=Split.NONE, bias=bias),
        *blocks.linear("mixer.fc2_latent_proj", hidden, inner, split=Split.NONE, bias=bias),
    )
    shared = mixed.shared_intermediate_size
    return (
        blocks.router("mixer.gate", hidden, mixed.experts),
        blocks.correction("mixer.gate.e_score_correction_bias", mixed.experts),
        Weight("mixer.experts.{expert}.up_proj.weight", wide, inner, Split.EXPERTS),
        Weight(
            "mixer.experts.{expert}.down_proj.weight", mixed.experts * inner, mixed.intermediate_size, Split.EXPERTS
        ),
        *(narrow if latent else ()),
        *(_perceptron("mixer.shared_experts", hidden, shared, bias=bias) if shared else ()),
    )


def _twin(shape: ModelShape, sizes: TwinSizes) -> dict[str, object]:
    """Recurrent and attention layers take turns; vLLM has no experts without a gate on a CPU, so the twin has none."""
    flags = ("mlp_hidden_act", "mamba_hidden_act", "use_conv_bias", "use_bias", "layer_norm_epsilon")
    return {
        **blocks.standard_twin(shape, sizes, flags),
        "head_dim": sizes.head_size,
        "hybrid_override_pattern": "".join("*" if index % 2 else "M" for index in range(sizes.layers)),
        "mamba_num_heads": sizes.heads,
        "mamba_head_dim": 2 * sizes.head_size,
        "n_groups": 1,
        "ssm_state_size": 16,
        "conv_kernel": _DEFAULT_KERNEL,
        "expand": 2,
        "mlp_bias": False,
    }


NEMOTRON_H = Family(_read, _twin)
