"""CustomResourceDefinitions of the projects that targets render for: where they are read from, and putting them in place.

They come from a folder `<project>/<tag>/<plural>.yaml.gz` with every release, or, one release a project, from the
project's Go module at the version in `versions.toml`. For another release of a project start another server: taking
one away takes as long, and the server keeps the memory.
"""

from __future__ import annotations

import functools
import gzip
import json
import re
import time
from typing import TYPE_CHECKING, Any

from shardwright import errors
from shardwright.testing.cluster import go_modules, pins
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from shardwright.testing.cluster.api import Api, Tree

__all__ = [
    "Definition",
    "Release",
    "install",
    "is_in_place",
    "module_folder",
    "read_module",
    "read_release",
    "release_folders",
    "remove",
    "with_conversion",
]

_COLLECTION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_DEFINITION = re.compile(
    r"""^kind:\ "?CustomResourceDefinition"?$ .* "?openAPIV3Schema"?:""", re.MULTILINE | re.DOTALL | re.VERBOSE
)
"""A definition with a schema; of files that change another one, as kustomize has them, nothing is taken."""
_KIND = re.compile(r"""^ +kind: "?(\w+)"?$""", re.MULTILINE)
"""The first one is that of the objects."""
_NAME = re.compile(r"""^  name: "?([\w.-]+)"?$""", re.MULTILINE)
"""The first one is that of the definition."""
_POLL_SECONDS = 0.05
_TIMEOUT_SECONDS = 60.0


@frozen
class Release:
    """Definitions of one project at one release."""

    project: str
    tag: str
    """As `v0.7.0`."""
    definitions: Mapping[str, str]
    """Kind -> its definition, YAML."""
    source: str


@frozen
class Definition:
    """A definition that is in place."""

    name: str
    """As `<plural>.<group>`."""
    group: str
    plural: str
    versions: tuple[str, ...]
    """Those that are served."""


def release_folders(folder: Path, project: str) -> dict[str, Path]:
    """Tags of a project in such a folder, each with its own folder; empty if there are none."""
    place = folder / project
    return {path.name: path for path in sorted(place.iterdir())} if place.is_dir() else {}


def read_release(project: str, folder: Path) -> Release:
    """The definitions of a release in that folder, gzipped or not; NotFound if there are none."""
    return _release(project, folder.name, sorted(folder.glob("*.yaml*")), str(folder))


def read_module(project: str) -> Release:
    """The definitions in a project's Go module, fetched if it is not there; errors as those of `go_modules`."""
    folder = module_folder(project)
    module = pins.load_pins().definitions[project]
    paths = [path for part in module.folders for path in sorted((folder / part).glob("*.yaml"))]
    return _release(project, module.version, paths, f"{module.path}@{module.version}")


@functools.cache
def module_folder(project: str) -> Path:
    """The folder with the files of a project's Go module, which holds its webhooks and presets too."""
    pinned = pins.load_pins()
    module = pinned.definitions[project]
    return go_modules.fetch_module(go_modules.find_go(pinned.oldest_go), module.path, module.version)


def with_conversion(release: Release, kinds: Iterable[str], url: str, bundle: str) -> Release:
    """The release with these kinds converted between versions by a webhook; `bundle` is whom the server trusts there."""
    client = {"url": url, "caBundle": bundle}
    conversion = {
        "strategy": "Webhook",
        "webhook": {"clientConfig": client, "conversionReviewVersions": ["v1", "v1beta1"]},
    }
    # JSON in one line is YAML; the texts are too large to be read and written again for one field.
    line = f"spec:\n  conversion: {json.dumps(conversion)}\n"
    changed = {kind: release.definitions[kind].replace("\nspec:\n", f"\n{line}", 1) for kind in kinds}
    return Release(release.project, release.tag, {**release.definitions, **changed}, release.source)


def _release(project: str, tag: str, paths: Iterable[Path], source: str) -> Release:
    texts = [text for text in map(_read, paths) if _DEFINITION.search(text)]
    kinds = {found[1]: text for text in texts if (found := _KIND.search(text))}
    if not kinds:
        raise errors.NotFound(f"{source} holds no definitions of {project}")
    return Release(project, tag, kinds, source)


def install(api: Api, release: Release, kinds: Iterable[str] | None = None) -> tuple[Definition, ...]:
    """Create the definitions of these kinds, or of all, and wait until objects of each can be created.

    Conflict if one is there already, TargetError if the server refuses one or does not serve it in time.
    """
    made: list[Definition] = []
    try:
        for kind in release.definitions if kinds is None else kinds:
            made.append(_definition(api.create_text(_COLLECTION, release.definitions[kind])))  # noqa: PERF401 - those made before a refusal are removed
        _wait_until_served(api, made)
    except errors.ShardwrightError:
        remove(api, made)
        raise
    return tuple(made)


def is_in_place(api: Api, release: Release, kind: str) -> bool:
    """Whether a definition of that name is there, of this release or another."""
    named = _NAME.search(release.definitions[kind])
    return named is not None and api.has(f"{_COLLECTION}/{named[1]}")


def remove(api: Api, definitions: Iterable[Definition]) -> None:
    """Delete definitions with all objects of their kinds, and wait until the server no longer knows them."""
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    gone = tuple(definitions)
    for definition in gone:
        api.delete(f"{_COLLECTION}/{definition.name}")
    for definition in gone:
        # The definition itself is asked for last: it has a megabyte.
        while any(map(api.has, _paths(definition))) or api.has(f"{_COLLECTION}/{definition.name}"):
            _pause(deadline, f"{definition.name} is deleted but still served", api, definition)


def _wait_until_served(api: Api, made: Iterable[Definition]) -> None:
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    for definition in made:
        while not _is_served(api, definition):
            _pause(deadline, f"{definition.name} is created but not served", api, definition)


def _definition(body: Tree) -> Definition:
    spec: Tree = body["spec"]
    served = tuple(str(version["name"]) for version in spec["versions"] if version["served"])
    return Definition(body["metadata"]["name"], spec["group"], spec["names"]["plural"], served)


def _paths(definition: Definition) -> list[str]:
    return [f"/apis/{definition.group}/{version}/{definition.plural}" for version in definition.versions]


def _is_served(api: Api, definition: Definition) -> bool:
    """Whether the group lists the kind and the kind can be asked for; the second needs `Established`."""
    for path in _paths(definition):
        group = path.rpartition("/")[0]
        listed: list[Any] = api.get(group)["resources"] if api.has(group) else []
        if not any(entry["name"] == definition.plural for entry in listed) or not api.has(path):
            return False
    return True


def _pause(deadline: float, what: str, api: Api, definition: Definition) -> None:
    if time.monotonic() > deadline:
        conditions = api.get(f"{_COLLECTION}/{definition.name}").get("status", {}).get("conditions", [])
        raise errors.TargetError(f"{what} after {_TIMEOUT_SECONDS:.0f} s; its conditions: {conditions}")
    time.sleep(_POLL_SECONDS)


def _read(path: Path) -> str:
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            return stream.read()
    return path.read_text("utf-8")
