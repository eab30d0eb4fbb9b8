"""Engine environments on this machine: made by uv from locked lists, compiled, checked, listed, removed.

An engine never shares an environment with this tool: it pins its own web stack. The marker file is written last, so an
environment without one is unfinished and the next installation goes on with it. torch is taken, in this order, from the
user's wheel folders, from PyTorch's index of CPU builds, or, locked and with its CUDA libraries, from the public index.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from shardwright import errors, units
from shardwright.local import environments
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    import psutil

    from shardwright.core.plugins import EngineBuild

__all__ = ["EngineEnvironment", "find", "install", "installed", "remove"]

MARKER = "shardwright-engine.json"


@frozen
class EngineEnvironment:
    """An engine that is installed and was checked."""

    engine: str
    version: str
    device: str
    folder: str
    torch_source: str
    """`wheel folder`, `PyTorch's CPU index` or `public index`."""
    lock_digest: str
    install_seconds: float

    @property
    def python(self) -> Path:
        """The engine's own interpreter."""
        return Path(self.folder) / "bin" / "python"


def folder_of(engines_dir: Path, build: EngineBuild) -> Path:
    """Where a build belongs."""
    return engines_dir / f"{build.engine}-{build.version}-{build.device}"


def installed(engines_dir: Path) -> list[EngineEnvironment]:
    """All finished environments, by name."""
    found = (_read_marker(marker) for marker in sorted(engines_dir.glob(f"*/{MARKER}")))
    return [environment for environment in found if environment]


def find(engines_dir: Path, build: EngineBuild) -> EngineEnvironment:
    """The finished environment of a build; EnvironmentFault if there is none or the lock has changed since."""
    marker = folder_of(engines_dir, build) / MARKER
    environment = _read_marker(marker)
    cure = f"shardwright engine install --version {build.version}"
    if environment is None or not environment.python.exists():
        raise errors.EnvironmentFault(
            f"engine {build.engine} {build.version} ({build.device}) is not installed in {engines_dir}",
            hint=f"run: {cure}",
        )
    if environment.lock_digest != _lock_digest(build):
        raise errors.EnvironmentFault(
            f"engine {build.engine} {build.version} was installed from an older list of packages", hint=f"run: {cure}"
        )
    return environment


def install(
    engines_dir: Path, build: EngineBuild, *, wheel_dirs: tuple[Path, ...], report: Callable[[str], None]
) -> EngineEnvironment:
    """Make the environment, or finish one that was begun; does nothing if it is there already."""
    folder = folder_of(engines_dir, build)
    if (there := _finished(engines_dir, build)) is not None:
        return there
    _check_python(build)
    with environments.locked(folder, report):
        # Whoever waited for the lock finds what the other one made.
        if (there := _finished(engines_dir, build)) is not None:
            return there
        started = time.monotonic()
        _check_disk(folder, build)
        report(f"installing {build.engine} {build.version} ({build.device}) into {folder}")
        python = environments.make(folder)
        _run(python, ["--require-hashes", "--no-deps", "-r", build.lock], report, "packages of the engine")
        torch_source = _install_torch(python, build, wheel_dirs, report)
        report("checking that it can be imported")
        _check_import(python, build)
        environment = EngineEnvironment(
            engine=build.engine,
            version=build.version,
            device=build.device,
            folder=str(folder),
            torch_source=torch_source,
            lock_digest=_lock_digest(build),
            install_seconds=round(time.monotonic() - started, 1),
        )
        _write_marker(folder / MARKER, environment)
    return environment


def _finished(engines_dir: Path, build: EngineBuild) -> EngineEnvironment | None:
    try:
        return find(engines_dir, build)
    except errors.EnvironmentFault:
        return None


