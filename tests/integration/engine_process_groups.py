"""A process group as the engine's layers ask for it, with nobody behind it: for the engine's interpreter."""

from __future__ import annotations

from types import SimpleNamespace

__all__ = ["group"]


def group(size: int, rank: int) -> SimpleNamespace:
    """A process group that knows only who is in it."""
    members = SimpleNamespace(size=lambda: size, rank=lambda: rank)
    return SimpleNamespace(
        world_size=size,
        rank_in_group=rank,
        rank=rank,
        local_rank=rank,
        ranks=list(range(size)),
        is_first_rank=rank == 0,
        is_last_rank=rank == size - 1,
        first_rank=0,
        last_rank=size - 1,
        unique_name=f"group-{size}-{rank}",
        device_group=members,
        cpu_group=members,
        device_communicator=None,
    )
