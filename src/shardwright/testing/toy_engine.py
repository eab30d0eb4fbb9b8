"""An engine that does not exist: the smallest plug-in that passes the contract, for tests of what stands around engines.

Its rules are plain: weights are shared out evenly, nine tenths of a device may be used, blocks hold 16 tokens, heads must divide
by the tensor-parallel size. Nothing of it is a prediction.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from shardwright.core.deployment import Launch, Port, Probe, Variable
from shardwright.core.memory import Demand, RankDemand, Term
from shardwright.core.plan.types import Refusal, Saving
from shardwright.core.plugins import EngineMetrics, LogEvent
from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.deployment import LaunchOrder
    from shardwright.core.layout import Rank, Remainder
    from shardwright.core.plan.types import Question

__all__ = ["ToyEngine"]

_BLOCK_TOKENS = 16
_BUDGET = 0.9
_READY = "toy is ready"


@frozen
class ToyEngine:
    """The plug-in; `overhead_bytes` is what every rank takes besides weights and cache."""

    overhead_bytes: int = 0
    uncertainty_bytes: int = 0
    versions: tuple[str, ...] = ("1.0.0", "2.0.0")
    savings: tuple[Saving, ...] = (Saving((("half-weights", True),), "half of the precision", 6),)
    executors: tuple[str, ...] = ("mp",)
    remainder: Remainder = "before-last"
    name: str = dataclasses.field(default="toy", init=False)

    def limits(self, question: Question) -> tuple[Refusal, ...]:
        """Heads must divide; nothing else is refused."""
        tensor, heads = question.layout.tensor, question.shape.attention_heads
        if heads % tensor:
            return (Refusal("toy.heads", f"TP{tensor} does not divide {heads} heads"),)
        return ()

    def memory(self, question: Question) -> Demand:
        """Weights shared out evenly, one overhead a rank."""
        return Demand(
            ranks=tuple(self._rank(question, rank) for rank in question.layout.ranks),
            request_tokens=question.max_model_len,
            request_blocks=-(-question.max_model_len // _BLOCK_TOKENS),
            settings=(("max-model-len", question.max_model_len),),
            evidence="source",
            evidence_reason="The toy engine runs nowhere.",
            runner="toy",
            sources=("a toy",),
        )

    def _rank(self, question: Question, rank: Rank) -> RankDemand:
        shape, layout = question.shape, question.layout
        half = 0.5 if question.recipe.engine.args.get("half-weights") else 1.0
        weights = round(shape.parameters * shape.element_bytes * half / layout.world_size)
        cache = shape.layers[0].cache
        numbers = layout.stages[rank.stage] * max(1, cache.heads // layout.tensor) * (cache.key_size + cache.value_size)
        return RankDemand(
            rank=rank.index,
            total_bytes=question.gpu.memory_bytes,
            budget_bytes=int(question.gpu.memory_bytes * _BUDGET),
            terms=(
                Term("weights", weights, counted=True, formula="parameters / ranks", source="a toy"),
                Term("other", self.overhead_bytes, counted=True, formula="fixed", source="a toy"),
            ),
            block_bytes=2 * numbers * _BLOCK_TOKENS,
            uncertainty_bytes=self.uncertainty_bytes,
        )

    def launch(self, order: LaunchOrder) -> Launch:
        """`toy MODEL --member I`; the leader serves."""
        is_leader = order.role == "leader"
        argv = ("toy", order.wiring.model, "--member", order.wiring.member_index)
        return Launch(
            role=order.role,
            argv=argv if is_leader else (*argv, "--follow"),
            environment=(Variable("TOY_ADDRESS", order.wiring.own_address),),
            ports=(Port("http", order.wiring.serve_port),) if is_leader else (),
            probe=Probe("/ready", order.wiring.serve_port, 60) if is_leader else None,
            rank_pattern=r"toy-(\d+)",
            image=f"example.org/toy:{order.plan.engine.version}",
        )

    def read_log(self, line: str) -> LogEvent | None:
        """`toy is ready` and `toy-3 died`."""
        if _READY in line:
            return LogEvent("ready", "ready", 100, line.strip())
        died = re.search(r"toy-(\d+) died", line)
        return LogEvent("death", "toy", 0, line.strip(), rank=int(died[1])) if died else None

    def read_metrics(self, text: str) -> EngineMetrics:
        """`running N`, or nothing."""
        running = re.search(r"^running (\d+)$", text, re.MULTILINE)
        return EngineMetrics(float(running[1]) if running else None, None, None, None, None)
