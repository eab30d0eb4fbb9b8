"""API servers for rendered manifests: a fresh one for each release of a project, one at a time."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from shardwright.testing.cluster import control_plane, crds

if TYPE_CHECKING:
    from pathlib import Path

    from shardwright.testing.cluster.api import Api
    from shardwright.testing.cluster.building import Programs

__all__ = ["Servers"]


class Servers:
    """The server at hand and what is in place on it; close it at the end."""

    def __init__(self, programs: Programs, runs: Path) -> None:
        self._programs, self._runs = programs, runs
        self._ends = contextlib.ExitStack()
        self._api: Api | None = None
        self._in_place: dict[str, tuple[crds.Release, set[str]]] = {}

    def any(self) -> Api:
        """The server at hand, whatever is in place on it."""
        return self._api or self._fresh()

    def knowing(self, release: crds.Release, kind: str) -> Api:
        """A server with this release's definition of a kind, and with none of another release of the project."""
        present, kinds = self._in_place.get(release.project, (release, set[str]()))
        if present != release:
            api, kinds = self._fresh(), set[str]()
        else:
            api = self.any()
        if kind not in kinds:
            crds.install(api, release, [kind])
            self._in_place[release.project] = (release, kinds | {kind})
        return api

    def close(self) -> None:
        """Stop the server at hand."""
        self._ends.close()
        self._api = None
        self._in_place.clear()

    def _fresh(self) -> Api:
        self.close()
        plane = self._ends.enter_context(control_plane.running(self._programs, self._runs))
        self._api = self._ends.enter_context(plane.api())
        return self._api
