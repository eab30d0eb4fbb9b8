"""The programs of a test cluster: found where KUBEBUILDER_ASSETS points, or built once into the user's cache.

Programs that were built lie in `<cache>/test-cluster/<versions>/bin`, never in a checkout; two runs do not build at
once; a program is moved into place when it is whole. Go's own caches stay where the user has them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from shardwright import errors, units
from shardwright.testing.cluster import go_modules, pins
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from shardwright.testing.cluster.pins import Module, Pins

__all__ = ["CONTROL_PLANE", "Programs", "find_programs", "obtain_programs"]

CONTROL_PLANE = ("etcd", "kube-apiserver")
_DRAFT = ".building-"


@frozen
class Programs:
    """Where programs are."""

    folder: Path
    origin: str
    """In words, for messages: the variable, or the versions they were built from."""

    def path(self, name: str) -> str:
        """The program of that name."""
        return str(self.folder / name)


def find_programs(cache_dir: Path, assets: Path | None, names: Sequence[str] = CONTROL_PLANE) -> Programs | None:
    """The programs if they are there; None if they have to be built.

    `assets` is what KUBEBUILDER_ASSETS says: where it is set nothing else is looked at, and a program that is not there
    is an EnvironmentFault.
    """
    if assets is None:
        pinned = pins.load_pins()
        built = _built(cache_dir, pinned)
        return None if _missing(built.folder, names) else built
    lacking = _missing(assets, names)
    if lacking:
        raise errors.EnvironmentFault(
            f"KUBEBUILDER_ASSETS: {assets} does not hold {', '.join(lacking)}",
            hint="name a folder with them, or unset the variable to have them built",
        )
    return Programs(assets, "KUBEBUILDER_ASSETS")


def obtain_programs(
    cache_dir: Path,
    assets: Path | None = None,
    *,
    names: Sequence[str] = CONTROL_PLANE,
    report: Callable[[str], None] = print,
) -> Programs:
    """The programs, built now if they are not there: minutes of all processors and 3 GB of disk the first time.

    EnvironmentFault if Go is missing or too old, TargetError if a module cannot be fetched or built.
    """
    found = find_programs(cache_dir, assets, names)
    if found is not None:
        return found
    pinned = pins.load_pins()
    built = _built(cache_dir, pinned)
    with _locked(built.folder, report):
        _build_missing(pinned, _missing(built.folder, names), built.folder, report)
    return built


def _built(cache_dir: Path, pinned: Pins) -> Programs:
    return Programs(cache_dir / "test-cluster" / pinned.label / "bin", pinned.label)


def _missing(folder: Path, names: Sequence[str]) -> list[str]:
    return [name for name in names if not os.access(folder / name, os.X_OK)]


def _build_missing(pinned: Pins, names: Sequence[str], folder: Path, report: Callable[[str], None]) -> None:
    """Build what another run, which held the lock, has not built."""
    for draft in folder.glob(f"{_DRAFT}*"):
        shutil.rmtree(draft)  # of a build that was killed
    go = go_modules.find_go(pinned.oldest_go) if names else None
    for module in pinned.modules.values():
        wanted = [name for name in names if name in module.programs]
        if wanted and go:
            _build_module(go, module, wanted, folder, report)


def _build_module(
    go: go_modules.Go, module: Module, names: Sequence[str], folder: Path, report: Callable[[str], None]
) -> None:
    started = time.monotonic()
    what = f"{', '.join(names)} from {module.path} {module.version}"
    report(f"building {what}; once, some minutes")
    with tempfile.TemporaryDirectory(prefix=_DRAFT, dir=folder) as draft:
        go_modules.build(go, module, names, Path(draft))
        for name in names:
            (Path(draft) / name).replace(folder / name)
    report(f"built {what} in {units.format_seconds(time.monotonic() - started)}")


@contextlib.contextmanager
def _locked(folder: Path, report: Callable[[str], None]) -> Generator[None]:
    """One build at a time; the second waits and then finds it done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder.parent / "build.lock").open("w")
    except OSError as problem:
        raise errors.EnvironmentFault(
            f"cannot write to {folder}: {problem.strerror}", hint="choose another place: SHARDWRIGHT_CACHE_DIR=/path"
        ) from problem
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("another run is building the test cluster's programs; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
