"""How far each rank's start-up is: log events folded into one line a rank. Never goes backwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.layout import Layout
    from shardwright.core.plugins import LogEvent

__all__ = ["Progress", "RankProgress"]


@frozen
class RankProgress:
    """Where one rank's start-up is."""

    rank: int
    node: int
    phase: str = "waiting"
    percent: int = 0


@dataclass(slots=True)
class Progress:
    """The start-up of a group; feed it events of each member's log in their order."""

    layout: Layout
    ranks: list[RankProgress] = field(init=False)

    def __post_init__(self) -> None:
        self.ranks = [RankProgress(rank.index, rank.node) for rank in self.layout.ranks]

    def feed(self, member: int, event: LogEvent) -> tuple[RankProgress, ...]:
        """Take one event in; returns the ranks that it moved on."""
        if event.kind not in {"phase", "ready"}:
            return ()
        moved: list[RankProgress] = []
        for index in self._ranks_of(member, event):
            before = self.ranks[index]
            if event.percent > before.percent:
                self.ranks[index] = RankProgress(index, before.node, event.phase, event.percent)
                moved.append(self.ranks[index])
        return tuple(moved)

    def forget(self, member: int) -> None:
        """The member was made anew: its ranks wait again."""
        for rank in self.ranks:
            if rank.node == member:
                self.ranks[rank.rank] = RankProgress(rank.rank, rank.node)

    def finish(self) -> tuple[RankProgress, ...]:
        """The group serves: ranks whose logs end earlier, as those of headless members do, are ready as well."""
        moved = [RankProgress(rank.rank, rank.node, "ready", 100) for rank in self.ranks if rank.percent < 100]
        for rank in moved:
            self.ranks[rank.rank] = rank
        return tuple(moved)

    def _ranks_of(self, member: int, event: LogEvent) -> tuple[int, ...]:
        """The rank a line names by number or by coordinates; a line of the whole member counts for all its ranks."""
        if event.rank is not None:
            return (event.rank,) if event.rank < len(self.ranks) else ()
        numbers = dict(event.numbers)
        found = [
            rank
            for rank in self.layout.ranks
            if rank.stage == numbers.get("stage", rank.stage)
            and rank.tensor_index == numbers.get("tensor_index", rank.tensor_index)
        ]
        own = tuple(rank.index for rank in found if rank.node == member)
        is_named = "stage" in numbers or "tensor_index" in numbers
        # With Ray the leader's log has the lines of ranks on other nodes.
        return own or (tuple(rank.index for rank in found) if is_named else ())
