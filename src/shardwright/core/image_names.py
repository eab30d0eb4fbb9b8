"""Names of container images: the same image under several names, and the version that a tag tells."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["is_same", "plain_name", "version_of"]

_TAG = re.compile(r"v?(\d+\.\d+(?:\.\d+)?(?:\.?(?:post|rc|dev)\d+)?)")
_DOCKER = "docker.io/"


def plain_name(image: str) -> str:
    """A name without the registry that every container runtime takes for granted: `docker.io/`, `docker.io/library/`."""
    return image.removeprefix(_DOCKER).removeprefix("library/") if image.startswith(_DOCKER) else image


def version_of(image: str, word: str) -> str:
    """The version in the tag of an image whose name has a word; empty where it tells none."""
    name, _, tag = image.partition("@")[0].rpartition(":")
    if not name or "/" in tag or word not in name.rpartition("/")[2]:
        return ""
    match = _TAG.match(tag)
    return match[1] if match else ""


def is_same(image: str, version: str, images: Mapping[str, Sequence[Mapping[str, Any]]]) -> bool:
    """Whether it is one of an engine's own images of that version; `images` is the table of `engine_images`."""
    for row in (each for rows in images.values() for each in rows):
        for chip in (row.get("chips") or {"": ""}).values():
            if plain_name(str(row["name"]).format(version=version, chip=chip)) == plain_name(image):
                return True
    return False
