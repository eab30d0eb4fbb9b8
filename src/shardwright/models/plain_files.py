"""Files of strangers, opened so that none can hold us up: no pipe is waited for and no device is read without end."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from shardwright import errors

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

__all__ = ["opened"]


@contextmanager
def opened(path: Path) -> Generator[BinaryIO]:
    """The file, open for reading; InputError if it is a pipe, a device or a folder. OSError comes through."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise errors.InputError(
                f"{path} is no plain file", hint="a model's files are plain files, or links to them"
            )
        yield file
