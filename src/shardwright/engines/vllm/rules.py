"""What vLLM's own rules warn of in a plan that fits, and what was resolved for it, in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from shardwright.core import memory
from shardwright.core.rules import Finding
from shardwright.engines.vllm import facts
from shardwright.engines.vllm import flags as resolving
from shardwright.units import MIB, format_bytes, format_gib

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.memory import Demand, RankDemand
    from shardwright.core.plan.types import Question
    from shardwright.engines.vllm.facts import Rules
    from shardwright.engines.vllm.flags import Flags

__all__ = ["findings_of", "notes_of"]

_STEP = 256 * MIB
_PROMISED = 0.03
"""How far off a pool may be where its size is promised."""


def findings_of(question: Question, flags: Flags, demand: Demand, *, is_default: bool) -> tuple[Finding, ...]:
    """All warnings of vLLM's rules about one layout."""
    return (
        *_quantized(flags),
        *_remote_code(question),
        *_no_image(question),
        *_half(question, flags),
        *_draft_not_counted(question, flags),
        *_few_requests(question, demand),
        *_smaller_batches(demand, is_default=is_default),
        *_uncertain_pool(demand),
    )


def _quantized(flags: Flags) -> Iterator[Finding]:
    for name in ("quantization", "kv-cache-dtype"):
        value = str(flags.arguments.get(name) or "auto")
        if value not in {"auto", "bfloat16", "float16"}:
            yield Finding(
                f"vllm.{name}",
                "warn",
                "info",
                f"{name}: {value} lowers precision",
                why="answers can differ from those of the unquantized model, and quantizing costs some time itself",
                fix="compare answers on your own prompts before relying on it",
                path=f"engine.args.{name}",
                value=value,
                requirements=("R051",),
            )


def _remote_code(question: Question) -> Iterator[Finding]:
    if question.recipe.model.trust_remote_code:
        yield Finding(
            "vllm.trust-remote-code",
            "warn",
            "warning",
            "code that comes with the model is run in the engine",
            why="whoever can change the repository can run code in the cluster",
            fix="pin model.revision to a commit that was reviewed, or drop model.trustRemoteCode",
            path="model.trustRemoteCode",
            value="true",
            requirements=("R140",),
        )


def _no_image(question: Question) -> Iterator[Finding]:
    """The image of a release is built for CUDA; other devices have images of their own, whose names are not known here."""
    if question.gpu.device in facts.table("images") or question.recipe.engine.image:
        return
    yield Finding(
        "vllm.image-not-known",
        "warn",
        "warning",
        f"no image of vLLM is known for {question.gpu.name} ({question.gpu.device}); the one for CUDA is written",
        why="the engine in it does not find the GPUs",
        fix=f"engine.image: an image of vLLM {question.version} built for {question.gpu.device}",
        path="engine.image",
        value=question.gpu.device,
    )


def _half(question: Question, flags: Flags) -> Iterator[Finding]:
    if flags.dtype == "float16" and question.shape.dtype == "bfloat16" and question.recipe.model.dtype is None:
        yield Finding(
            "vllm.dtype-lowered",
            "warn",
            "warning",
            f"{question.gpu.name} has no bfloat16 (compute capability {question.gpu.compute_capability}): float16 is used",
            why="float16 has a smaller range than the checkpoint's bfloat16; few models overflow",
            fix="set model.dtype: float16 to say that it is meant, or use a GPU of compute capability 8.0 or more",
            path="model.dtype",
            requirements=("R053",),
        )


def _draft_not_counted(question: Question, flags: Flags) -> Iterator[Finding]:
    """A draft whose shape nobody read takes memory that stands in no term."""
    draft = question.recipe.model.draft
    if draft is None or flags.speculation:
        return
    yield Finding(
        "vllm.draft-not-counted",
        "warn",
        "warning",
        f"the memory of the draft model {draft.source} is not counted: its shape was not read",
        why="its weights and cache come out of the same budget, on the ranks of the last stage",
        fix="name a draft whose config.json can be read, or leave room with gpu-memory-utilization",
        path="model.draft.source",
        value=draft.source,
    )


