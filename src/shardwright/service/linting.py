"""Use case: manifests of files, folders and standard input are judged by the rules of all platforms.

A folder stands for the YAML and JSON files in it and below it. What is wrong inside a file is a finding; a file that is not
there, or an option that names something unknown, is an InputError.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from shardwright import errors, registry
from shardwright.core.manifests import judge, reading, versions
from shardwright.core.manifests.objects import Context
from shardwright.formats.oci_blueprints import documents
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from shardwright.core.manifests.objects import Object
    from shardwright.core.manifests.platform import Platform
    from shardwright.core.rules import Finding

__all__ = [
    "STDIN",
    "STDIN_NAME",
    "Linted",
    "contents_of",
    "judged",
    "lint",
    "objects_of",
    "parse_gates",
    "parse_versions",
    "patched",
    "read",
    "read_all",
    "without_collector",
]

STDIN = "-"
STDIN_NAME = "standard input"
_SUFFIXES = {".yaml", ".yml", ".json"}
_OF_FILES = {"manifest.unreadable", "manifest.too-large", "manifest.malformed"}
_MAX_FILES = 10_000
_FLAGS = {"true": True, "false": False}


@frozen
class Linted:
    """What was looked at and what was found."""

    findings: tuple[Finding, ...]
    object_count: int
    judged_count: int
    """Objects of kinds that some platform has rules for."""
    other_kinds: tuple[str, ...]
    """Kinds of the objects that no platform has rules for."""
    versions: Mapping[str, str]
    """Platform -> the release that it was judged for."""


def lint(
    paths: Sequence[str],
    *,
    old: str = "",
    assumed: Mapping[str, str] | None = None,
    gates: Mapping[str, bool] | None = None,
    stdin: BinaryIO | None = None,
) -> Linted:
    """Judge all manifests together, as an update of `old` where that is given; InputError if a file cannot be read."""
    if not paths:
        raise errors.InputError("no manifest was named", hint="name files, folders or - for standard input")
    context = Context(versions=dict(assumed or {}), gates=dict(gates or {}))
    with without_collector():
        return judged(read_all(paths, stdin), context, objects_of(old, stdin))


def judged(found: list[reading.Reading], context: Context, before: Sequence[Object] = ()) -> Linted:
    """What the rules of all platforms say of files that were read."""
    platforms = registry.load_platforms()
    readings = _without_patches(found)
    objects = tuple(each for found in readings for each in found.objects)
    judged = judge.judge(objects, platforms, context, before)
    findings = (*(each for found in readings for each in found.findings), *judged)
    ruled = [(each, frozenset(kind for rule in each.rules for kind in rule.kinds)) for each in platforms]
    return Linted(
        tuple(sorted(dict.fromkeys(findings), key=judge.sort_key)),
        len(objects),
        sum(_is_known(each, ruled) for each in objects),
        tuple(sorted({each.kind for each in objects if not _is_known(each, ruled)})),
        {platform.name: judge.version_of(platform, context) for platform in platforms},
    )


def objects_of(path: str, stdin: BinaryIO | None = None) -> list[Object]:
    """The objects of a file or folder; none where none is named."""
    return [each for found in read_all([path] if path else [], stdin) for each in found.objects]


def read_all(paths: Sequence[str], stdin: BinaryIO | None = None) -> list[reading.Reading]:
    """What files, folders and standard input hold; InputError if one cannot be read."""
    return [read(data, name) for name, data in contents_of(paths, stdin)]


def contents_of(paths: Sequence[str], stdin: BinaryIO | None = None) -> Iterator[tuple[str, bytes]]:
    """The names of files, as findings have them, and what is in them; InputError if one cannot be read."""
    for path in _files(paths):
        yield STDIN_NAME if path == STDIN else path, _bytes_of(path, stdin)


def read(data: bytes, file: str) -> reading.Reading:
    """What a file holds."""
    return reading.read_manifests(data, file, documents.named)


def patched(readings: Sequence[reading.Reading]) -> set[str]:
    """The files that stand as patches in files of kustomize."""
    return {path for found in readings for path in found.patches}


def _without_patches(readings: list[reading.Reading]) -> list[reading.Reading]:
    """The same without what stands in patches of kustomize, which are parts of objects; what cannot be read stays."""
    patches = patched(readings)
    if not patches:
        return readings
    return [
        found._replace(
            objects=tuple(each for each in found.objects if os.path.normpath(each.root.mark.file) not in patches),
            findings=tuple(each for each in found.findings if _counts(each, patches)),
        )
        for found in readings
    ]


def _counts(finding: Finding, patches: set[str]) -> bool:
    return finding.id in _OF_FILES or os.path.normpath(finding.file) not in patches


@contextlib.contextmanager
def without_collector() -> Generator[None]:
    """Trees hold no cycles and live to the end, so the collector finds nothing in them; it would take half of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def parse_versions(options: Sequence[str]) -> dict[str, str]:
    """`kserve=0.20.0`, `openshift-ai=3.5` and the like; InputError for a platform without rules, or a version that is none or too old."""
    known = {platform.released_as or platform.name: platform.versions for platform in registry.load_platforms()}
    found: dict[str, str] = {}
    for option in options:
        name, _, version = option.partition("=")
        if name in registry.BENEATH:
            name, version = _beneath(option)
        if name not in known or "=" not in option:
            hint = f"write PLATFORM=VERSION; platforms: {', '.join(sorted((*known, *registry.BENEATH)))}"
            raise errors.InputError(f"--assume {option}: no platform of that name has rules", hint=hint)
        if not versions.is_version(version):
            raise errors.InputError(f"--assume {option}: {version!r} is not a version", hint="write it as 0.20.0")
        if not versions.holds(version, known[name][0], ""):
            hint = f"known: {', '.join(known[name])}"
            raise errors.InputError(f"--assume {option}: older than the rules that are known", hint=hint)
        found[name] = version.removeprefix("v")
    return found


