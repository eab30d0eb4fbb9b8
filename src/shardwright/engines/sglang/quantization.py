"""Which quantized weights SGLang can hold and compute with on a GPU, and how ranks may cut them.

Source: SGLang 0.5.16, layers/quantization (get_min_capability), model_runner_components/moe_ep_setup.py, fp8.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shardwright.core.plan import common_limits
from shardwright.core.plan.types import Refusal
from shardwright.engines.sglang import facts, flags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.plan.types import Question
    from shardwright.engines.sglang.flags import Flags

__all__ = ["refusals_of"]


def refusals_of(question: Question, resolved: Flags) -> Iterator[Refusal]:
    """Every reason why these weights cannot be used on this GPU in this layout."""
    yield from common_limits.quantization(
        "sglang", question.shape, resolved.quantization, facts.table("online_quantization"), _plain
    )
    yield from _capability(question, resolved)
    yield from _blocks(question, resolved)


def _plain(method: str) -> str:
    """One name for the kernels of one method: awq and awq_marlin read the same checkpoints."""
    return method.removesuffix("_marlin")


def _capability(question: Question, resolved: Flags) -> Iterator[Refusal]:
    has = flags.capability(question.gpu)
    if has is None:
        return
    method = str(question.shape.quantization or resolved.quantization or "")
    lowest: dict[str, float] = facts.table("checkpoint_quantization")
    needed = lowest.get(method, 0.0)
    if has < needed:
        yield Refusal(
            "sglang.quantization-capability",
            f"quantization {method} needs compute capability {needed}; {question.gpu.name} has {has}",
        )
    if question.recipe.model.dtype == "bfloat16" and not flags.has_bfloat16(question.gpu):
        yield Refusal(
            "sglang.bfloat16",
            f"bfloat16 needs compute capability 8.0; {question.gpu.name} has {has}: model.dtype: float16, or leave it out",
        )


def _blocks(question: Question, resolved: Flags) -> Iterator[Refusal]:
    """Checkpoints in fp8 with one scale for each block: ranks must hold whole blocks."""
    shape, tensor = question.shape, resolved.tensor
    rows = _block_rows(dict(shape.config).get("quantization_config"))
    if shape.quantization != "fp8" or not rows:
        return
    if shape.mixture is None:
        width, cut = shape.intermediate_size, tensor
    else:
        width, cut = shape.mixture.intermediate_size, 1 if question.layout.expert else tensor
    if width // cut % rows:
        yield Refusal(
            "sglang.fp8-blocks",
            f"TP{cut} leaves {width // cut} rows of the intermediate size {width}; fp8 blocks need a multiple of {rows}",
        )


def _block_rows(config: object) -> int:
    """Rows of a scale block; 0 where the checkpoint has none."""
    block: Any = config.get("weight_block_size") if isinstance(config, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - JSON of the checkpoint
    return int(block[0]) if isinstance(block, list) and block else 0  # pyright: ignore[reportUnknownArgumentType] - likewise
