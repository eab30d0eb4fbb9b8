"""Pods that take each other's place while a deployment is followed: of which role, how many, made by whom; pure.

A deployment may look ready at one moment and have lost a member at the next, where something makes its pods anew again and
again. Each place should see one pod; pods that an update is to replace are not counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.lifecycle.snapshot import Snapshot

__all__ = ["Turnover"]

_SHOWN = 2


class Turnover:
    """Feed it what is seen, in its order."""

    def __init__(self, old: frozenset[str] = frozenset()) -> None:
        self._old = old
        self._uids: dict[str, set[str]] = {"leader": set(), "worker": set()}
        self._names: dict[str, list[str]] = {"leader": [], "worker": []}
        """The last ones."""
        self._makers: dict[str, str] = {}
        """The last one."""
        self._places: dict[str, int] = {"leader": 0, "worker": 0}
        self._most: dict[str, int] = {"leader": 0, "worker": 0}
        """That were there together: more than there are places where something else scales it."""

    def see(self, snapshot: Snapshot) -> None:
        """Take in a deployment as it is now."""
        counted = [each for each in snapshot.members if each.uid and each.uid not in self._old]
        asked = {"leader": snapshot.replicas, "worker": snapshot.replicas * (snapshot.size - 1)}
        for role, places in asked.items():
            together = sum(each.role == role and each.state != "ending" for each in counted)
            self._places[role], self._most[role] = places, max(self._most[role], places, together)
        for member in counted:
            uids = self._uids[member.role]
            if member.uid not in uids:
                uids.add(member.uid)
                self._names[member.role] = [*self._names[member.role][1 - _SHOWN :], member.name]
                self._makers[member.role] = member.made_by

    @property
    def is_any(self) -> bool:
        """Whether a place has seen more than one pod."""
        return any(len(self._uids[role]) > most for role, most in self._most.items())

    def told(self) -> str:
        """Which pods were replaced, how often and by whom; empty if none were."""
        return "; ".join(self._texts())

    def _texts(self) -> Iterator[str]:
        for role, places in self._places.items():
            count = len(self._uids[role])
            if count > self._most[role]:
                wanted = f"{places} {role}{'s' if places != 1 else ''}"
                maker = f", made by {self._makers[role]}" if self._makers.get(role) else ""
                last = ", ".join(self._names[role])
                yield f"there were {count} pods in the place of {wanted}{maker}; the last: {last}"
