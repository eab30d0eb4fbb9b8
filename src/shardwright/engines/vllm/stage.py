"""One pipeline stage of a layout with all that the memory formulas need of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.engines.vllm import facts
from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.layout import Layout
    from shardwright.core.plan.types import Question
    from shardwright.core.shape.base import Layer, ModelShape
    from shardwright.engines.vllm.facts import Rules
    from shardwright.engines.vllm.flags import Flags

__all__ = ["Stage", "shared_ranks", "up"]


@frozen
class Stage:
    """One stage; T is max-num-batched-tokens, n max-num-seqs."""

    question: Question
    rules: Rules
    flags: Flags
    index: int
    batched_tokens: int
    sequences: int

    @property
    def tensor(self) -> int:
        """Ranks that share each layer."""
        return self.question.layout.tensor

    @property
    def layers(self) -> int:
        """Layers of this stage."""
        return self.question.layout.stages[self.index]

    @property
    def held(self) -> tuple[Layer, ...]:
        """The layers themselves."""
        first = self.question.layout.first_layer(self.index)
        return self.question.shape.layers[first : first + self.layers]

    @property
    def is_last(self) -> bool:
        """Whether it samples tokens."""
        return self.index == self.question.layout.pipeline - 1

    @property
    def vocabulary(self) -> int:
        """Words, padded as vLLM pads them."""
        return up(self.question.shape.vocabulary_size, 64) * 64

    @property
    def expert_width(self) -> int:
        """Intermediate size of a routed expert on a rank: experts are divided over TP x DP, or dealt out whole."""
        layout, mixture = self.question.layout, self.question.shape.mixture
        wide = mixture.intermediate_size if mixture else 0
        return wide if layout.expert else up(wide, layout.expert_ranks)

    @property
    def expert_tokens(self) -> int:
        """Tokens that experts see at once: those of all copies are gathered; older versions cut them into chunks.

        Source: vLLM 0.24, fused_moe/prepare_finalize (allgather_reducescatter); 0.17, VLLM_FUSED_MOE_CHUNK_SIZE.
        """
        tokens = self.batched_tokens * self.question.layout.data
        return min(tokens, self.rules.expert_chunk_tokens or tokens)

    @property
    def shared_ranks(self) -> int:
        """Ranks that share an expert which every token passes."""
        return shared_ranks(self.question.shape, self.question.layout)


def shared_ranks(shape: ModelShape, layout: Layout) -> int:
    """Ranks that share an expert which every token passes.

    With EP, TP and DP together each rank of some models computes it for its own tokens. Source: vLLM 0.24 and 0.32,
    config/parallel.py use_sequence_parallel_moe, model_executor/models (disable_tp).
    """
    is_repeated = shape.architecture in facts.table("shared_experts")["repeated"]
    return 1 if is_repeated and layout.expert and layout.tensor > 1 and layout.data > 1 else layout.tensor


def up(number: int, divisor: int) -> int:
    """Divided and rounded up."""
    return -(-number // divisor)
