"""A real Ray for pods of the image `hostroot`: an environment of its own from a locked list, made once in the user's cache.

A digest of the list, written last, says that the environment is whole; one without it is finished by the next call.
"""

from __future__ import annotations

import hashlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from shardwright import units
from shardwright.local import environments

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["VERSION", "obtain"]

VERSION = "2.60.0"
_LOCK = Path(__file__).with_name(f"ray-{VERSION}.lock")
_MARKER = "whole"


def obtain(cache_dir: Path, *, report: Callable[[str], None] = print) -> Path:
    """The environment's folder, installed now if it is not there: 260 MB, seconds.

    TargetError where the packages cannot be had, EnvironmentFault where the cache cannot be written or uv is missing.
    """
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = cache_dir / "test-cluster" / f"ray-{VERSION}-py{python}"
    if _is_whole(folder):
        return folder
    with environments.locked(folder, report):
        if not _is_whole(folder):  # whoever waited finds what the other one made
            began = time.monotonic()
            report(f"installing Ray {VERSION} into {folder}; once")
            interpreter = environments.make(folder)
            environments.install(interpreter, ["--require-hashes", "--no-deps", "-r", str(_LOCK)])
            environments.call([str(interpreter), "-c", "import ray"])
            (folder / _MARKER).write_text(_digest(), "utf-8")
            report(f"installed Ray {VERSION} in {units.format_seconds(time.monotonic() - began)}")
    return folder


def _is_whole(folder: Path) -> bool:
    marker = folder / _MARKER
    return marker.is_file() and marker.read_text("utf-8") == _digest()


def _digest() -> str:
    return hashlib.sha256(_LOCK.read_bytes()).hexdigest()