def remove(engines_dir: Path, build: EngineBuild) -> int:
    """Remove an environment, finished or not; returns the bytes freed. Conflict if a process runs from it."""
    import psutil  # noqa: PLC0415 - only here, and it takes 20 ms

    folder = folder_of(engines_dir, build)
    if not folder.is_dir():
        raise errors.NotFound(f"engine {build.engine} {build.version} is not installed in {engines_dir}")
    users = [str(process.pid) for process in psutil.process_iter() if _runs_from(process, folder)]
    if users:
        raise errors.Conflict(
            f"engine {build.engine} {build.version} is in use by process {', '.join(users)}",
            hint="end what it serves first: shardwright status, shardwright delete NAME",
        )
    freed_bytes = _disk_use(folder)
    # Renamed first: what is left of an interrupted removal is not taken for an environment.
    trash = folder.with_name(f".removed-{folder.name}-{os.getpid()}")
    folder.rename(trash)
    shutil.rmtree(trash)
    return freed_bytes


def _runs_from(process: psutil.Process, folder: Path) -> bool:
    """Whether a process was started with a program of this folder; one that has gone, or is hidden, does not count."""
    import psutil  # noqa: PLC0415 - as above

    try:
        return any(part.startswith(f"{folder}{os.sep}") for part in process.cmdline())
    except psutil.Error:
        return False


def _read_marker(marker: Path) -> EngineEnvironment | None:
    try:
        return EngineEnvironment(**json.loads(marker.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        # Missing, torn or written by another version: the environment counts as unfinished.
        return None


def _write_marker(marker: Path, environment: EngineEnvironment) -> None:
    draft = marker.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(environment), indent=2), "utf-8")
    draft.replace(marker)


def _lock_digest(build: EngineBuild) -> str:
    digest = hashlib.sha256()
    for path in (build.lock, build.torch_lock):
        digest.update(Path(path).read_bytes())
    return digest.hexdigest()


def _check_python(build: EngineBuild) -> None:
    first, stop = (tuple(int(part) for part in version.split(".")) for version in build.python)
    seen = sys.version_info[:2]
    if not first <= seen < stop:
        raise errors.EnvironmentFault(
            f"engine {build.engine} {build.version} runs on Python {build.python[0]} to below {build.python[1]}, this is "
            f"Python {seen[0]}.{seen[1]}",
            hint=f"install shardwright with Python {build.python[0]}",
        )


def _check_disk(folder: Path, build: EngineBuild) -> None:
    there = _disk_use(folder) if folder.is_dir() else 0
    free_bytes = shutil.disk_usage(folder.parent).free
    if free_bytes + there < build.disk_bytes:
        raise errors.EnvironmentFault(
            f"engine {build.engine} {build.version} needs {units.format_bytes(build.disk_bytes)} in {folder.parent}, "
            f"{units.format_bytes(free_bytes)} are free",
            hint="free some space, or choose another place: SHARDWRIGHT_ENGINES_DIR=/path",
        )


def _disk_use(folder: Path) -> int:
    return sum(entry.lstat().st_blocks * 512 for entry in folder.rglob("*") if not entry.is_dir())


def _install_torch(
    python: Path, build: EngineBuild, wheel_dirs: tuple[Path, ...], report: Callable[[str], None]
) -> str:
    """Install torch from the first place that has it; returns the place's name."""
    requirement = f"torch=={build.torch_version}"
    for folder in wheel_dirs:
        if any(folder.glob(f"torch-{build.torch_version}*.whl")):
            arguments = ["--no-deps", "--no-index", "--find-links", str(folder), requirement]
            _run(python, arguments, report, f"torch from {folder}")
            return "wheel folder"
    try:
        _run(python, ["--no-deps", "--torch-backend", "cpu", requirement], report, "torch for CPUs", retries=0)
    except errors.TargetError:
        report("PyTorch's index of CPU builds does not answer; taking the larger build of the public index")
    else:
        return "PyTorch's CPU index"
    _run(python, ["--require-hashes", "--no-deps", "-r", build.torch_lock], report, "torch with its CUDA libraries")
    return "public index"


def _run(
    python: Path, arguments: list[str], report: Callable[[str], None], what: str, *, retries: int | None = None
) -> None:
    started = time.monotonic()
    report(f"installing {what}")
    environments.install(python, arguments, retries=retries)
    report(f"installed {what} in {units.format_seconds(time.monotonic() - started)}")


def _check_import(python: Path, build: EngineBuild) -> None:
    environments.call([str(python), "-c", build.check])
