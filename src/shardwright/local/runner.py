"""Starts, looks at, asks and ends groups on this machine.

A command is a reader: it starts a supervisor, reads the state folder, and asks the supervisor to end. What a dead
supervisor left is swept before anything else.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.local import changes, ending, following, http_request, spec, starting, state, sweeping

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping
    from pathlib import Path

    from shardwright.core.plugins import Manifest
    from shardwright.local.changes import Change
    from shardwright.local.spec import LocalGroup
    from shardwright.local.state import Place

__all__ = ["LocalRunner", "history"]

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
        found = (place.folder for place in state.places(self._state_dir) if place.status.exists())
        return tuple((folder.parent.name, folder.name) for folder in found)

    def apply(self, manifest: Manifest) -> None:
        """Start the group, detached. One that runs as asked is left alone; another of this name is replaced.

        Conflict if it is a rehearsal that runs, or if another command changes it now.
        """
        group = spec.parse_group(manifest.body)
        starting.demand(group)
        place = _swept(self._state_dir, group.namespace, group.name)
        with starting.commanding(place):
            status = state.read_json(place.status)
            if status.get("state", "ended") != "ended" and not status["tied"]:
                if spec.parse_group(state.read_json(place.spec)) == group:
                    return
                ending.end(place)
            starting.start(place, group, starting.new_run(), tied=False)

    @contextlib.contextmanager
    def tied(self, group: LocalGroup, *, keep: bool = True) -> Generator[None]:
        """Run the group for as long as the block lasts; it also ends when this process does, however that ends.

        The block begins when the hosts exist. `keep`: its state and logs stay until they are deleted.
        """
        starting.demand(group)
        place = _swept(self._state_dir, group.namespace, group.name)
        run = starting.new_run()
        try:
            with starting.commanding(place):
                if not keep:
                    sweeping.own(place)
                starting.start(place, group, run, tied=True)
            yield
        finally:
            with ending.uninterrupted():
                if state.read_json(place.status).get("run") == run:  # never another command's
                    ending.end(place)
                    if not keep:
                        place.remove()

    def observe(self, namespace: str, name: str) -> Mapping[str, object]:
        """The status as JSON values, with the processes that live; NotFound if there is none."""
        place = _existing(self._state_dir, namespace, name)
        status = state.read_json(place.status)
        living: object = () if status["state"] == "ended" else state.read_json(place.members).get("processes", ())
        return status | {"processes": living}

    def group(self, namespace: str, name: str) -> LocalGroup:
        """The group as it was started; NotFound if there is none."""
        return spec.parse_group(state.read_json(_existing(self._state_dir, namespace, name).spec))

    def changes(self, namespace: str, name: str) -> Iterator[Change]:
        """States and log lines as they come, until the group serves; then raises what it ended with if it does not."""
        place = _existing(self._state_dir, namespace, name)
        yield from changes.follow_changes(_logs(place), lambda: self.observe(namespace, name))
        status = self.observe(namespace, name)
        if status["state"] == "ended":
            raise starting.problem_of(status)

    def logs(self, namespace: str, name: str, *, member: int | None, follow: bool) -> Iterator[tuple[int, str]]:
        """Lines of all hosts, or of one, with the host's index; NotFound if there is no such host."""
        place = _existing(self._state_dir, namespace, name)
        paths = _logs(place)
        if member is not None:
            if member not in paths:
                raise errors.NotFound(
                    f"{place.name} has no member {member}", hint=f"it has members 0 to {len(paths) - 1}"
                )
            paths = {member: paths[member]}
        return following.follow_lines(paths, (lambda: _has_ended(self._state_dir, place)) if follow else None)

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
        ending.end(_existing(self._state_dir, namespace, name))

    def delete(self, namespace: str, name: str) -> None:
        """End it and remove its state, logs and revisions; NotFound if there is none."""
        place = _existing(self._state_dir, namespace, name)
        with starting.commanding(place):
            ending.end(place)
            place.remove()


def history(state_dir: Path, namespace: str, name: str) -> tuple[Mapping[str, object], ...]:
    """What was started under that name and what became of it, oldest first; NotFound if there is none."""
    place = _existing(state_dir, namespace, name)
    return tuple(state.read_json(place.revision(number)) for number in place.revisions())


def _existing(state_dir: Path, namespace: str, name: str) -> Place:
    place = _swept(state_dir, namespace, name)
    if not state.read_json(place.status):
        known = ", ".join(known.name for known in state.places(state_dir)) or "none"
        raise errors.NotFound(f"no deployment {place.name} on this machine", hint=f"there are: {known}")
    return place


def _swept(state_dir: Path, namespace: str, name: str) -> Place:
    place = state.place_of(state_dir, namespace, name)
    sweeping.sweep(state_dir, only=place)
    return place


def _has_ended(state_dir: Path, place: Place) -> bool:
    sweeping.sweep(state_dir, only=place)
    return state.read_json(place.status).get("state", "ended") == "ended"


def _logs(place: Place) -> dict[int, Path]:
    """Logs of the hosts by their index."""
    count = spec.parse_group(state.read_json(place.spec)).hosts
    return {index: place.log(f"host-{index}") for index in range(count)}
