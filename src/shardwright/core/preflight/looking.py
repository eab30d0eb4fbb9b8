"""Which nodes are looked at for what runs there, one by one, and when all pods of the cluster are read instead.

To read the pods of one node takes two to three times as long as in a list of all; of a large cluster all are very many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.preflight import placing, surge

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shardwright.core.preflight.facts import Node
    from shardwright.core.preflight.needs import Needs

__all__ = ["candidates", "has_room", "may_have_room", "next_nodes"]

_FIRST, _MORE = 24, 72
"""Nodes that are looked at one by one before all pods are listed: at first, and after that."""
_LARGE = 2000
"""Nodes of a cluster whose pods are so many that more nodes are looked at even where the first give no hope."""


def candidates(needs: Needs, nodes: Iterable[Node]) -> list[Node]:
    """Nodes that could take a pod of the group, far ones in the list beside each other: neighbours fill up together."""
    able = [node for node in nodes if any(not placing.refusal(node, pod) for pod in needs.members)]
    step = max(1, len(able) // _FIRST)
    return [node for start in range(step) for node in able[start::step]]


def may_have_room(needs: Needs, able: Sequence[Node]) -> bool:
    """Whether these nodes could take the group, or what an update makes beside it, if nothing ran there."""
    spare = needs.spare
    return not placing.place(able, needs.members, {}) or bool(spare and not placing.place(able, spare, {}))


def next_nodes(
    needs: Needs, able: Sequence[Node], looked: Sequence[Node], used: Mapping[str, Mapping[str, float]]
) -> Sequence[Node]:
    """Nodes to look at next, of the candidates in their order; none where all pods are to be read."""
    done = len(looked)
    if not done:
        return able[:_FIRST]
    if done > _FIRST or not (_takes_some(needs, looked, used) or len(able) > _LARGE or len(able) <= _FIRST + _MORE):
        return ()
    return able[_FIRST : _FIRST + _MORE]


def _takes_some(needs: Needs, looked: Sequence[Node], used: Mapping[str, Mapping[str, float]]) -> bool:
    """Whether any pod of the group has room there."""
    missing = placing.place(looked, needs.members, used)
    return sum(missing.values()) < sum(pod.count for pod in needs.members)


def has_room(
    needs: Needs,
    looked: Sequence[Node],
    used: Mapping[str, Mapping[str, float]],
    mine: Mapping[str, Mapping[str, float]],
) -> bool:
    """Whether these nodes have room for the group, and for what an update makes beside the pods that there are, if any."""
    if placing.place(looked, needs.members, used):
        return False
    return not mine or not placing.place(looked, needs.spare, surge.taken_in_all(used, mine))
