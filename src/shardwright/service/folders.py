"""Use case: rendered texts become files in a folder, and nobody's files are lost.

Every file of ours begins with a line that says who wrote it and for which deployments. Only files with such a line for
the deployments at hand are replaced or removed; all others are left alone.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.formats import texts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shardwright.formats.texts import File

__all__ = ["write_files"]

_OURS = ("*.yaml", "*.sh", "templates/*.yaml")
"""Where files of ours can lie in a folder; one that is stale is removed."""
_CURES = {
    errno.ENOSPC: "free some space there, or choose another folder with --out",
    errno.EDQUOT: "free some space there, or choose another folder with --out",
    errno.EACCES: "make the folder writable, or choose another one with --out",
    errno.EPERM: "make the folder writable, or choose another one with --out",
    errno.EROFS: "choose a folder on a writable file system with --out",
}


def write_files(files: Sequence[File], out: str | Path, owners: frozenset[str]) -> list[Path]:
    """Write files for these deployments and remove those of theirs that are stale.

    Nothing is replaced before everything is written. Conflict if a file in the way is not ours; EnvironmentFault or
    InputError if the folder cannot be written.
    """
    if not str(out):
        raise errors.InputError("--out names no folder", hint="name a folder, new or not, or - for a stream")
    folder = Path(out)
    wanted = {folder / file.path: file.text for file in files}
    try:
        for place in {folder, *(path.parent for path in wanted)}:
            place.mkdir(parents=True, exist_ok=True)
        present = {path: _owners_of_file(path) for pattern in _OURS for path in sorted(folder.glob(pattern))}
        for path in wanted:
            if path not in present and path.exists():
                present[path] = _owners_of_file(path)
        _refuse_foreign({path: found for path, found in present.items() if path in wanted}, owners)
        _replace(wanted)
        for path, found in present.items():
            if found and found <= owners and path not in wanted:
                path.unlink(missing_ok=True)
    except OSError as fault:
        raise _explain(folder, fault) from fault
    return list(wanted)


def _owners_of_file(path: Path) -> frozenset[str]:
    """The deployments that a file was written for; empty if it is not ours."""
    if not path.is_file():
        return frozenset()
    with path.open(encoding="utf-8", errors="replace") as stream:
        return texts.owners_of_line(stream.readline(4000))


def _refuse_foreign(in_the_way: Mapping[Path, frozenset[str]], owners: frozenset[str]) -> None:
    for path, found in in_the_way.items():
        if not found or not found <= owners:
            others = ", ".join(sorted(found - owners))
            whose = f"was written for {others}" if found else "was not written by Shardwright"
            raise errors.Conflict(
                f"{path} {whose} and is not overwritten", hint="choose another folder with --out, or move the file away"
            )


def _replace(wanted: dict[Path, str]) -> None:
    """Write all texts beside their places, then move each into place."""
    parts = {path: path.with_name(f".{path.name}.{os.getpid()}.part") for path in wanted}
    try:
        for path, part in parts.items():
            part.write_text(wanted[path], encoding="utf-8", newline="\n")
        for path, part in parts.items():
            part.replace(path)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def _explain(folder: Path, fault: OSError) -> errors.ShardwrightError:
    place = fault.filename or folder
    if isinstance(fault, FileExistsError | NotADirectoryError):
        return errors.InputError(
            f"--out {folder}: {place} is no folder", hint="name a folder, new or not, or - for a stream"
        )
    hint = _CURES.get(fault.errno or 0, "choose another folder with --out")
    return errors.EnvironmentFault(f"{place} cannot be written: {fault.strerror or fault}", hint=hint)
