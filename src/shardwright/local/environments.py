"""Python environments apart from this tool's own: made by uv, one installation at a time into a folder."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from shardwright import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

__all__ = ["call", "install", "locked", "make"]

_UNWANTED = frozenset({"PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV"})
"""PYTHONDONTWRITEBYTECODE would also stop the compilation that makes what is installed start in time."""


@contextmanager
def locked(folder: Path, report: Callable[[str], None]) -> Generator[None]:
    """One installation at a time into a folder; the second waits and then finds it done."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = (folder.parent / f".{folder.name}.lock").open("w")
    except OSError as problem:
        raise errors.EnvironmentFault(
            f"cannot write to {folder}: {problem.strerror}",
            hint="choose another place: SHARDWRIGHT_ENGINES_DIR=/path, SHARDWRIGHT_CACHE_DIR=/path",
        ) from problem
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"another installation into {folder} is going on; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def make(folder: Path) -> Path:
    """An environment of the Python that runs this, or the one that is there; its interpreter."""
    python = folder / "bin" / "python"
    if not python.exists():
        call([_uv(), "venv", "--quiet", "--no-project", "--allow-existing", "--python", sys.executable, str(folder)])
    return python


def install(python: Path, arguments: Sequence[str], *, retries: int | None = None) -> None:
    """`uv pip install` with these arguments into the environment of that interpreter; TargetError with what it said."""
    command = [_uv(), "pip", "install", "--compile-bytecode", "--python", str(python), *arguments]
    call(command, environment={} if retries is None else {"UV_HTTP_RETRIES": str(retries)})


def call(command: Sequence[str], *, environment: dict[str, str] | None = None) -> None:
    """Run a program to its end; TargetError with its last lines if it fails."""
    inherited = {name: value for name, value in os.environ.items() if name not in _UNWANTED}
    # Certificates as the system has them, as pip does, unless the user says otherwise.
    settings = {"UV_SYSTEM_CERTS": "true"} | inherited | (environment or {})
    done = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        told = "\n    ".join(lines[-12:])
        raise errors.TargetError(
            f"{Path(command[0]).name} {command[1]} failed with exit code {done.returncode}:\n    {told}",
            hint="run the same command again: what is there already is kept",
        )


def _uv() -> str:
    import uv  # noqa: PLC0415 - only where something is installed

    try:
        return uv.find_uv_bin()
    except FileNotFoundError as problem:
        raise errors.EnvironmentFault("the program uv is missing", hint="install it: pip install uv") from problem
