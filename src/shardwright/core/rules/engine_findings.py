"""What a plan is warned of whichever engine it is for; the engine says what it resolved, and how it is called.

`engine` is its name in recipes, with which ids begin; `title` its name as people write it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core import memory
from shardwright.core.rules.finding import Finding
from shardwright.units import format_gib

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shardwright.core.memory import Demand
    from shardwright.core.plan.types import Question

__all__ = ["lowered_dtype", "lowered_precision", "no_image", "remote_code", "uncertain_pool"]

_PROMISED = 0.03
"""How far off a pool may be where its size is promised."""
_PLAIN = frozenset({"auto", "bfloat16", "bf16", "float16"})


def lowered_precision(engine: str, arguments: Mapping[str, object]) -> Iterator[Finding]:
    """Weights or cache are held in fewer bits than the model was made with."""
    yield from _info(f"{engine}.quantization", "quantization", arguments)
    yield from _info(f"{engine}.kv-cache-dtype", "kv-cache-dtype", arguments)


def _info(identifier: str, flag: str, arguments: Mapping[str, object]) -> Iterator[Finding]:
    value = str(arguments.get(flag) or "auto")
    if value not in _PLAIN:
        yield Finding(
            identifier,
            "warn",
            "info",
            f"{flag}: {value} lowers precision",
            why="answers can differ from those of the unquantized model, and quantizing costs some time itself",
            fix="compare answers on your own prompts before relying on it",
            path=f"engine.args.{flag}",
            value=value,
            requirements=("R051",),
        )


def remote_code(engine: str, question: Question) -> Iterator[Finding]:
    """The engine runs code that comes with the model."""
    if question.recipe.model.trust_remote_code:
        yield Finding(
            f"{engine}.trust-remote-code",
            "warn",
            "warning",
            "code that comes with the model is run in the engine",
            why="whoever can change the repository can run code in the cluster",
            fix="pin model.revision to a commit that was reviewed, or drop model.trustRemoteCode",
            path="model.trustRemoteCode",
            value="true",
            requirements=("R140",),
        )


def no_image(engine: str, title: str, question: Question, image: str) -> Iterator[Finding]:
    """Images of a release are built for one kind of device each, and not for all."""
    gpu = question.gpu
    if not image and not question.recipe.engine.image:
        yield Finding(
            f"{engine}.image-not-known",
            "warn",
            "warning",
            f"no public image of {title} {question.version} is known for {gpu.name} ({gpu.device})",
            why="images are built for one kind of device; in another the engine finds none",
            fix=f"engine.image: an image of {title} {question.version} built for {gpu.device}; manifests need it",
            path="engine.image",
            value=gpu.device,
            requirements=("R038",),
        )


def lowered_dtype(engine: str, question: Question, dtype: str) -> Iterator[Finding]:
    """A GPU without bfloat16 computes in float16."""
    if dtype == "float16" and question.shape.dtype == "bfloat16" and question.recipe.model.dtype is None:
        yield Finding(
            f"{engine}.dtype-lowered",
            "warn",
            "warning",
            f"{question.gpu.name} has no bfloat16 (compute capability {question.gpu.compute_capability}): float16 is used",
            why="float16 has a smaller range than the checkpoint's bfloat16; few models overflow",
            fix="set model.dtype: float16 to say that it is meant, or use a GPU of compute capability 8.0 or more",
            path="model.dtype",
            requirements=("R053",),
        )


def uncertain_pool(engine: str, demand: Demand, *, why: str, fix: str, flag: str) -> Iterator[Finding]:
    """Small pools: an absolute error of some hundred MiB is many per cent there; `flag` fixes the size."""
    pool = memory.pool_of(demand)
    if not pool.tokens or pool.tokens_high - pool.tokens <= _PROMISED * pool.tokens:
        return
    rank = demand.ranks[pool.smallest_rank]
    percent = 100 * rank.uncertainty_bytes / max(rank.left_bytes, 1)
    yield Finding(
        f"{engine}.pool-uncertain",
        "warn",
        "info",
        f"the pool of {format_gib(rank.left_bytes)} GiB is known within {percent:.0f} %",
        why=why,
        fix=fix,
        path=f"engine.args.{flag}",
    )
