"""Use case: manifests of files, folders and standard input are judged by the rules of all platforms.

A folder stands for the YAML and JSON files in it and below it. What is wrong inside a file is a finding; a file that is not
there, or an option that names something unknown, is an InputError.
"""

from __future__ import annotations

import contextlib
import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from shardwright import errors, registry
from shardwright.core.manifests import judge, reading, versions
from shardwright.core.manifests.objects import Context
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from shardwright.core.manifests.objects import Object
    from shardwright.core.manifests.platform import Platform
    from shardwright.core.rules import Finding

__all__ = ["Linted", "lint", "parse_gates", "parse_versions"]

_STDIN = "-"
_STDIN_NAME = "standard input"
_SUFFIXES = {".yaml", ".yml", ".json"}
_MAX_FILES = 10_000
_FLAGS = {"true": True, "false": False}


@frozen
class Linted:
    """What was looked at and what was found."""

    findings: tuple[Finding, ...]
    object_count: int
    judged_count: int
    """Objects of kinds that some platform has rules for."""
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
    platforms = registry.load_platforms()
    context = Context(versions=dict(assumed or {}), gates=dict(gates or {}))
    with _without_collector():
        readings = [_read(path, stdin) for path in _files(paths)]
        objects = tuple(each for found in readings for each in found.objects)
        before = [each for path in _files([old] if old else []) for each in _read(path, stdin).objects]
        judged = judge.judge(objects, platforms, context, before)
    findings = (*(each for found in readings for each in found.findings), *judged)
    return Linted(
        tuple(sorted(dict.fromkeys(findings), key=judge.sort_key)),
        len(objects),
        sum(_is_known(each, platforms) for each in objects),
        {platform.name: judge.version_of(platform, context) for platform in platforms},
    )


@contextlib.contextmanager
def _without_collector() -> Generator[None]:
    """Trees hold no cycles and live to the end, so the collector finds nothing in them; it would take half of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def parse_versions(options: Sequence[str]) -> dict[str, str]:
    """`kserve=0.20.0` and the like; InputError for a platform without rules, or a version that is none or too old."""
    known = {platform.released_as or platform.name: platform.versions for platform in registry.load_platforms()}
    found: dict[str, str] = {}
    for option in options:
        name, equals, version = option.partition("=")
        if name not in known or not equals:
            hint = f"write PLATFORM=VERSION; platforms: {', '.join(sorted(known))}"
            raise errors.InputError(f"--assume {option}: no platform of that name has rules", hint=hint)
        if not versions.is_version(version):
            raise errors.InputError(f"--assume {option}: {version!r} is not a version", hint="write it as 0.20.0")
        if not versions.holds(version, known[name][0], ""):
            hint = f"known: {', '.join(known[name])}"
            raise errors.InputError(f"--assume {option}: older than the rules that are known", hint=hint)
        found[name] = version.removeprefix("v")
    return found


def parse_gates(options: Sequence[str]) -> dict[str, bool]:
    """`NAME=true` and the like; InputError for anything else."""
    found: dict[str, bool] = {}
    for option in options:
        name, _, flag = option.partition("=")
        if not name or flag.lower() not in _FLAGS:
            raise errors.InputError(f"--feature-gate {option}: not understood", hint="write NAME=true or NAME=false")
        found[name] = _FLAGS[flag.lower()]
    return found


def _is_known(each: Object, platforms: Sequence[Platform]) -> bool:
    return any(platform.schema().kind_of(each.api_version, each.kind) for platform in platforms)


def _files(paths: Sequence[str]) -> Iterator[str]:
    for path in dict.fromkeys(paths):
        if path == _STDIN or not Path(path).is_dir():
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


def _read(path: str, stdin: BinaryIO | None) -> reading.Reading:
    try:
        if path == _STDIN:
            stream = stdin or sys.stdin.buffer
            return reading.read_manifests(stream.read(reading.MAX_BYTES + 1), _STDIN_NAME)
        with Path(path).open("rb") as file:
            return reading.read_manifests(file.read(reading.MAX_BYTES + 1), path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise errors.InputError(f"{path}: it cannot be read: {reason}", hint="name a file, a folder or -") from error
