"""Calibrations as files in folders, that people can share and delete.

A file may come from a stranger: it is bounded in size and in time. Nothing in it is ever run; its texts are shown only after
their characters were checked. A file is there whole or not at all, however many write it at once.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
from dataclasses import astuple, replace
from typing import TYPE_CHECKING, Any

from shardwright import errors
from shardwright.core.rules import Finding
from shardwright.service import calibration_text
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from shardwright.core.calibration import Calibration

__all__ = ["Shelf", "load_file", "load_shelf", "name_of", "remove", "save", "shelf_findings"]

MAX_BYTES = 64 * 1024
"""Largest file; one has about a kilobyte."""
MAX_FILES = 1000
"""Most files of a folder that are read."""
_MAX_LINE_BYTES = 2000
_SUFFIX = ".toml"
_MAX_PART = 26
"""Longest part of a name: seven of them and a digest are a file name everywhere."""
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,199}")
_HINT = "it is a file of `shardwright calibrate`; make it again from the engine's log, or remove it"


@frozen
class Shelf:
    """The calibrations of some folders, and what is wrong with the files that hold none."""

    calibrations: tuple[tuple[Path, Calibration], ...]
    faults: tuple[tuple[Path, str], ...]


def load_shelf(folders: Sequence[Path]) -> Shelf:
    """All calibrations of the folders; of one name the first folder's counts. A folder that is not there holds none."""
    found: dict[str, tuple[Path, Calibration]] = {}
    faults: list[tuple[Path, str]] = []
    for path in _paths(folders, faults):
        if path.stem in found:
            continue
        try:
            found[path.stem] = (path, replace(load_file(path), name=path.stem))
        except errors.ShardwrightError as error:
            faults.append((path, error.message))
    return Shelf(tuple(found[name] for name in sorted(found)), tuple(faults))


def shelf_findings(shelf: Shelf) -> tuple[Finding, ...]:
    """Files that are no calibrations: plans go on without them, and say so."""
    return tuple(
        Finding(
            "calibration.unreadable",
            "warn",
            "warning",
            f"not used: {message}",
            fix=f"make it again with `shardwright calibrate`, or delete {path}",
            path="",
            value=str(path),
        )
        for path, message in shelf.faults
    )


def _paths(folders: Sequence[Path], faults: list[tuple[Path, str]]) -> list[Path]:
    paths: list[Path] = []
    for folder in folders:
        try:
            here = sorted(name for name in os.listdir(folder) if name.endswith(_SUFFIX) and name[0] != ".")  # noqa: PTH208 - names are all that is needed
        except FileNotFoundError:
            continue
        except OSError as error:
            faults.append((folder, f"{folder} cannot be read: {error.strerror}"))
            continue
        if len(here) > MAX_FILES:
            faults.append((folder, f"{folder} has {len(here)} calibrations; only the first {MAX_FILES} are read"))
        paths.extend(folder / name for name in here[:MAX_FILES])
    return paths


def load_file(path: Path) -> Calibration:
    """The calibration in a file; InputError lists all its faults, EnvironmentFault says why it cannot be read."""
    import tomllib  # noqa: PLC0415 - only where there are calibrations

    content = _read(path)
    try:
        tree: dict[str, Any] = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        said = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise errors.InputError(f"{path} is no calibration: {said}", hint=_HINT) from error
    other = calibration_text.format_fault(tree)
    if other is not None:
        raise errors.InputError(f"{path} is no calibration that this version reads: {other}", hint=_HINT)
    faults: list[str] = []
    calibration = calibration_text.parse(tree, faults)
    if faults:
        listed = "".join(f"\n  {fault}" for fault in faults[:20])
        raise errors.InputError(f"{path} is no calibration:{listed}", hint=_HINT)
    return calibration


def name_of(calibration: Calibration) -> str:
    """The name under which a calibration is kept: what it holds for, the model, and a digest of that very start."""
    key = calibration.key
    layout = f"tp{key.tensor}-pp{key.pipeline}" + (f"-dp{key.data}" if key.data > 1 else "") + ("-ep" * key.expert)
    family = key.family.removesuffix("ForCausalLM")
    parts = (key.engine, key.version, key.runner, key.gpu, family, layout, calibration.model)
    slugs = (re.sub(r"[^a-z0-9.]+", "-", part.lower())[:_MAX_PART].strip("-.") for part in parts)
    start = (astuple(key), calibration.shape, calibration.settings, calibration.total_bytes)
    return "-".join((*(slug for slug in slugs if slug), hashlib.sha256(repr(start).encode()).hexdigest()[:8]))


def save(folder: Path, calibration: Calibration) -> Path:
    """Write it, in place of an earlier one of the same start; EnvironmentFault if the folder cannot be written."""
    path = folder / f"{name_of(calibration)}{_SUFFIX}"
    # Several may write the same name at once, from machines that share the folder.
    part = folder / f".{os.getpid()}-{secrets.token_hex(8)}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            part.write_text(calibration_text.render(calibration), encoding="utf-8", newline="\n")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise errors.EnvironmentFault(
            f"{error.filename or folder} cannot be written: {error.strerror}",
            hint="give another folder with --calibrations, or look only, with --dry-run",
        ) from error
    return path


def remove(folder: Path, name: str) -> Path:
    """Delete one; NotFound names those there are."""
    path = folder / f"{name}{_SUFFIX}"
    if not _NAME.fullmatch(name) or not path.is_file():
        there = [one.stem for one in _paths([folder], [])]
        hint = f"there are: {', '.join(there)}" if there else "there are none"
        raise errors.NotFound(f"no calibration {name!r} in {folder}", hint=hint)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise errors.EnvironmentFault(f"{path} cannot be removed: {error.strerror}") from error
    return path


def _read(path: Path) -> bytes:
    """At most so many bytes of a plain file; a pipe or device is never waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise errors.InputError(f"{path} is no plain file", hint=_HINT)
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise errors.NotFound(f"there is no file {path}") from error
    except OSError as error:
        raise errors.EnvironmentFault(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise errors.InputError(f"{path} is no calibration: it has more than {MAX_BYTES} bytes", hint=_HINT)
    # Keys of thousands of parts take the parser minutes; a key does not go over the end of a line.
    if max(map(len, content.split(b"\n"))) > _MAX_LINE_BYTES:
        raise errors.InputError(f"{path} is no calibration: a line has more than {_MAX_LINE_BYTES} bytes", hint=_HINT)
    return content
