"""Manifests as texts: one object a file or all in one stream, each beginning with who wrote it and from what.

That first line names the deployments and the recipe's digest, never a time, so the same recipe always gives the same
bytes, and a later run knows which files are its own.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.core.marked import writing
from shardwright.kubernetes.render import labels
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shardwright.core.plugins import Manifest

__all__ = [
    "File",
    "as_json",
    "as_stream",
    "file_names",
    "mark_of",
    "object_files",
    "owners_of",
    "owners_of_line",
    "refuse_twins",
    "shared_once",
]

_MARK = re.compile(r"# Written by Shardwright for (\S+) ")
_SHOWN_DIGEST = len("sha256:") + 12
"""Characters of the digest in the first line; all of it stands in an annotation."""


@frozen
class File:
    """A text and its place in a folder, with `/` between parts."""

    path: str
    text: str


def owners_of(manifests: Sequence[Manifest], beside: Sequence[Manifest] = ()) -> frozenset[str]:
    """The deployments that objects belong to, as `namespace/name`.

    One that several deployments render alike belongs to all of them, here to those of the objects `beside` it.
    """
    found = frozenset(labels.owner_of(manifest) for manifest in manifests if not labels.is_shared(manifest))
    return found or frozenset(labels.owner_of(each) for each in beside or manifests if not labels.is_shared(each))


def owners_of_line(line: str) -> frozenset[str]:
    """The deployments that a file with this first line was written for; empty if it is not ours."""
    match = _MARK.match(line)
    return frozenset(match[1].split(",")) if match else frozenset()


def mark_of(manifests: Sequence[Manifest], beside: Sequence[Manifest] = ()) -> str:
    """The first line of a file that holds these objects, or is about them.

    An object that must not have the digest, as its platform copies annotations to pods, has that of the objects `beside`
    it of the same deployment.
    """
    digests = {_digest(manifest, beside)[:_SHOWN_DIGEST] for manifest in manifests} - {""}
    sources = {0: "a recipe", 1: f"recipe {min(digests, default='')}"}
    source = sources.get(len(digests), f"{len(digests)} recipes")
    owners = ",".join(sorted(owners_of(manifests, beside)))
    return f"# Written by Shardwright for {owners} from {source}. Edit the recipe, not this."


def _digest(manifest: Manifest, beside: Sequence[Manifest]) -> str:
    own = labels.digest_of(manifest)
    owner = labels.owner_of(manifest)
    is_shared = labels.is_shared(manifest)
    others = {labels.digest_of(each) for each in beside if is_shared or labels.owner_of(each) == owner} - {""}
    return own or (min(others) if len(others) == 1 else "")


def as_stream(manifests: Sequence[Manifest]) -> str:
    """All objects as one YAML stream, in the order in which they are applied."""
    refuse_twins(manifests)
    return "---\n".join(_document(manifest, manifests) for manifest in manifests)


def as_json(manifests: Sequence[Manifest]) -> str:
    """All objects as one List, which has no room for a line on who wrote it; the annotations say it."""
    refuse_twins(manifests)
    bodies: list[Mapping[str, object]] = [manifest.body for manifest in manifests]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": bodies}, indent=2, ensure_ascii=False) + "\n"


def file_names(manifests: Sequence[Manifest]) -> tuple[str, ...]:
    """Names of files, one an object, that sort in the order in which the objects are applied."""
    digits = max(2, len(str(10 * len(manifests))))
    return tuple(
        f"{10 * number:0{digits}}-{manifest.kind.lower()}.yaml" for number, manifest in enumerate(manifests, start=1)
    )


def object_files(manifests: Sequence[Manifest]) -> tuple[File, ...]:
    """One file an object."""
    refuse_twins(manifests)
    return tuple(
        File(name, _document(made, manifests)) for name, made in zip(file_names(manifests), manifests, strict=True)
    )


def shared_once(manifests: Sequence[Manifest]) -> tuple[Manifest, ...]:
    """The objects; one that several deployments render alike is there once."""
    found: list[Manifest] = []
    for manifest in manifests:
        if not (labels.is_shared(manifest) and manifest in found):
            found.append(manifest)
    return tuple(found)


def refuse_twins(manifests: Sequence[Manifest]) -> None:
    """InputError for two objects of one name, which would undo each other at each apply."""
    seen: dict[tuple[str, str, str], str] = {}
    for manifest in manifests:
        owner = labels.owner_of(manifest)
        key = (manifest.kind, owner.partition("/")[0], manifest.name)
        if key in seen:
            raise errors.InputError(
                f"{manifest.kind} {manifest.name} is rendered twice, for {seen[key]} and for {owner}",
                hint="give deployments different names; for a shared claim, storage.size and storage.class in one recipe only",
            )
        seen[key] = owner


def _document(manifest: Manifest, beside: Sequence[Manifest]) -> str:
    return f"{mark_of((manifest,), beside)}\n{writing.as_yaml(manifest.body)}"
