"""API servers for rendered manifests, one at a time: a fresh one where another release of a project is asked for."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.core.preflight.needs import ObjectNeed
from shardwright.kubernetes.live import served_fields
from shardwright.testing.cluster import control_plane, crds

if TYPE_CHECKING:
    from pathlib import Path

    from shardwright.core.plugins import Manifest
    from shardwright.kubernetes.live.served_fields import Document
    from shardwright.testing.cluster.api import Api
    from shardwright.testing.cluster.building import Programs

__all__ = ["Servers"]

_SECONDS = 30.0
"""How long a server may take to tell the definition of a kind that was just put in place."""


class Servers:
    """The server at hand and what is in place on it; close it at the end."""

    def __init__(self, programs: Programs, runs: Path) -> None:
        self._programs, self._runs = programs, runs
        self._ends = contextlib.ExitStack()
        self._api: Api | None = None
        self._in_place: dict[str, tuple[crds.Release, set[str]]] = {}
        self._documents: dict[str, Document] = {}

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
            self._documents.clear()
            self._in_place[release.project] = (release, kinds | {kind})
        return api

    def misfits(self, manifest: Manifest) -> list[str]:
        """What the definitions of the server at hand say against a manifest, which it knows the kind of."""
        version = str(manifest.body["apiVersion"])
        wanted = ObjectNeed(version, manifest.kind, manifest.name)
        deadline = time.monotonic() + _SECONDS
        while version not in self._documents or not self._documents[version].name_of(wanted):
            assert time.monotonic() < deadline, f"no definition of {manifest.kind} is told"
            path = f"/openapi/v3/{'apis/' if '/' in version else 'api/'}{version}"
            with contextlib.suppress(errors.NotFound):
                content = self.any().connection.send("GET", path, {}).content
                self._documents[version] = served_fields.document_of(content)
        found = served_fields.misfits(self._documents[version], wanted, manifest.body)
        return [f"{each.problem} {each.path} {each.value} {each.allowed}" for each in found]

    def close(self) -> None:
        """Stop the server at hand."""
        self._ends.close()
        self._api = None
        self._in_place.clear()
        self._documents.clear()

    def _fresh(self) -> Api:
        self.close()
        plane = self._ends.enter_context(control_plane.running(self._programs, self._runs))
        self._api = self._ends.enter_context(plane.api())
        return self._api
