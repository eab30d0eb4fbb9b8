"""What experts keep between their two products, by the kernel that vLLM chooses for them.

M tokens that experts see at once, k experts per token, H hidden, I width of an expert on a rank, b bytes of an element.
Triton, Marlin: b M k (max(I, H) + max(2I, H)). DeepGEMM: rows of each expert aligned to 128, the first part in one byte from 0.31 on.
FlashInfer's CUTLASS: b M H. Kernels that allocate for themselves (MXFP4, TRT-LLM): b M k 3I, given back at once.
Source: vLLM 0.24 and 0.32, fused_moe/experts; the choice: fused_moe/oracle/{fp8,mxfp4,unquantized}.py of 0.17 to 0.32. What is chosen
besides depends on what is installed, so that a mixture's interval is wider.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from shardwright.core.plan.version import parse_version
from shardwright.core.shape.base import Split
from shardwright.engines.vllm import flags
from shardwright.engines.vllm.stage import up
from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.plan.types import Question
    from shardwright.engines.vllm.stage import Stage

__all__ = ["Workspace", "workspace_of"]

Kernel = Literal["triton", "deep-gemm", "cutlass", "inside"]

_ALIGNED_ROWS = 127
"""DeepGEMM starts every expert's rows on a multiple of 128."""
_HOPPER, _BLACKWELL = 9.0, 10.0
_TRITON_BLOCKS_SINCE = (0, 17, 0)
"""From here on fp8 in blocks is computed by Triton on compute capability 9, with whole experts by FlashInfer's CUTLASS."""
_NARROW_SINCE = (0, 31, 0)


@frozen
class Workspace:
    """Bytes that stay after the profile run, and bytes that are live during a layer alone."""

    stays_bytes: int
    passing_bytes: int
    formula: str


def workspace_of(stage: Stage) -> Workspace:
    """The expert workspace of a rank of that stage; nothing where the stage has no experts."""
    mixture = stage.question.shape.mixture
    if mixture is None or not _has_experts(stage):
        return Workspace(0, 0, "")
    size, how = _size(stage, kernel := _kernel(stage.question), mixture.experts_per_token)
    how = f"{how}, M = {stage.expert_tokens}, k = {mixture.experts_per_token}, I = {stage.expert_width}"
    if kernel == "inside" or not stage.rules.workspace_stays:
        return Workspace(0, size, how)
    return Workspace(size, 0, how)


def _has_experts(stage: Stage) -> bool:
    kinds = {id(layer): layer for layer in stage.held}.values()
    is_unknown = not any(layer.weights for layer in kinds)
    experts = (Split.EXPERTS, Split.EXPERTS_WHOLE)
    return is_unknown or any(weight.split in experts for layer in kinds for weight in layer.weights)


def _size(stage: Stage, kernel: Kernel, per_token: int) -> tuple[int, str]:
    hidden, wide, element = stage.question.shape.hidden_size, stage.expert_width, stage.flags.element_bytes
    rows = stage.expert_tokens * per_token
    match kernel:
        case "inside":
            return element * rows * 3 * wide, f"{element} M k 3I in the kernel"
        case "cutlass":
            return element * stage.expert_tokens * hidden, f"{element} M H"
        case "deep-gemm":
            first = 1 if parse_version(stage.question.version) >= _NARROW_SINCE else element
            rows += _experts_held(stage) * _ALIGNED_ROWS
            size = rows * (first * max(wide, hidden) + element * max(2 * wide, hidden))
            return size, f"(M k + 127 E) ({first} max(I, H) + {element} max(2I, H))"
        case "triton":
            size = element * rows * (max(wide, hidden) + max(2 * wide, hidden))
            return size, f"{element} M k (max(I, H) + max(2I, H))"


def _experts_held(stage: Stage) -> int:
    mixture, layout = stage.question.shape.mixture, stage.question.layout
    experts = mixture.experts if mixture else 0
    return up(experts, layout.expert_ranks) if layout.expert else experts


def _kernel(question: Question) -> Kernel:
    has, shape = flags.capability(question.gpu), question.shape
    if has is None or has < _HOPPER:
        return "triton"
    if "mxfp4" in (shape.quantization or ""):
        return "inside"
    if not _is_in_blocks(question):
        return "triton"
    if parse_version(question.version) < _TRITON_BLOCKS_SINCE:
        return "deep-gemm"
    if has >= _BLACKWELL:
        return "inside"
    return "cutlass" if question.layout.expert and question.layout.expert_ranks > 1 else "triton"


def _is_in_blocks(question: Question) -> bool:
    """Whether the checkpoint is fp8 with a scale for each block."""
    section = dict(question.shape.config).get("quantization_config")
    config = cast("dict[str, Any]", section) if isinstance(section, dict) else {}
    return question.shape.quantization == "fp8" and bool(config.get("weight_block_size"))
