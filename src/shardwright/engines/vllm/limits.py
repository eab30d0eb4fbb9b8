"""What vLLM refuses: model and layout, quantization, dtype, nodes and executors. Each refusal says the numbers.

Source: vLLM 0.24 and 0.32, config/model.py, config/parallel.py, config/scheduler.py, distributed/utils.py,
engine/arg_utils.py, model_executor/layers; those that vLLM raises only while loading are here as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright import registry
from shardwright.core.plan import common_limits
from shardwright.core.plan.types import Refusal
from shardwright.core.plan.version import parse_version
from shardwright.engines.vllm import arguments, facts, limits_features, limits_quantization
from shardwright.engines.vllm.stage import shared_ranks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.plan.types import Question

__all__ = ["refusals_of"]

_DEVICES = ("cuda", "rocm", "xpu", "hpu", "cpu")


def refusals_of(question: Question) -> tuple[Refusal, ...]:
    """Every reason why this layout would not start."""
    return (
        *common_limits.heads("vllm", question),
        *_widths(question),
        *_experts(question),
        *_pipeline(question),
        *_nodes(question),
        *_device(question),
        *_on_cpu(question),
        *_numbers(question),
        *limits_features.feature_refusals(question),
        *limits_quantization.quantization_refusals(question),
        *limits_quantization.cache_refusals(question),
    )


def _widths(question: Question) -> Iterator[Refusal]:
    shape, tensor = question.shape, question.layout.tensor
    padded = -(-shape.vocabulary_size // 64) * 64
    if padded % tensor:
        yield Refusal("vllm.vocabulary", f"TP{tensor} does not divide the vocabulary, {padded} after padding to 64")
    for what, wide, ranks in _divided(question):
        if wide % ranks:
            by = f"TP{tensor}" if ranks == tensor else f"TP{tensor} x DP{question.layout.data}"
            yield Refusal("vllm.intermediate-size", f"{by} does not divide the {what} {wide} of {shape.name}")


def _divided(question: Question) -> Iterator[tuple[str, int, int]]:
    """Widths of perceptrons, and over how many ranks each is divided: experts over TP x DP, unless they are dealt out whole."""
    shape, layout = question.shape, question.layout
    mixture = shape.mixture
    if mixture is None:
        yield "intermediate size", shape.intermediate_size, layout.tensor
        return
    if not layout.expert:
        yield "experts' intermediate size", mixture.intermediate_size, layout.expert_ranks
    yield "shared experts' intermediate size", mixture.shared_intermediate_size, shared_ranks(shape, layout)


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
    unsupported: dict[str, dict[str, str]] = facts.table("pipeline")["unsupported"]
    row = unsupported.get(shape.architecture)
    if layout.pipeline > 1 and row is not None and facts.holds_in(question.version, row):
        yield Refusal(
            "vllm.no-pipeline", f"{shape.architecture} does not support pipeline parallelism in vLLM {question.version}"
        )


def _nodes(question: Question) -> Iterator[Refusal]:
    layout, rules = question.layout, facts.rules_of(question.version)
    with_ray = question.recipe.engine.executor == "ray" and layout.world_size > 1
    if with_ray:
        yield from _ray(question)
    elif layout.nodes > 1 and not rules.spans_nodes:
        yield Refusal(
            "vllm.nodes-need-0.11.1",
            f"vLLM {question.version} spans nodes only with Ray (engine.executor: ray); its own executor does from 0.11.1 on",
        )
    if layout.world_size % layout.nodes:
        yield Refusal("vllm.nodes", f"{layout.nodes} nodes do not evenly divide {layout.world_size} ranks")


def _ray(question: Question) -> Iterator[Refusal]:
    last: str = facts.table("ray")["last_in_images"]
    if not _has_own_image(question) and parse_version(question.version) >= parse_version(
        facts.table("ray")["first_without"]
    ):
        yield Refusal(
            "vllm.ray-image",
            f"images of vLLM {question.version} carry no Ray, those up to {last} do: use executor: mp, or name an image"
            " with Ray in engine.image",
        )
    if question.gpu.device == "hpu":
        yield Refusal(
            "vllm.ray-device",
            "Ray is started here with a number of GPUs; vLLM asks it for devices called HPU: use executor: mp",
        )
    if question.layout.data > 1:
        yield Refusal("vllm.ray-data", "data parallel copies are not launched with Ray; executor: mp has them")


def _has_own_image(question: Question) -> bool:
    """Whether another image than vLLM's is used, which may have Ray: the recipe's, or that of the platform."""
    recipe = question.recipe
    return recipe.engine.image is not None or registry.own_engine(recipe) == question.version


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
    if all(layer.cache.kind == "none" and layer.state is None for layer in question.shape.layers):
        yield Refusal(
            "vllm.no-kv-cache", f"{question.shape.name} keeps no KV cache; such models are not planned in this version"
        )
