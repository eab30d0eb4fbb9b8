"""What vLLM holds of quantized weights beyond the checkpoint's bytes, once its kernels have repacked them.

Latent attention: unquantized copies of the projection that expands the cache. int4 with zero points on compute capability 9:
zero points as wide as activations (Machete). int4 without zero points: those of the checkpoint are dropped (Marlin). MXFP4: sizes
rounded up to what the kernel of the device takes. Libraries: buffers that their import makes. Source: vLLM 0.24 and 0.32, attention/mla_attention.py, kernels/linear/
mixed_precision/machete.py, fused_moe/oracle/mxfp4.py. What else repacking takes is a share in facts.toml, not measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from shardwright.core.plan.version import parse_version
from shardwright.core.shape.base import Split
from shardwright.core.shape.sharding import rank_elements
from shardwright.engines.vllm import facts
from shardwright.engines.vllm.stage import up
from shardwright.units import MIB

if TYPE_CHECKING:
    from shardwright.core.layout import Layout
    from shardwright.core.shape.base import Layer, ModelShape, Weight
    from shardwright.engines.vllm.flags import Flags

__all__ = ["extra_bytes", "group_size", "is_packed", "is_quantizable", "workspaces"]

_PACKED_BELOW = 0.9
"""Bytes of an element: less is a packed format of 4 bits or so."""
_HOPPER = (9.0, 10.0)
_WORKSPACES_UNTIL = 11.0
_DEEP_GEMM, _DEEP_GEMM_SINCE = 32 * MIB, (0, 20, 0)
"""DeepGEMM's workspace, once anything may be quantized to fp8 while running, the queries of latent attention included.

Source: vLLM 0.24, layers/quantization/input_quant_fp8.py, utils/deep_gemm.py; 32 MiB more in five starts on H100 and H200.
"""
_LATENT_WORKSPACE, _LATENT_SINCE, _LATENT_UNTIL = 128 * MIB, (0, 16, 0), (0, 25, 0)
"""FlashInfer's buffer for latent attention, made by its module's import, whichever backend is chosen then.

Source: v1/attention/backends/mla/flashinfer_mla.py of 0.16, 0.20, 0.22 and 0.24; gone in 0.25.
"""
_GROUP = 128
_EXPERTS = (Split.EXPERTS, Split.EXPERTS_WHOLE)


def is_quantizable(weight: Weight) -> bool:
    """Whether a projection is one that vLLM quantizes while loading; routers and convolutions are not."""
    name = weight.name.removesuffix(".weight")
    return weight.columns > 1 and not weight.fixed and not name.endswith("gate")


def is_packed(shape: ModelShape) -> bool:
    """Whether a checkpoint's layers hold packed integers or 4-bit floats."""
    kinds = {id(layer): layer for layer in shape.layers}.values()
    return any(_is_packed(weight) for layer in kinds for weight in layer.weights)


def workspaces(shape: ModelShape, flags: Flags) -> tuple[int, ...]:
    """Buffers that libraries allocate when they are imported, which is while the model is built: each counts as weights."""
    if flags.capability is None or flags.capability >= _WORKSPACES_UNTIL:
        return ()
    release = parse_version(flags.version)
    named = (flags.kv_dtype, flags.quantization or "", shape.quantization or "")
    needs_fp8 = shape.latent is not None or any("fp8" in name for name in named)
    has_attention = shape.latent is not None and _LATENT_SINCE <= release < _LATENT_UNTIL
    is_new = release >= _DEEP_GEMM_SINCE and flags.capability >= _HOPPER[0]
    deep_gemm = (_DEEP_GEMM,) if needs_fp8 and is_new else ()
    return (*((_LATENT_WORKSPACE,) if has_attention else ()), *deep_gemm)


def extra_bytes(layer: Layer, shape: ModelShape, layout: Layout, flags: Flags) -> int:
    """Bytes on each rank for one layer; may be negative."""
    return round(
        _latent_copies(layer, shape, layout, flags)
        + _zero_points(layer, shape, layout, flags)
        + _padding(layer, shape, layout, flags)
    )


