"""What SGLang's own rules warn of in a plan that fits, and what was resolved for it, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core import memory
from shardwright.core.rules import Finding
from shardwright.engines.sglang import cache, facts, fraction
from shardwright.units import format_gib

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.memory import Demand
    from shardwright.core.plan.types import Question
    from shardwright.engines.sglang.flags import Flags

__all__ = ["findings_of", "notes_of"]

_PROMISED = 0.03
"""How far off a pool may be where its size is promised."""


def findings_of(question: Question, flags: Flags, demand: Demand, *, is_default: bool) -> tuple[Finding, ...]:
    """All warnings of SGLang's rules about one layout."""
    return (
        *_quantized(flags),
        *_remote_code(question),
        *_no_image(question),
        *_half(question, flags),
        *_draft_not_counted(flags),
        *_larger_fraction(demand, is_default=is_default),
        *_uncertain_pool(demand),
    )


def _quantized(flags: Flags) -> Iterator[Finding]:
    for name in ("quantization", "kv-cache-dtype"):
        value = str(flags.arguments.get(name) or "auto")
        if value not in {"auto", "bfloat16", "bf16"}:
            yield Finding(
                f"sglang.{name}",
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
            "sglang.trust-remote-code",
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
    """Images for ROCm are built per chip; their names are not known here."""
    if question.gpu.device in facts.table("images") or question.recipe.engine.image:
        return
    yield Finding(
        "sglang.image-not-known",
        "warn",
        "warning",
        f"no image of SGLang is known for {question.gpu.name} ({question.gpu.device}); the one for CUDA is written",
        why="the engine in it does not find the GPUs",
        fix=f"engine.image: an image of SGLang {question.version} built for {question.gpu.device}",
        path="engine.image",
        value=question.gpu.device,
    )


def _half(question: Question, flags: Flags) -> Iterator[Finding]:
    if flags.dtype == "float16" and question.shape.dtype == "bfloat16" and question.recipe.model.dtype is None:
        yield Finding(
            "sglang.dtype-lowered",
            "warn",
            "warning",
            f"{question.gpu.name} has no bfloat16 (compute capability {question.gpu.compute_capability}): float16 is used",
            why="float16 has a smaller range than the checkpoint's bfloat16; few models overflow",
            fix="set model.dtype: float16 to say that it is meant, or use a GPU of compute capability 8.0 or more",
            path="model.dtype",
            requirements=("R053",),
        )


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
    """Small pools: an absolute error of some hundred MiB is many per cent there."""
    pool = memory.pool_of(demand)
    if not pool.tokens or pool.tokens_high - pool.tokens <= _PROMISED * pool.tokens:
        return
    rank = demand.ranks[pool.smallest_rank]
    percent = 100 * rank.uncertainty_bytes / max(rank.left_bytes, 1)
    yield Finding(
        "sglang.pool-uncertain",
        "warn",
        "info",
        f"the pool of {format_gib(rank.left_bytes)} GiB is known within {percent:.0f} %",
        why="free memory at the start and what loading leaves behind differ by some hundred MiB between GPUs and drivers",
        fix=f"engine.args: {{max-total-tokens: {pool.tokens_low}}} fixes it",
        path="engine.args.max-total-tokens",
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
