"""Which release of which project's definitions a rendered kind is held against.

With the definitions of every release beside the checkout (or where SHARDWRIGHT_CRDS points) each version of a target
meets those of its own release; else only the versions that a Go module at hand belongs to are validated.
"""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path

from shardwright.targets.openshift_ai import releases as openshift_ai
from shardwright.testing.cluster import crds, pins

__all__ = ["NotAtHandError", "order_of", "release_for", "release_tags"]

FOLDER = Path(os.environ.get("SHARDWRIGHT_CRDS") or Path(__file__).resolve().parents[3] / "shared" / "crds")

# KServe 0.15.1 stands for the later ones of 0.15; the definitions at hand are those of 0.15.2.
_KSERVE = {"0.15.1": "0.15.2"}
# Where the versions of a target are not those of the project whose kinds it renders.
TAGS: dict[tuple[str, str], dict[str, str]] = {
    ("kserve", "kserve"): {version: f"v{tag}" for version, tag in _KSERVE.items()},
    ("openshift-ai", "kserve"): {
        release.version: f"v{_KSERVE.get(release.kserve, release.kserve)}" for release in openshift_ai.known_releases()
    },
}
_PROJECTS = {"llmisvc": "kserve", "openshift-ai": "kserve"}
# Projects whose kinds have been the same in all releases of interest: the release at hand stands for all.
STEADY = {"gateway-api", "openshift"}


class NotAtHandError(Exception):
    """No definition can be had for this kind at this version; says why."""


def release_tags(project: str) -> list[str]:
    """Tags beside the checkout, oldest first."""
    return sorted(crds.release_folders(FOLDER, project), key=_order)


@functools.cache
def release_for(kind: str, version: str, group: str) -> crds.Release:
    """The release that a target of that version writes this API group for; NotAtHandError if there is none here."""
    project = pins.load_pins().project_of(group)
    if project is None:
        raise NotAtHandError(f"no definitions of {group} at hand")
    wanted = TAGS.get((kind, project), {}).get(version, f"v{version}")
    for tag in reversed(release_tags(project)):
        if _is_of(tag, wanted):
            return crds.read_release(project, crds.release_folders(FOLDER, project)[tag])
    pinned = pins.load_pins().definitions[project]
    if project not in STEADY and not _is_of(pinned.version, wanted):
        raise NotAtHandError(f"no definitions of {project} for {kind} {version} at hand; {FOLDER} would hold them")
    return crds.read_module(project)


def order_of(kind: str, version: str) -> tuple[str, list[int], str]:
    """Sorts versions of targets such that those with the same definitions follow each other."""
    project = _PROJECTS.get(kind, kind)
    return project, _order(TAGS.get((kind, project), {}).get(version, version)), kind


def _is_of(tag: str, wanted: str) -> bool:
    return tag == wanted or tag.startswith(f"{wanted}.")


def _order(tag: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", tag)]
