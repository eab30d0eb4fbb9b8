"""Starts, looks at, asks and ends groups on this machine.

A command is a reader: it starts a supervisor, reads the state folder, and asks the supervisor to end. What a dead
supervisor left is swept before anything else.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.local import ending, following, http_request, spec, starting, state, sweeping

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping
    from pathlib import Path

    from shardwright.core.plugins import Manifest
    from shardwright.local.spec import LocalGroup
    from shardwright.local.state import Place

__all__ = ["LocalRunner"]

_REQUEST_SECONDS = 300.0


class LocalRunner:
    """Groups whose state is kept below one folder."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir

    def sweep(self) -> tuple[str, ...]:
        """Remove what dead supervisors left; the names of their deployments."""
        return sweeping.sweep(self._state_dir)

    def names(self) -> tuple[tuple[str, str], ...]:
        """Namespace and name of every deployment that has a state."""
        return tuple((place.folder.parent.name, place.folder.name) for place in state.places(self._state_dir))

    def apply(self, manifest: Manifest) -> None:
        """Start the group, detached. One that runs as asked is left alone; another of this name is replaced.

        Conflict if it is a rehearsal that runs, or if another command changes it now.
        """
        group = spec.parse_group(manifest.body)
        place = self._swept(group.namespace, group.name)
        with starting.commanding(place):
            status = state.read_json(place.status)
            if status.get("state", "ended") != "ended" and not status["tied"]:
                if spec.parse_group(state.read_json(place.spec)) == group:
                    return
                ending.end(place)
            starting.start(place, group, tied=False)

    @contextlib.contextmanager
    def tied(self, group: LocalGroup) -> Generator[None]:
        """Run the group for as long as the block lasts; it also ends when this process does, however that ends.

        The block begins when the hosts exist. Its state and logs stay until they are deleted.
        """
        place = self._swept(group.namespace, group.name)
        with starting.commanding(place):
            starting.start(place, group, tied=True)
        try:
            yield
        finally:
            ending.end(place)

    def observe(self, namespace: str, name: str) -> Mapping[str, object]:
        """The status as JSON values; NotFound if there is none."""
        return state.read_json(self._existing(namespace, name).status)

    def events(self, namespace: str, name: str) -> Iterator[Mapping[str, object]]:
        """What happened since the start and what happens, until the group has ended."""
        place = self._existing(namespace, name)
        return following.follow_events(place.events, lambda: self._has_ended(place))

    def wait_until_ready(self, namespace: str, name: str) -> Mapping[str, object]:
        """The status once the group serves; the error it ended with if it does not."""
        for _ in self.events(namespace, name):
            status = self.observe(namespace, name)
            if status["state"] == "ready":
                return status
        raise starting.problem_of(self.observe(namespace, name))

    def logs(self, namespace: str, name: str, *, member: int | None, follow: bool) -> Iterator[tuple[int, str]]:
        """Lines of all hosts, or of one, with the host's index; NotFound if there is no such host."""
        place = self._existing(namespace, name)
        count = spec.parse_group(state.read_json(place.spec)).hosts
        if member is not None and not 0 <= member < count:
            raise errors.NotFound(f"{place.name} has no member {member}", hint=f"it has members 0 to {count - 1}")
        chosen = range(count) if member is None else (member,)
        paths = {index: place.log(f"host-{index}") for index in chosen}
        return following.follow_lines(paths, (lambda: self._has_ended(place)) if follow else None)

    def request(self, namespace: str, name: str, path: str, body: Mapping[str, object] | None) -> Mapping[str, object]:
        """One HTTP request to the leader; TemporaryError while it does not serve yet, TargetError if it has ended."""
        status = self.observe(namespace, name)
        if status["state"] in {"ending", "ended"}:
            raise starting.problem_of(status)
        if status["state"] != "ready":
            raise errors.TemporaryError(
                f"{namespace}/{name} is {status['state']}, not ready yet", retry_after_seconds=2
            )
        return http_request.request(str(status["address"]), int(str(status["servePort"])), path, body, _REQUEST_SECONDS)

    def stop(self, namespace: str, name: str) -> None:
        """End it; its state and logs stay. Nothing to do if it has ended."""
        ending.end(self._existing(namespace, name))

    def delete(self, namespace: str, name: str) -> None:
        """End it and remove its state, logs and revisions; NotFound if there is none."""
        place = self._existing(namespace, name)
        with starting.commanding(place):
            ending.end(place)
            place.remove()

    def _swept(self, namespace: str, name: str) -> Place:
        place = state.place_of(self._state_dir, namespace, name)
        sweeping.sweep(self._state_dir, only=place)
        return place

    def _existing(self, namespace: str, name: str) -> Place:
        place = self._swept(namespace, name)
        if not state.read_json(place.status):
            known = ", ".join("/".join(pair) for pair in self.names()) or "none"
            raise errors.NotFound(f"no deployment {place.name} on this machine", hint=f"there are: {known}")
        return place

    def _has_ended(self, place: Place) -> bool:
        sweeping.sweep(self._state_dir, only=place)
        return state.read_json(place.status).get("state", "ended") == "ended"