def _latent_copies(layer: Layer, shape: ModelShape, layout: Layout, flags: Flags) -> float:
    if shape.latent is None:
        return 0.0
    for weight in layer.weights:
        if weight.name.endswith("kv_b_proj.weight"):
            is_quantized = (
                weight.element_bytes or flags.online_element_bytes or flags.element_bytes
            ) < flags.element_bytes
            return up(weight.elements, layout.tensor) * flags.element_bytes if is_quantized else 0.0
    return 0.0


def _zero_points(layer: Layer, shape: ModelShape, layout: Layout, flags: Flags) -> float:
    """int4 projections: the share that repacking adds, and zero points that are made as wide as activations."""
    row: dict[str, float] = facts.table("repacked").get(shape.quantization or "", {})
    packed = [weight for weight in layer.weights if _is_packed(weight) and weight.split not in _EXPERTS]
    if not packed or not row:
        return 0.0
    numbers = sum(rank_elements(weight, tensor=layout.tensor, kv_heads=shape.kv_heads) for weight in packed)
    wider = row["zero_point_bytes"] / group_size(shape) if _is_hopper(flags) else 0.0
    return numbers * (row["share"] / 2 + wider)


def _is_hopper(flags: Flags) -> bool:
    return flags.capability is not None and _HOPPER[0] <= flags.capability < _HOPPER[1]


def _is_packed(weight: Weight) -> bool:
    return not weight.auxiliary and (weight.element_bytes or 2.0) < _PACKED_BELOW


def group_size(shape: ModelShape) -> int:
    """Numbers that share a scale, by the checkpoint's configuration."""
    section = dict(shape.config).get("quantization_config")
    config = cast("dict[str, Any]", section) if isinstance(section, dict) else {}
    group = config.get("group_size") or config.get("q_group_size")
    return group if isinstance(group, int) and group > 0 else _GROUP


def _padding(layer: Layer, shape: ModelShape, layout: Layout, flags: Flags) -> float:
    """MXFP4 experts on sizes that the kernel takes."""
    mixture = shape.mixture
    if mixture is None or "mxfp4" not in (shape.quantization or ""):
        return 0.0
    hidden_step, wide_step = flags.mxfp4_steps
    wide = mixture.intermediate_size if layout.expert else up(mixture.intermediate_size, layout.expert_ranks)
    padded = up(shape.hidden_size, hidden_step) * hidden_step * up(wide, wide_step) * wide_step
    in_values = padded / (shape.hidden_size * wide) - 1
    in_class = up(wide, wide_step) * wide_step / wide - 1
    # On compute capability 9 the kernel's layout pads the values, long after the class made scales and biases.
    in_scales, bias_step = (in_class, 1) if _is_hopper(flags) else (in_values, hidden_step)
    held = sum(
        weight.elements * (weight.element_bytes or 0.0) * (in_scales if weight.auxiliary else in_values)
        for weight in layer.weights
        if weight.split in _EXPERTS and weight.element_bytes is not None
    )
    return held / layout.expert_ranks + _padded_biases(layer, layout, flags, (bias_step, wide_step))


def _padded_biases(layer: Layer, layout: Layout, flags: Flags, steps: tuple[int, int]) -> float:
    """Biases of experts are as long as the padded rows: those of gate and up are divided, that of down is not."""
    extra = 0
    for weight in layer.weights:
        if not weight.name.endswith("proj_bias") or weight.split not in _EXPERTS:
            continue
        is_divided = weight.split is Split.EXPERTS and not layout.expert
        halves, step = (2, steps[1]) if weight.split is Split.EXPERTS else (1, steps[0])
        length = up(weight.columns // halves, layout.expert_ranks if is_divided else 1)
        experts = up(weight.rows, layout.expert_ranks) if layout.expert else weight.rows
        extra += experts * halves * (up(length, step) * step - length)
    return extra * flags.element_bytes
