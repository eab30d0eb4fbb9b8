"""What SGLang refuses: model and layout, copies, nodes, quantization, pages. Each refusal says the numbers.

Source: SGLang 0.5.1 to 0.5.23, server_args.py check_server_args, arg_groups/{parallel,validation}_hook.py, models,
model_executor/model_runner_components/moe_ep_setup.py, distributed/bootstrap.py; those that it raises only while loading are
here as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.plan import common_limits
from shardwright.core.plan.types import Refusal
from shardwright.core.plan.version import parse_version
from shardwright.engines.sglang import facts, flags, lora, quantization
from shardwright.units import format_gib

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.plan.types import Question
    from shardwright.engines.sglang.flags import Flags

__all__ = ["refusals_of"]

_DEVICES = ("cuda", "rocm")
_UNBALANCED = 0.9
"""Free memory of a rank against that of the one with the most."""


def refusals_of(question: Question) -> tuple[Refusal, ...]:
    """Every reason why this layout would not start."""
    resolved = flags.resolved_flags(question, facts.rules_of(question.version))
    return (
        *_device(question),
        *common_limits.heads("sglang", question),
        *_widths(question, resolved),
        *_experts(question, resolved),
        *_pipeline(question, resolved),
        *_nodes(question, resolved),
        *_balance(question, resolved),
        *_numbers(question, resolved),
        *quantization.refusals_of(question, resolved),
        *lora.refusals_of(question, resolved),
        *_draft(question),
    )


def _device(question: Question) -> Iterator[Refusal]:
    device = question.gpu.device
    if device == "cpu":
        yield Refusal(
            "sglang.cpu", "SGLang is not run on a CPU here: plan it for GPUs, or use engine.name: vllm for a rehearsal"
        )
    elif device not in _DEVICES:
        yield Refusal(
            "sglang.device", f"SGLang on {device} is not planned in this version; on {', '.join(_DEVICES)} it is"
        )


def _widths(question: Question, resolved: Flags) -> Iterator[Refusal]:
    shape, tensor = question.shape, resolved.tensor
    padded = -(-shape.vocabulary_size // 64) * 64
    if padded % tensor:
        yield Refusal("sglang.vocabulary", f"TP{tensor} does not divide the vocabulary, {padded} after padding to 64")
    if shape.mixture is None and shape.intermediate_size % tensor:
        yield Refusal(
            "sglang.intermediate-size",
            f"TP{tensor} does not divide the intermediate size {shape.intermediate_size} of {shape.name}",
        )


def _experts(question: Question, resolved: Flags) -> Iterator[Refusal]:
    mixture, tensor = question.shape.mixture, resolved.tensor
    if mixture is None:
        return
    if question.layout.expert and mixture.experts % tensor:
        yield Refusal(
            "sglang.experts",
            f"the {mixture.experts} experts of {question.shape.name} cannot be dealt out evenly over {tensor} ranks"
            f" (possible: {common_limits.divisors(mixture.experts)})",
        )
    if not question.layout.expert and mixture.intermediate_size % tensor:
        yield Refusal(
            "sglang.intermediate-size",
            f"TP{tensor} does not divide the intermediate size {mixture.intermediate_size} of an expert of"
            f" {question.shape.name}; parallelism.expert: true deals out whole experts",
        )


def _pipeline(question: Question, resolved: Flags) -> Iterator[Refusal]:
    layout, shape = question.layout, question.shape
    if layout.pipeline > len(shape.layers) or min(layout.stages) < 1:
        yield Refusal(
            "sglang.empty-stage",
            f"PP{layout.pipeline} leaves a stage without layers: the model has {len(shape.layers)}",
        )
    algorithm = resolved.arguments.get("speculative-algorithm")
    if layout.pipeline > 1 and algorithm:
        yield Refusal(
            "sglang.pipeline-speculation",
            f"PP{layout.pipeline} with speculative-algorithm {algorithm}: SGLang speculates on one stage only",
        )


def _nodes(question: Question, resolved: Flags) -> Iterator[Refusal]:
    layout = question.layout
    if question.recipe.engine.executor == "ray":
        yield Refusal("sglang.executor-ray", "engine.executor: ray is not known to SGLang's own launcher; mp is")
    ranks = resolved.tensor * layout.pipeline
    if ranks % layout.nodes and resolved.data_mode != "replicas":
        yield Refusal(
            "sglang.nodes",
            f"{layout.nodes} nodes do not evenly divide TP{resolved.tensor} x PP{layout.pipeline}, {ranks} ranks",
        )
    if resolved.data_mode == "replicas" and layout.nodes > 1:
        yield Refusal(
            "sglang.copies-over-nodes",
            f"DP{layout.data} on {layout.nodes} nodes: SGLang keeps copies of a model on one node; `replicas: {layout.data}`"
            " serves as many, or engine.args: {enable-dp-attention: true} shares the other layers",
        )


def _draft(question: Question) -> Iterator[Refusal]:
    draft = question.recipe.model.draft
    if draft is not None:
        yield Refusal(
            "sglang.draft-not-planned",
            f"model.draft: {draft.source}: memory of a draft is not counted for SGLang in this version; leave it out, or use vLLM",
        )


def _balance(question: Question, resolved: Flags) -> Iterator[Refusal]:
    """Ranks whose free memory differs by more than a tenth; a check that SGLang makes with tensor parallelism."""
    sizes = [gpu.memory_bytes for gpu in question.gpus]
    if question.recipe.engine.env.get("SGLANG_ENABLE_TP_MEMORY_INBALANCE_CHECK") in ("0", "false"):
        return
    if resolved.tensor > 1 and min(sizes) < _UNBALANCED * max(sizes):
        yield Refusal(
            "sglang.unbalanced-memory",
            f"GPUs of {format_gib(min(sizes))} and {format_gib(max(sizes))} GiB in one group: SGLang refuses more than 10 %"
            " difference with tensor parallelism",
        )


def _numbers(question: Question, resolved: Flags) -> Iterator[Refusal]:
    shape, page = question.shape, resolved.page_tokens
    chunk = int(resolved.arguments.get("chunked-prefill-size") or 0)
    if chunk > 0 and chunk % page:
        yield Refusal(
            "sglang.page-size", f"chunked-prefill-size {chunk} must be divisible by the {page} tokens of a page"
        )
    if all(layer.cache.kind == "none" for layer in shape.layers):
        yield Refusal(
            "sglang.no-kv-cache",
            f"none of the {len(shape.layers)} layers of {shape.name} keeps a KV cache; such models are not planned",
        )
    kinds = facts.table("kv_cache_dtype")
    if resolved.kv_dtype not in kinds:
        yield Refusal(
            "sglang.kv-cache-dtype", f"kv-cache-dtype {resolved.kv_dtype} is not planned; known are {', '.join(kinds)}"
        )
        return
    known, has = kinds[resolved.kv_dtype], flags.capability(question.gpu)
    if has is not None and has < known.get("capability", 0.0):
        yield Refusal(
            "sglang.kv-cache-dtype",
            f"kv-cache-dtype {resolved.kv_dtype} needs compute capability {known['capability']}; {question.gpu.name} has {has}",
        )
    if "since" in known and parse_version(question.version) < parse_version(known["since"]):
        yield Refusal(
            "sglang.kv-cache-dtype",
            f"kv-cache-dtype {resolved.kv_dtype} is known from SGLang {known['since']} on; this is {question.version}",
        )
