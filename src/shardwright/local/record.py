"""What a supervisor writes down about its run: the status that all commands read, and the events that led to it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from shardwright.local import proc, state

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shardwright.local.state import Place

__all__ = ["Record", "State"]

State = Literal["preparing", "warming", "starting", "ready", "ending", "ended"]


class Record:
    """Status and events of one run; the only writer while the supervisor lives."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._status = state.read_json(place.status)
        self._began = time.monotonic()

    @property
    def run(self) -> str:
        """Label of the run."""
        return str(self._status["run"])

    @property
    def runtime_folder(self) -> Path:
        """Where the run keeps sockets and temporary files."""
        return Path(str(self._status["runtimeFolder"]))

    def seconds(self) -> float:
        """Since the supervisor began."""
        return round(time.monotonic() - self._began, 3)

    def update(self, **facts: object) -> None:
        """Change parts of the status."""
        self._status |= facts
        state.write_json(self.place.status, self._status)

    def enter(self, reached: State, **facts: object) -> None:
        """A new state: in the status and as an event."""
        self.update(state=reached, **facts)
        self.event("state", state=reached)

    def event(self, kind: str, **facts: object) -> None:
        """Something that happened."""
        line = {"event": kind, "seconds": self.seconds(), "time": round(time.time(), 3), **facts}
        state.append_event(self.place.events, line)

    def keep_members(self, members: Iterable[dict[str, object]]) -> None:
        """Which processes live: for readers, and for a sweep in case this supervisor cannot end them itself."""
        state.write_json(self.place.members, {"boot": proc.boot_id(), "processes": list(members)})

    def end(self, reason: str, message: str, **facts: object) -> None:
        """The last word: the run is over and nothing of it is left. Kept in its revision as well."""
        self.enter("ended", reason=reason, message=message, endedAt=round(time.time(), 3), **facts)
        kept = ("state", "reason", "message", "firstDeath", "readySeconds", "startedAt", "endedAt")
        revision = self.place.revision(int(str(self._status["revision"])))
        outcome = {name: self._status.get(name) for name in kept}
        state.write_json(revision, {**state.read_json(revision), "outcome": outcome})
