"""What vLLM refuses of adapters, drafts and copies: LoRA, speculation, data and expert parallelism.

Source: vLLM 0.10 to 0.32, config/lora.py, lora/layers/fused_moe.py, config/speculative.py, v1/spec_decode/draft_model.py,
config/model.py verify_with_parallel_config, config/parallel.py, engine/arg_utils.py, fused_moe/config.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.plan.types import Refusal
from shardwright.core.plan.version import parse_version
from shardwright.engines.vllm import arguments, drafting, facts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.plan.types import Question

__all__ = ["feature_refusals"]


def feature_refusals(question: Question) -> Iterator[Refusal]:
    """All of them."""
    yield from _copies(question)
    yield from _whole_experts(question)
    yield from _context_parallel(question)
    yield from _adapters(question)
    yield from _draft(question)


def _copies(question: Question) -> Iterator[Refusal]:
    """Data parallel: a copy fills nodes, or nodes hold whole copies."""
    layout = question.layout
    if layout.data == 1:
        return
    copy = layout.tensor * layout.pipeline
    if layout.nodes > 1 and copy % layout.gpus_per_node and layout.gpus_per_node % copy:
        yield Refusal(
            "vllm.data-parallel-nodes",
            f"{layout}: a copy takes {copy} GPUs, a node has {layout.gpus_per_node};"
            " a node must hold whole copies, or a copy whole nodes",
        )
    if question.gpu.device == "cpu":
        yield Refusal(
            "vllm.cpu-data-parallel",
            f"DP{layout.data} on a CPU: copies hand tokens to each other's experts, which vLLM's CPU communicator cannot"
            f" (it has no all_gatherv); `replicas: {layout.data}` serves as many copies",
        )


def _whole_experts(question: Question) -> Iterator[Refusal]:
    layout, mixture = question.layout, question.shape.mixture
    if not layout.expert:
        return
    if mixture is None:
        yield Refusal(
            "vllm.expert-parallel",
            f"{question.shape.name} has no experts; parallelism.expert needs a mixture of experts",
        )
    elif layout.expert_ranks > mixture.experts:
        yield Refusal(
            "vllm.expert-ranks",
            f"{layout.expert_ranks} ranks would share {mixture.experts} experts: some would hold none",
        )


def _context_parallel(question: Question) -> Iterator[Refusal]:
    given = arguments.normalized(question.recipe.engine.args)
    for name in ("decode-context-parallel-size", "prefill-context-parallel-size"):
        if int(given.get(name) or 1) > 1:
            yield Refusal(
                "vllm.context-parallel", f"{name}: {given[name]} is not planned in this version; leave it out"
            )


def _adapters(question: Question) -> Iterator[Refusal]:
    if not question.recipe.model.lora_slots:
        return
    known, version = facts.table("lora"), parse_version(question.version)
    rank = int(arguments.normalized(question.recipe.engine.args).get("max-lora-rank") or known["default_rank"])
    if rank not in known["ranks"]:
        allowed = ", ".join(str(size) for size in known["ranks"])
        yield Refusal("vllm.lora-rank", f"max-lora-rank {rank} is none that vLLM takes: {allowed}")
    first, last = (parse_version(text) for text in known["experts_refused"])
    if question.layout.expert and first <= version < last:
        yield Refusal(
            "vllm.lora-experts",
            f"vLLM {question.version} has no adapters of experts with expert parallelism; {known['experts_refused'][1]} has",
        )


def _draft(question: Question) -> Iterator[Refusal]:
    if question.recipe.model.draft is None:
        return
    if "speculative-config" in arguments.normalized(question.recipe.engine.args):
        yield Refusal(
            "vllm.two-drafts", "engine.args.speculative-config and model.draft both ask for speculation: keep one"
        )
    method = drafting.config_of(question.recipe, question.layout.tensor)["method"]
    known = facts.table("speculation")
    if parse_version(question.version) < parse_version(known[method]):
        yield Refusal("vllm.draft-version", f"speculation by {method} exists from vLLM {known[method]} on")
    if method == "mtp" and not question.shape.draft_layers:
        yield Refusal(
            "vllm.no-draft-layers",
            f"model.draft names the model itself, but {question.shape.name} has no layers that guess further tokens",
        )
    if method == "draft_model":
        yield from _draft_model(question)


def _draft_model(question: Question) -> Iterator[Refusal]:
    """A draft of its own: as many words, heads that divide, and before a version no stages."""
    draft, layout, since = question.draft, question.layout, facts.table("speculation")["draft_stages"]
    if layout.pipeline > 1 and parse_version(question.version) < parse_version(since):
        yield Refusal(
            "vllm.draft-stages",
            f"before vLLM {since} a draft model is split over the stages as well; PP{layout.pipeline} loads part of it",
        )
    if draft is None:
        return
    if draft.vocabulary_size != question.shape.vocabulary_size:
        yield Refusal(
            "vllm.draft-vocabulary",
            f"the draft has {draft.vocabulary_size} words, {question.shape.name} {question.shape.vocabulary_size}; they must agree",
        )
    if draft.attention_heads % layout.tensor:
        yield Refusal(
            "vllm.draft-heads",
            f"TP{layout.tensor} does not divide the {draft.attention_heads} attention heads of the draft",
        )