def _beneath(option: str) -> tuple[str, str]:
    """The platform and release that `openshift-ai=3.5` stands for; InputError for a release that is not known."""
    name, _, version = option.partition("=")
    made = registry.beneath(name, version)
    if made is None:
        known = ", ".join(registry.load_target(name).versions)
        raise errors.InputError(f"--assume {option}: that release of {name} is not known", hint=f"known: {known}")
    return made


def parse_gates(options: Sequence[str]) -> dict[str, bool]:
    """`NAME=true` and the like; InputError for anything else, and for a gate that no rule knows."""
    known = {gate for platform in registry.load_platforms() for gate in platform.gates} if options else set[str]()
    found: dict[str, bool] = {}
    for option in options:
        name, _, flag = option.partition("=")
        if not name or flag.lower() not in _FLAGS:
            raise errors.InputError(f"--feature-gate {option}: not understood", hint="write NAME=true or NAME=false")
        if name not in known:
            raise errors.InputError(
                f"--feature-gate {option}: no rule knows that gate", hint=f"known: {', '.join(sorted(known))}"
            )
        found[name] = _FLAGS[flag.lower()]
    return found


def _is_known(each: Object, ruled: Sequence[tuple[Platform, frozenset[str]]]) -> bool:
    return any(
        each.kind in kinds and platform.schema().kind_of(each.api_version, each.kind) for platform, kinds in ruled
    )


def _files(paths: Sequence[str]) -> Iterator[str]:
    for path in dict.fromkeys(paths):
        if path == STDIN or not Path(path).is_dir():
            yield path
        else:
            yield from _listing(path)


def _listing(folder: str) -> list[str]:
    found: list[str] = []
    for each in Path(folder).rglob("*"):
        hidden = any(part.startswith(".") for part in each.relative_to(folder).parts)
        if each.suffix in _SUFFIXES and not hidden and each.is_file():
            found.append(str(each))
        if len(found) > _MAX_FILES:
            raise errors.InputError(
                f"{folder} has more than {_MAX_FILES} manifests", hint="name the folders one by one"
            )
    if not found:
        raise errors.InputError(
            f"{folder}: there is no manifest in this folder", hint="manifests end in .yaml, .yml, .json"
        )
    return sorted(found)


def _bytes_of(path: str, stdin: BinaryIO | None) -> bytes:
    try:
        if path == STDIN:
            return (stdin or sys.stdin.buffer).read(reading.MAX_BYTES + 1)
        with Path(path).open("rb") as file:
            return file.read(reading.MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise errors.InputError(f"{path}: it cannot be read: {reason}", hint="name a file, a folder or -") from error
