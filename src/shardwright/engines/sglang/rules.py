"""What SGLang's own rules warn of in a plan that fits, and what was resolved for it, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core import engine_images, memory
from shardwright.core.rules import Finding, engine_findings
from shardwright.engines.sglang import cache, facts, fraction
from shardwright.units import format_gib

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.memory import Demand
    from shardwright.core.plan.types import Question
    from shardwright.engines.sglang.flags import Flags

__all__ = ["findings_of", "notes_of"]

_ENGINE = "sglang"


def findings_of(question: Question, flags: Flags, demand: Demand, *, is_default: bool) -> tuple[Finding, ...]:
    """All warnings of SGLang's rules about one layout."""
    return (
        *engine_findings.lowered_precision(_ENGINE, flags.arguments),
        *engine_findings.remote_code(_ENGINE, question),
        *engine_findings.no_image(_ENGINE, "SGLang", question, _image(question)),
        *engine_findings.lowered_dtype(_ENGINE, question, flags.dtype),
        *_draft_not_counted(flags),
        *_larger_fraction(demand, is_default=is_default),
        *_uncertain_pool(demand),
    )


def _image(question: Question) -> str:
    return engine_images.image_of(facts.table("images"), question.gpu, question.version)


def _draft_not_counted(flags: Flags) -> Iterator[Finding]:
    """Speculation by the engine's own flags, but for that without a model."""
    algorithm = str(flags.arguments.get("speculative-algorithm") or "")
    if algorithm and algorithm.upper() != "NGRAM":
        yield Finding(
            "sglang.draft-not-counted",
            "warn",
            "warning",
            f"the memory of the draft for speculative-algorithm {algorithm} is not counted",
            why="its weights and cache come out of the same fraction",
            fix="leave room with mem-fraction-static or max-total-tokens",
            path="engine.args.speculative-algorithm",
            value=algorithm,
        )


def _larger_fraction(demand: Demand, *, is_default: bool) -> Iterator[Finding]:
    if is_default:
        return
    settings = dict(demand.settings)
    free = min(rank.free_bytes for rank in memory.settle(demand, memory.pool_of(demand).blocks))
    yield Finding(
        "sglang.larger-fraction",
        "warn",
        "warning",
        f"mem-fraction-static {settings['mem-fraction-static']} with chunked-prefill-size {settings['chunked-prefill-size']}"
        " is larger than what SGLang would choose for this GPU",
        why=f"with its own choice no request fits; by estimate {format_gib(free)} GiB stay free beside activations and graphs",
        fix="more memory or a shorter context allow SGLang's own choice",
        path="engine.args.mem-fraction-static",
    )


def _uncertain_pool(demand: Demand) -> Iterator[Finding]:
    return engine_findings.uncertain_pool(
        _ENGINE,
        demand,
        why="free memory at the start and what loading leaves behind differ by some hundred MiB between GPUs and drivers",
        fix=f"engine.args: {{max-total-tokens: {memory.pool_of(demand).tokens_low}}} fixes it",
        flag="max-total-tokens",
    )


def notes_of(question: Question, flags: Flags, demand: Demand) -> tuple[str, ...]:
    """What was resolved, for the reasons of a plan."""
    settings = dict(demand.settings)
    asked = flags.arguments.get("mem-fraction-static")
    chosen = "as asked" if asked else f"for a device of {fraction.driver_mib(question.gpu):.0f} MiB"
    first = (
        f"SGLang starts with mem-fraction-static {settings['mem-fraction-static']} ({chosen}) and chunked-prefill-size"
        f" {settings['chunked-prefill-size']}; both are written out, because its defaults depend on the device it sees."
    )
    notes = [first]
    if flags.data_mode == "attention":
        notes.append(
            f"DP{question.layout.data} shares all layers but attention: SGLang's tp is {flags.tensor}; the tokens are those of one copy."
        )
    if cache.has_window_pool(question, flags):
        notes.append(f"Layers with a sliding window keep {cache.window_ratio(flags)} as many tokens as the others.")
    if flags.page_tokens > 1:
        notes.append(f"Pages hold {flags.page_tokens} tokens, as the attention kernels ask for.")
    return tuple(notes)
