"""What vLLM refuses of quantized checkpoints, of quantizing while loading, and of quantized caches.

Source: vLLM 0.24 and 0.32, model_executor/layers/quantization (fp8_utils.py, auto_awq.py, auto_gptq.py, marlin_utils.py, modelopt.py),
distributed/utils.py, config/vllm.py, fused_moe/oracle/fp8.py; methods by version: QuantizationMethods of every version read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from shardwright.core.plan import common_limits
from shardwright.core.plan.types import Refusal
from shardwright.core.plan.version import parse_version
from shardwright.engines.vllm import arguments, facts, flags, repacking
from shardwright.engines.vllm.stage import up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.plan.types import Question
    from shardwright.core.shape.base import ModelShape

__all__ = ["cache_refusals", "quantization_refusals"]

_REFINED_SINCE = (0, 32, 0)
"""From here on scale blocks of experts are refined or padded to fit."""
_NVFP4_INPUT = 16


def quantization_refusals(question: Question) -> Iterator[Refusal]:
    """Method, version, device, dtype, and widths that do not hold whole blocks or groups."""
    yield from common_limits.quantization(
        "vllm", question.shape, _asked(question), facts.table("online_quantization"), _plain
    )
    yield from _versions(question)
    yield from _device(question)
    yield from _blocks(question)
    yield from _groups(question)


def _asked(question: Question) -> str | None:
    return arguments.normalized(question.recipe.engine.args).get("quantization")


def _plain(method: str) -> str:
    """One name for the kernels of one method: awq, auto_awq and awq_marlin read the same checkpoints."""
    return str(method).removeprefix("auto_").removesuffix("_marlin").removeprefix("gpt_oss_")


def _versions(question: Question) -> Iterator[Refusal]:
    """Methods that came later, or are gone."""
    method, version = str(question.shape.quantization or _asked(question) or ""), parse_version(question.version)
    online = facts.table("online_quantization") if question.shape.quantization is None else {}
    row: dict[str, Any] = {**facts.table("quantization_versions").get(method, {}), **online.get(method, {})}
    if "since" in row and version < parse_version(row["since"]):
        yield Refusal(
            "vllm.quantization-version",
            f"quantization {method} exists from vLLM {row['since']} on; planned is {question.version}",
        )
    if "until" in row and version >= parse_version(row["until"]):
        yield Refusal(
            "vllm.quantization-version",
            f"quantization {method} is gone from vLLM {row['until']} on; planned is {question.version}",
        )


def _device(question: Question) -> Iterator[Refusal]:
    shape, asked, online = question.shape, _asked(question), facts.table("online_quantization")
    lowest: dict[str, float] = facts.table("checkpoint_quantization")
    method = str(shape.quantization or asked or "")
    needed = max(lowest.get(method, 0.0), online.get(method, {}).get("capability", 0.0) if asked else 0.0)
    has = flags.capability(question.gpu)
    if has is not None and has < needed:
        yield Refusal(
            "vllm.quantization-capability",
            f"quantization {method} needs compute capability {needed}; {question.gpu.name} has {has}",
        )
    if question.recipe.model.dtype == "bfloat16" and not flags.has_bfloat16(question.gpu):
        yield Refusal(
            "vllm.bfloat16",
            f"bfloat16 needs compute capability 8.0; {question.gpu.name} has {has}: model.dtype: float16, or leave it out",
        )


def _config(shape: ModelShape) -> dict[str, Any]:
    section = dict(shape.config).get("quantization_config")
    return cast("dict[str, Any]", section) if isinstance(section, dict) else {}


def _blocks(question: Question) -> Iterator[Refusal]:
    """Checkpoints in fp8 with one scale for each block: ranks must hold whole blocks."""
    shape = question.shape
    block: Any = _config(shape).get("weight_block_size")
    if shape.quantization != "fp8" or not isinstance(block, list) or not block:
        return
    size = int(cast("list[int]", block)[-1])
    for what, wide, is_expert in _block_widths(question):
        is_refined = is_expert and parse_version(question.version) >= _REFINED_SINCE
        if wide % size and not is_refined:
            yield Refusal(
                "vllm.fp8-blocks",
                f"{question.layout} leaves a rank {wide} of the {what}; fp8 blocks need a multiple of {size}",
            )


def _block_widths(question: Question) -> Iterator[tuple[str, int, bool]]:
    """What a rank holds of each divided width; whole widths may end in part of a block, those of experts may not."""
    shape, layout, tensor = question.shape, question.layout, question.layout.tensor
    if shape.mixture is not None:
        ranks = 1 if layout.expert else layout.expert_ranks
        yield "experts' intermediate size", up(shape.mixture.intermediate_size, ranks), True
    if tensor == 1:
        return
    if shape.mixture is None or _has_dense_layers(shape):
        yield "intermediate size", up(shape.intermediate_size, tensor), False
    if shape.latent is None:
        yield "query heads", shape.attention_heads * shape.head_size // tensor, False
        yield "KV heads", max(1, shape.kv_heads // tensor) * shape.head_size, False
    else:
        yield "value heads", shape.attention_heads * shape.latent.value_size // tensor, False


def _has_dense_layers(shape: ModelShape) -> bool:
    kinds = {id(layer): layer for layer in shape.layers}.values()
    return any(not any("{expert}" in weight.name for weight in layer.weights) for layer in kinds)


def _groups(question: Question) -> Iterator[Refusal]:
    """int4 in groups, and NVFP4: what is divided over ranks must leave whole groups."""
    shape = question.shape
    size, rule = _group_size(shape)
    if not size or question.layout.tensor * question.layout.data == 1:
        return
    for what, wide, _ in _block_widths(question):
        if what != "KV heads" and wide % size:
            yield Refusal(
                rule, f"{question.layout} leaves a rank {wide} of the {what}; groups of the quantization hold {size}"
            )


def _group_size(shape: ModelShape) -> tuple[int, str]:
    """Numbers in a group, and the rule; 0 where there are no groups."""
    if shape.quantization == "modelopt_fp4":
        return _NVFP4_INPUT, "vllm.nvfp4-groups"
    if not repacking.is_packed(shape) or shape.quantization in {"mxfp4", "gpt_oss_mxfp4", "bitsandbytes"}:
        return 0, ""
    group = repacking.group_size(shape)
    return (group, "vllm.quantization-groups") if group > 0 else (0, "")


def cache_refusals(question: Question) -> Iterator[Refusal]:
    """A type of cache that is not planned, or that the device's attention kernels do not take."""
    kinds = facts.table("kv_cache_dtype")
    asked = flags.kv_dtype_of(question)
    if asked not in kinds:
        yield Refusal("vllm.kv-cache-dtype", f"kv-cache-dtype {asked} is not planned; known are {', '.join(kinds)}")
        return
    needed, has = kinds[asked].get("capability", 0.0), flags.capability(question.gpu)
    if has is not None and has < needed:
        yield Refusal(
            "vllm.kv-cache-dtype",
            f"kv-cache-dtype {asked} needs compute capability {needed}; {question.gpu.name} has {has}",
        )
