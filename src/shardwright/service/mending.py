"""Use case: manifests are mended, shown as a difference, and put in place.

A file is replaced whole or not at all, with its mode, and through the symbolic links that lead to it; one that changed in the
meantime is left alone. What was read is judged again after mending, so that findings are those that remain. Secrets appear
in no difference and no note.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from shardwright import errors, registry
from shardwright.core.manifests import mending_rounds
from shardwright.core.manifests.objects import Context
from shardwright.service import linting, mending_notes
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shardwright.core.manifests.mendable import Proposal
    from shardwright.core.manifests.mending_rounds import Kept
    from shardwright.core.rules import Finding
    from shardwright.service.linting import Linted

__all__ = ["Mended", "mend", "write"]


@frozen
class Mended:
    """Manifests before and after."""

    before: Mapping[str, bytes]
    after: Mapping[str, bytes]
    done: tuple[Proposal, ...]
    kept: tuple[Kept, ...]
    """What has a mend that was not made, and why."""
    left: tuple[Finding, ...]
    """Files that were left as they are, and why."""
    linted: Linted
    """What remains."""
    secrets: tuple[str, ...]
    """Commands that make the Secrets that mended manifests refer to."""

    @property
    def changed(self) -> tuple[str, ...]:
        """The files that are not as they were."""
        return tuple(file for file, data in self.after.items() if data != self.before[file])

    def difference(self) -> str:
        """A unified diff of all changed files."""
        return "".join(mending_notes.difference(file, self.before[file], self.after[file]) for file in self.changed)


def mend(
    paths: Sequence[str],
    *,
    old: str = "",
    assumed: Mapping[str, str] | None = None,
    gates: Mapping[str, bool] | None = None,
    stdin: BinaryIO | None = None,
) -> Mended:
    """Mend all manifests together, in memory; InputError if a file cannot be read."""
    if not paths:
        raise errors.InputError("no manifest was named", hint="name files, folders or - for standard input")
    context = Context(versions=dict(assumed or {}), gates=dict(gates or {}))
    with linting.without_collector():
        contents = dict(linting.contents_of(paths, stdin))
        before = linting.objects_of(old, stdin)
        patches = linting.patched([linting.read(data, file) for file, data in contents.items()])
        mendable = {file: data for file, data in contents.items() if os.path.normpath(file) not in patches}
        made = mending_rounds.mend_files(mendable, registry.load_platforms(), context, old=before, read=linting.read)
        after = {**contents, **made.contents}
        linted = linting.judged([linting.read(data, file) for file, data in after.items()], context, before)
    secrets = mending_notes.secret_commands(made.done)
    return Mended(contents, after, made.done, made.kept, made.left, linted, secrets)


def write(mended: Mended) -> None:
    """Put the changed files in place; nothing is written unless all of them can be.

    InputError for standard input and for a file that may not be written, Conflict for one that changed after it was read.
    """
    for file in mended.changed:
        _check(file, mended.before[file])
    for file in mended.changed:
        _replace(Path(file).resolve(), mended.after[file])


def _check(file: str, before: bytes) -> None:
    if file == linting.STDIN_NAME:
        raise errors.InputError("standard input cannot be written", hint="use --fix, which prints the manifest")
    path = Path(file)
    try:
        is_same = path.read_bytes() == before
        mode = path.stat().st_mode
    except OSError as error:
        raise errors.InputError(f"{file}: it cannot be read again: {error.strerror}", hint="try again") from error
    if not is_same:
        raise errors.Conflict(f"{file} changed while it was mended; nothing was written", hint="run it again")
    if not mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) or not os.access(path.resolve().parent, os.W_OK):
        hint = f"chmod u+w {file}, or use --fix, which prints the manifest"
        raise errors.InputError(f"{file} is read-only; nothing was written", hint=hint)


def _replace(path: Path, data: bytes) -> None:
    """Write beside the file, then move into its place."""
    try:
        status = path.stat()
        descriptor, part = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            Path(part).chmod(stat.S_IMODE(status.st_mode))
            if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
                os.chown(part, status.st_uid, status.st_gid)
            Path(part).replace(path)
        finally:
            Path(part).unlink(missing_ok=True)
    except OSError as error:
        raise errors.EnvironmentFault(
            f"{path}: it cannot be written: {error.strerror}", hint="its old content is still there"
        ) from error
