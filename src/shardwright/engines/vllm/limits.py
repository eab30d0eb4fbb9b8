"""What vLLM refuses: model and layout, quantization, dtype, nodes and executors. Each refusal says the numbers.

Source: vLLM 0.24 and 0.32, config/model.py, config/parallel.py, config/scheduler.py, distributed/utils.py,
engine/arg_utils.py, model_executor/layers; those that vLLM raises only while loading are here as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.plan.types import Refusal
from shardwright.core.plan.version import parse_version
from shardwright.engines.vllm import arguments, facts, flags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.plan.types import Question

__all__ = ["refusals_of"]

_DEVICES = ("cuda", "rocm", "cpu")
_BLOCK = 128
"""Rows and columns of a scale block of fp8 checkpoints."""


def refusals_of(question: Question) -> tuple[Refusal, ...]:
    """Every reason why this layout would not start."""
    return (
        *_heads(question),
        *_widths(question),
        *_experts(question),
        *_pipeline(question),
        *_nodes(question),
        *_device(question),
        *_on_cpu(question),
        *_numbers(question),
        *_quantization(question),
        *_kv_cache(question),
    )


def _heads(question: Question) -> Iterator[Refusal]:
    shape, tensor = question.shape, question.layout.tensor
    if shape.attention_heads % tensor:
        yield Refusal(
            "vllm.attention-heads",
            f"TP{tensor} does not divide the {shape.attention_heads} attention heads of {shape.name}"
            f" (possible: {_divisors(shape.attention_heads)})",
        )
    if shape.latent is None and shape.kv_heads % tensor and tensor % shape.kv_heads:
        yield Refusal(
            "vllm.kv-heads",
            f"TP{tensor} neither divides the {shape.kv_heads} KV heads of {shape.name} nor is a multiple of them",
        )


def _divisors(number: int) -> str:
    return ", ".join(str(size) for size in range(1, min(number, 64) + 1) if number % size == 0)


def _widths(question: Question) -> Iterator[Refusal]:
    shape, tensor = question.shape, question.layout.tensor
    padded = -(-shape.vocabulary_size // 64) * 64
    if padded % tensor:
        yield Refusal("vllm.vocabulary", f"TP{tensor} does not divide the vocabulary, {padded} after padding to 64")
    wide = shape.intermediate_size
    if shape.mixture is not None:
        wide = shape.mixture.intermediate_size
    if wide % tensor:
        yield Refusal(
            "vllm.intermediate-size", f"TP{tensor} does not divide the intermediate size {wide} of {shape.name}"
        )


def _experts(question: Question) -> Iterator[Refusal]:
    shape, tensor = question.shape, question.layout.tensor
    limited: list[str] = facts.table("pipeline")["tensor_at_most_experts"]
    if shape.mixture is not None and tensor > shape.mixture.experts and shape.architecture in limited:
        yield Refusal("vllm.experts", f"TP{tensor} is more than the {shape.mixture.experts} experts of {shape.name}")


def _pipeline(question: Question) -> Iterator[Refusal]:
    layout, shape = question.layout, question.shape
    if layout.pipeline > len(shape.layers) or min(layout.stages) < 1:
        yield Refusal(
            "vllm.empty-stage", f"PP{layout.pipeline} leaves a stage without layers: the model has {len(shape.layers)}"
        )
    unsupported: list[str] = facts.table("pipeline")["unsupported"]
    if layout.pipeline > 1 and shape.architecture in unsupported:
        yield Refusal("vllm.no-pipeline", f"{shape.architecture} does not support pipeline parallelism in vLLM")


def _nodes(question: Question) -> Iterator[Refusal]:
    layout, rules = question.layout, facts.rules_of(question.version)
    if question.recipe.engine.executor == "ray":
        yield Refusal(
            "vllm.executor-ray",
            "engine.executor: ray is not launched in this version; `mp` spans nodes from vLLM 0.11.1",
        )
    if layout.nodes > 1 and not rules.spans_nodes:
        yield Refusal(
            "vllm.nodes-need-0.11.1",
            f"vLLM {question.version} spans nodes only with Ray; its own executor does from 0.11.1 on",
        )
    if layout.world_size % layout.nodes:
        yield Refusal("vllm.nodes", f"{layout.nodes} nodes do not evenly divide {layout.world_size} ranks")


def _device(question: Question) -> Iterator[Refusal]:
    if question.gpu.device not in _DEVICES:
        yield Refusal(
            "vllm.device",
            f"vLLM on {question.gpu.device} is not planned in this version; on {', '.join(_DEVICES)} it is",
        )


def _on_cpu(question: Question) -> Iterator[Refusal]:
    if question.gpu.device != "cpu":
        return
    since = facts.table("cpu")["since"]
    if parse_version(question.version) < parse_version(since):
        yield Refusal("vllm.cpu-version", f"vLLM {question.version} on a CPU is not known; {since} and newer are")
    given = arguments.normalized(question.recipe.engine.args)
    if question.layout.pipeline > 1 and given.get("enforce-eager"):
        yield Refusal(
            "vllm.cpu-eager-pipeline",
            "enforce-eager on a CPU skips the warm-up that pipeline stages need: the first request would end the engine",
        )
    sizes: list[int] = facts.table("cpu")["head_sizes"]
    shape = question.shape
    if shape.latent is None and shape.head_size not in sizes:
        known = ", ".join(str(size) for size in sizes)
        yield Refusal("vllm.cpu-head-size", f"heads of {shape.head_size} are not computed on a CPU; of {known} are")


def _numbers(question: Question) -> Iterator[Refusal]:
    given = arguments.normalized(question.recipe.engine.args)
    tokens, sequences = given.get("max-num-batched-tokens"), given.get("max-num-seqs")
    if tokens and sequences and int(tokens) < int(sequences):
        yield Refusal("vllm.batch-size", f"max-num-batched-tokens {tokens} must be at least max-num-seqs {sequences}")
    if tokens and given.get("enable-chunked-prefill") is False and int(tokens) < question.max_model_len:
        yield Refusal(
            "vllm.batch-size",
            f"without chunked prefill max-num-batched-tokens {tokens} must be at least maxModelLen {question.max_model_len}",
        )
    if all(layer.cache.kind == "none" for layer in question.shape.layers):
        yield Refusal(
            "vllm.no-kv-cache", f"{question.shape.name} keeps no KV cache; such models are not planned in this version"
        )


def _quantization(question: Question) -> Iterator[Refusal]:
    shape, given = question.shape, arguments.normalized(question.recipe.engine.args)
    asked = given.get("quantization")
    online = facts.table("online_quantization")
    lowest: dict[str, float] = facts.table("checkpoint_quantization")
    if asked is not None and shape.quantization is None and asked not in online:
        yield Refusal(
            "vllm.not-quantized",
            f"quantization {asked} needs a checkpoint quantized that way; {shape.name} is not"
            f" (while loading: {', '.join(sorted(online))})",
        )
    if asked is not None and shape.quantization is not None and _plain(asked) != _plain(shape.quantization):
        yield Refusal(
            "vllm.quantization-differs", f"quantization {asked} is not that of the checkpoint, {shape.quantization}"
        )
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
    yield from _blocks(question)


def _plain(method: str) -> str:
    """One name for the kernels of one method: awq, auto_awq and awq_marlin read the same checkpoints."""
    return str(method).removeprefix("auto_").removesuffix("_marlin")


def _blocks(question: Question) -> Iterator[Refusal]:
    """Checkpoints in fp8 with one scale for each block of 128 x 128: ranks must hold whole blocks."""
    shape, tensor = question.shape, question.layout.tensor
    config = dict(shape.config).get("quantization_config")
    block = config.get("weight_block_size") if isinstance(config, dict) else None  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType] - JSON of the checkpoint
    if shape.quantization != "fp8" or block != [_BLOCK, _BLOCK] or parse_version(question.version) >= (0, 32, 0):
        return
    wide = (shape.mixture.intermediate_size if shape.mixture else shape.intermediate_size) // tensor
    if wide % _BLOCK:
        yield Refusal(
            "vllm.fp8-blocks",
            f"TP{tensor} leaves {wide} rows of the intermediate size; fp8 blocks need a multiple of {_BLOCK}",
        )


def _kv_cache(question: Question) -> Iterator[Refusal]:
    kinds = facts.table("kv_cache_dtype")
    asked = str(arguments.normalized(question.recipe.engine.args).get("kv-cache-dtype", "auto"))
    if asked not in kinds:
        yield Refusal("vllm.kv-cache-dtype", f"kv-cache-dtype {asked} is not planned; known are {', '.join(kinds)}")
        return
    needed, has = kinds[asked].get("capability", 0.0), flags.capability(question.gpu)
    if has is not None and has < needed:
        yield Refusal(
            "vllm.kv-cache-dtype",
            f"kv-cache-dtype {asked} needs compute capability {needed}; {question.gpu.name} has {has}",
        )
