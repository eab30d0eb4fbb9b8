"""How many bytes an element takes: the configuration's dtype, and the quantization it declares.

Only the checkpoint's own quantization is read here; what an engine quantizes while loading is the engine's business.
Source: vLLM 0.32 model_executor/layers/quantization (fp8.py, auto_gptq.py, auto_awq.py, compressed_tensors/schemes).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from shardwright.core.shape.base import Layer, ModelShape, Weight
    from shardwright.core.shape.fields import Fields

__all__ = ["DTYPE_BYTES", "quantized", "read_dtype"]

DTYPE_BYTES = {"bfloat16": 2.0, "float16": 2.0, "float32": 4.0}
_ASSUMED_DTYPE = "bfloat16"
_REPACKED = "engines repack int4 weights for their kernels: up to 4.5 % more than counted was seen"
_SCALE_BYTES = 2


@dataclass(frozen=True, slots=True)
class _Scheme:
    """How a checkpoint's matrices are stored."""

    method: str
    element_bytes: float
    """Scales and zero points included."""
    bound: str
    excluded: tuple[str, ...]
    """Modules that keep the unquantized dtype: parts of names, or regular expressions after `re:`."""


def read_dtype(fields: Fields, stored: str = "") -> tuple[str, str]:
    """The dtype and a note, empty if the configuration says it; `stored` is that of most of the checkpoint's bytes."""
    given = fields.text("dtype", default="") or fields.text("torch_dtype", default="")
    name = given.removeprefix("torch.")
    if not name or name == "auto":
        if stored in DTYPE_BYTES:
            return stored, f"the configuration names no dtype: {stored}, as the tensors are stored"
        return _ASSUMED_DTYPE, f"the configuration names no dtype: {_ASSUMED_DTYPE} is assumed"
    if name not in DTYPE_BYTES:
        raise fields.fault("dtype", f"{given!r} is not one of {', '.join(DTYPE_BYTES)}")
    return name, ""


def quantized(shape: ModelShape, fields: Fields) -> ModelShape:
    """The shape with the element sizes that `quantization_config` declares; the same shape if it declares none."""
    section = fields.section("quantization_config")
    if section is None:
        return shape
    scheme = _read_scheme(section)
    if scheme is None:
        method = section.text("quant_method", default="unnamed")
        reason = f"quantization {method!r} is not known: weights are counted unquantized, which is the most they take"
        return replace(shape, quantization=method, bound=_joined(shape.bound, reason))
    layers = _quantized_layers(shape, scheme)
    return replace(shape, layers=layers, quantization=scheme.method, bound=_joined(shape.bound, scheme.bound))


def _joined(*reasons: str) -> str:
    return "; ".join(reason for reason in reasons if reason)


def _read_scheme(section: Fields) -> _Scheme | None:
    method = section.text("quant_method", default="")
    excluded = _texts(section, "modules_to_not_convert") + _texts(section, "ignore")
    match method:
        case "fp8" | "fbgemm_fp8":
            return _Scheme(method, 1 + _block_scales(section), "", excluded)
        case "gptq" | "awq":
            return _int_groups(section, method, excluded)
        case "compressed-tensors":
            return _compressed(section, excluded)
        case "bitsandbytes":
            four = section.flag("load_in_4bit", default=False)
            return _Scheme(method, 0.5 if four else 1.0, "", excluded)
        case _:
            return None


def _block_scales(section: Fields) -> float:
    """Bytes an element for one float32 scale a block."""
    block = section.integers("weight_block_size")
    return 4 / (block[0] * block[1]) if len(block) == 2 and all(block) else 0.0


def _int_groups(section: Fields, method: str, excluded: tuple[str, ...]) -> _Scheme:
    """Packed integers, a scale and a packed zero point a group; group size -1 is one group a column."""
    bits = section.integer("bits", "w_bit", maximum=16)
    group = section.integer("group_size", "q_group_size", default=128, minimum=-1)
    extra = (_SCALE_BYTES + bits / 8) / group if group > 0 else 0.0
    return _Scheme(method, bits / 8 + extra, _REPACKED if bits <= 4 else "", excluded)


def _compressed(section: Fields, excluded: tuple[str, ...]) -> _Scheme | None:
    groups = section.section("config_groups")
    if groups is None or len(groups.values) != 1:
        return None
    group = groups.section(next(iter(groups.values)))
    weights = group.section("weights") if group else None
    if weights is None:
        return None
    bits = weights.integer("num_bits", maximum=16)
    size = weights.integer("group_size", default=-1, minimum=-1)
    zero_points = 0.0 if weights.flag("symmetric", default=True) else bits / 8
    extra = (_SCALE_BYTES + zero_points) / size if size > 0 else 0.0
    return _Scheme("compressed-tensors", bits / 8 + extra, _REPACKED if bits <= 4 else "", excluded)


def _texts(section: Fields, key: str) -> tuple[str, ...]:
    value = section.values.get(key)
    if not isinstance(value, list):
        return ()
    return tuple(item for item in cast("list[Any]", value) if isinstance(item, str))


def _quantized_layers(shape: ModelShape, scheme: _Scheme) -> tuple[Layer, ...]:
    """Layers that come out equal stay one object, so that many layers cost no more than few."""
    made: dict[tuple[int, tuple[bool, ...]], Layer] = {}
    layers: list[Layer] = []
    for index, layer in enumerate(shape.layers):
        chosen = tuple(_is_quantized(weight, f"{shape.layer_prefix}{index}.", scheme) for weight in layer.weights)
        key = (id(layer), chosen)
        if key not in made:
            weights = (
                replace(weight, element_bytes=scheme.element_bytes) if is_chosen else weight
                for weight, is_chosen in zip(layer.weights, chosen, strict=True)
            )
            made[key] = replace(layer, weights=tuple(weights))
        layers.append(made[key])
    return tuple(layers)


def _is_quantized(weight: Weight, prefix: str, scheme: _Scheme) -> bool:
    """Projections are, routers and norms are not."""
    module = weight.name.removesuffix(".weight")
    if weight.columns == 1 or module.endswith(("gate", "expert_gate")):
        return False
    return not any(_matches(pattern, prefix + module) for pattern in scheme.excluded)


def _matches(pattern: str, module: str) -> bool:
    if not pattern.startswith("re:"):
        return pattern == module or f".{pattern}." in f".{module}."
    try:
        return re.match(pattern.removeprefix("re:"), module) is not None
    except re.error:
        return False
