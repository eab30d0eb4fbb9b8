"""A folder for the files of one run, gone with it; what a killed run left is removed by the next.

Each folder is held by a lock on a file beside it. The kernel gives the lock up when its process ends in whatever way,
so a lock that can be had tells that nobody needs the folder any more.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from shardwright import errors

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["run_folder"]

_LOCK = ".lock"


@contextlib.contextmanager
def run_folder(parent: Path) -> Generator[Path]:
    """A new folder below `parent`, which only this user may read; EnvironmentFault if it cannot be made."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with (parent / f"all{_LOCK}").open("w") as all_folders:
            fcntl.flock(all_folders, fcntl.LOCK_EX)
            _sweep(parent)
            folder = Path(tempfile.mkdtemp(prefix="run-", dir=parent))
            own = folder.with_name(folder.name + _LOCK).open("w")
            fcntl.flock(own, fcntl.LOCK_EX)
    except OSError as problem:
        raise errors.EnvironmentFault(
            f"cannot write to {parent}: {problem.strerror}", hint="choose another place: SHARDWRIGHT_CACHE_DIR=/path"
        ) from problem
    with own:
        try:
            yield folder
        finally:
            _remove(folder)


def _sweep(parent: Path) -> None:
    for folder in parent.glob("run-*"):
        if folder.is_dir() and not _is_held(folder):
            _remove(folder)


def _is_held(folder: Path) -> bool:
    try:
        with folder.with_name(folder.name + _LOCK).open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.with_name(folder.name + _LOCK).unlink(missing_ok=True)
