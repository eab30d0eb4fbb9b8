"""The plug-in: each method hands over to the file that knows."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from shardwright.core.plan.types import Saving
from shardwright.engines.vllm import arguments, facts, limits, memory

if TYPE_CHECKING:
    from shardwright.core.deployment import Launch, LaunchOrder
    from shardwright.core.layout import Remainder
    from shardwright.core.memory import Demand
    from shardwright.core.plan.types import Question, Refusal
    from shardwright.core.plugins import EngineMetrics, LogEvent

__all__ = ["VllmEngine"]


class VllmEngine:
    """vLLM as an engine plug-in."""

    name = "vllm"
    executors = ("mp", "ray")
    remainder: Remainder = "before-last"

    @property
    def versions(self) -> tuple[str, ...]:
        """Versions whose rules are known, oldest first."""
        return facts.versions()

    @property
    def savings(self) -> tuple[Saving, ...]:
        """Flags that leave more memory, cheapest first."""
        return _savings()

    def limits(self, question: Question) -> tuple[Refusal, ...]:
        """Why vLLM would not start this layout; RecipeError if its flags are wrong for this version."""
        arguments.check_arguments(question.recipe, question.version)
        return limits.refusals_of(question)

    def memory(self, question: Question) -> Demand:
        """Memory rank by rank, and the flags this rests on."""
        return memory.demand_of(question)

    def launch(self, order: LaunchOrder) -> Launch:
        """How a member is started."""
        from shardwright.engines.vllm import launch  # noqa: PLC0415 - a plan alone needs none of it

        return launch.launch_of(order)

    def read_log(self, line: str) -> LogEvent | None:
        """What a line of the log says."""
        from shardwright.engines.vllm import log  # noqa: PLC0415 - its many patterns take milliseconds

        return log.read_line(line)

    def read_metrics(self, text: str) -> EngineMetrics:
        """Figures from the metrics page."""
        from shardwright.engines.vllm import metrics  # noqa: PLC0415 - likewise

        return metrics.read_page(text)


@functools.cache
def _savings() -> tuple[Saving, ...]:
    rows: list[dict[str, Any]] = facts.table("savings")  # type: ignore[assignment]  # an array of tables
    return tuple(
        Saving(
            tuple((name, None if value == "" else value) for name, value in row["arguments"].items()),
            row["cost"],
            row["rank"],
        )
        for row in rows
    )