def _few_requests(question: Question, demand: Demand) -> Iterator[Finding]:
    sequences = int(dict(demand.settings)["max-num-seqs"])
    wanted = question.recipe.workload.concurrency
    if wanted > sequences:
        yield Finding(
            "vllm.max-num-seqs",
            "warn",
            "warning",
            f"at most {sequences} requests run at once; {wanted} are asked for",
            why="the others wait",
            fix=f"engine.args: {{max-num-seqs: {wanted}}}, which takes more memory for sampling",
            path="workload.concurrency",
            value=str(wanted),
        )


def _smaller_batches(demand: Demand, *, is_default: bool) -> Iterator[Finding]:
    if is_default:
        return
    settings = dict(demand.settings)
    yield Finding(
        "vllm.smaller-batches",
        "warn",
        "info",
        f"max-num-batched-tokens {settings['max-num-batched-tokens']} and max-num-seqs {settings['max-num-seqs']} are smaller"
        " than vLLM's defaults for this GPU",
        why="with the defaults activations and sampling would leave no room for one request",
        fix="more memory or a shorter context allow the defaults",
        path="engine.args",
    )


def _uncertain_pool(demand: Demand) -> Iterator[Finding]:
    """Small pools: an absolute error of some hundred MiB is many per cent there."""
    pool = memory.pool_of(demand)
    if not pool.tokens or pool.tokens_high - pool.tokens <= _PROMISED * pool.tokens:
        return
    rank = demand.ranks[pool.smallest_rank]
    percent = 100 * rank.uncertainty_bytes / max(rank.left_bytes, 1)
    exact = _sure_bytes(demand, rank)
    if not exact:
        return
    yield Finding(
        "vllm.pool-uncertain",
        "warn",
        "info",
        f"the pool of {format_gib(rank.left_bytes)} GiB is known within {percent:.0f} %",
        why="what vLLM measures at its start differs by some hundred MiB between GPUs, drivers and versions",
        fix=f"engine.args: {{kv-cache-memory-bytes: {exact}}} fixes it ({format_bytes(exact)} on every rank)",
        path="engine.args.kv-cache-memory-bytes",
    )


def _sure_bytes(demand: Demand, rank: RankDemand) -> int:
    """A round size that is surely there and holds one request; 0 where there is none."""
    sure = max(rank.left_bytes - rank.uncertainty_bytes, 0)
    needed = (math.ceil(demand.request_blocks) + demand.spare_blocks) * rank.block_bytes
    rounded = sure // _STEP * _STEP or sure
    return rounded if rounded >= needed else sure if sure >= needed else 0


def notes_of(question: Question, known: Rules, demand: Demand) -> tuple[str, ...]:
    """What was resolved, for the reasons of a plan."""
    settings = dict(demand.settings)
    first = (
        f"vLLM starts with max-num-batched-tokens {settings['max-num-batched-tokens']} and max-num-seqs"
        f" {settings['max-num-seqs']}; both are written out, because its defaults depend on the device it sees."
    )
    notes = [first]
    utilization = settings["gpu-memory-utilization"]
    asked = resolving.base_flags(question, known).arguments.get("gpu-memory-utilization")
    if asked is None and utilization != known.utilization:
        notes.append(
            f"gpu-memory-utilization {utilization} instead of the default {known.utilization}: CUDA graphs, sampling state and the"
            f" CUDA context come on top of the budget and have to fit beside it."
        )
    elif any(term.name == "graphs" and not term.counted for term in demand.ranks[0].terms):
        notes.append(
            f"CUDA graphs come on top of the budget with the {demand.runner.upper()} runner of {known.version}."
        )
    return tuple(notes)
