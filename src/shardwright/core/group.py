"""The processes of one replica, engine-neutral: which member runs on which node and holds which ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.layout import Layout

__all__ = ["Group", "Member", "group_of"]

Role = Literal["leader", "worker"]


@frozen
class Member:
    """What runs on one node."""

    node: int
    role: Role
    ranks: tuple[int, ...]


@frozen
class Group:
    """All members of a replica; the first one leads."""

    members: tuple[Member, ...]

    @property
    def leader(self) -> Member:
        """The member that serves the API."""
        return self.members[0]

    @property
    def size(self) -> int:
        """Members, the leader included."""
        return len(self.members)


def group_of(layout: Layout) -> Group:
    """The group that runs a layout: one member a node, node 0 leads."""
    return Group(
        tuple(
            Member(
                node=node,
                role="worker" if node else "leader",
                ranks=tuple(rank.index for rank in layout.ranks if rank.node == node),
            )
            for node in range(layout.nodes)
        )
    )
