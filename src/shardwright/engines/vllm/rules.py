"""What vLLM's own rules warn of in a plan that fits, and what was resolved for it, in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from shardwright.core import engine_images, memory
from shardwright.core.rules import Finding, engine_findings
from shardwright.engines.vllm import facts
from shardwright.engines.vllm import flags as resolving
from shardwright.units import MIB, format_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.memory import Demand, RankDemand
    from shardwright.core.plan.types import Question
    from shardwright.engines.vllm.facts import Rules
    from shardwright.engines.vllm.flags import Flags

__all__ = ["findings_of", "notes_of"]

_STEP = 256 * MIB
_ENGINE = "vllm"


def findings_of(question: Question, flags: Flags, demand: Demand, *, is_default: bool) -> tuple[Finding, ...]:
    """All warnings of vLLM's rules about one layout."""
    return (
        *engine_findings.lowered_precision(_ENGINE, flags.arguments),
        *engine_findings.remote_code(_ENGINE, question),
        *engine_findings.no_image(_ENGINE, "vLLM", question, _image(question)),
        *engine_findings.lowered_dtype(_ENGINE, question, flags.dtype),
        *_draft_not_counted(question, flags),
        *_few_requests(question, demand),
        *_smaller_batches(demand, is_default=is_default),
        *_uncertain_pool(demand),
    )


def _image(question: Question) -> str:
    return engine_images.image_of(facts.table("images"), question.gpu, question.version)


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
    exact = _sure_bytes(demand, demand.ranks[memory.pool_of(demand).smallest_rank])
    if exact:
        yield from engine_findings.uncertain_pool(
            _ENGINE,
            demand,
            why="what vLLM measures at its start differs by some hundred MiB between GPUs, drivers and versions",
            fix=f"engine.args: {{kv-cache-memory-bytes: {exact}}} fixes it ({format_bytes(exact)} on every rank)",
            flag="kv-cache-memory-bytes",
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
