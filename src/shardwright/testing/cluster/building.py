"""The programs of a test cluster: found where KUBEBUILDER_ASSETS points, or built once into the user's cache.

Programs that were built lie in `<cache>/test-cluster/programs/<module>-<version>`, never in a checkout; two runs do not
build at once; a program is moved into place when it is whole. Go's own caches stay where the user has them.
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
    from collections.abc import Callable, Generator, Mapping, Sequence

    from shardwright.testing.cluster.pins import Pins

__all__ = ["ENVTEST", "Programs", "find_programs", "missing_programs", "obtain_programs"]

ENVTEST = ("etcd", "kube-apiserver")
"""What every folder that KUBEBUILDER_ASSETS names has to hold; what else it holds is taken, the rest is built."""
_DRAFT = ".building-"
_REPORT_SECONDS = 30.0


@frozen
class Programs:
    """Where programs are."""

    paths: Mapping[str, Path]

    def path(self, name: str) -> str:
        """The program of that name; KeyError if it was not asked for."""
        return str(self.paths[name])


def missing_programs(cache_dir: Path, assets: Path | None, names: Sequence[str]) -> tuple[str, ...]:
    """Those of these programs that would have to be built; EnvironmentFault if the assets lack what they must hold."""
    return tuple(name for name, path in _places(cache_dir, assets, names).items() if not _is_program(path))


def find_programs(cache_dir: Path, assets: Path | None, names: Sequence[str] = ENVTEST) -> Programs | None:
    """The programs if they are there; None if some have to be built.

    `assets` is what KUBEBUILDER_ASSETS says: the programs in it are taken, and where it lacks etcd or kube-apiserver
    that is an EnvironmentFault.
    """
    places = _places(cache_dir, assets, names)
    return Programs(places) if all(map(_is_program, places.values())) else None


def obtain_programs(
    cache_dir: Path,
    assets: Path | None = None,
    *,
    names: Sequence[str] = ENVTEST,
    report: Callable[[str], None] = print,
) -> Programs:
    """The programs, built now if they are not there: many minutes of all processors and 4 GB of disk the first time.

    EnvironmentFault if Go is missing or too old, TargetError if a module cannot be fetched or built.
    """
    found = find_programs(cache_dir, assets, names)
    if found is not None:
        return found
    places = _places(cache_dir, assets, names)
    with _locked(cache_dir / "test-cluster", report):
        _build_missing(pins.load_pins(), places, report)
    return Programs(places)


def _places(cache_dir: Path, assets: Path | None, names: Sequence[str]) -> dict[str, Path]:
    """Where each program is, or will be."""
    built = {name: _built(cache_dir, name) for name in names}
    if assets is None:
        return built
    lacking = [name for name in ENVTEST if name in names and not _is_program(assets / name)]
    if lacking:
        raise errors.EnvironmentFault(
            f"KUBEBUILDER_ASSETS: {assets} does not hold {', '.join(lacking)}",
            hint="name a folder with them, or unset the variable to have them built",
        )
    return {name: assets / name if _is_program(assets / name) else path for name, path in built.items()}


def _built(cache_dir: Path, program: str) -> Path:
    pinned = pins.load_pins()
    module = pinned.module_of(program)
    return cache_dir / "test-cluster" / "programs" / f"{module}-{pinned.modules[module].version}" / program


def _is_program(path: Path) -> bool:
    return os.access(path, os.X_OK)


def _build_missing(pinned: Pins, places: Mapping[str, Path], report: Callable[[str], None]) -> None:
    """Build what another run, which held the lock, has not built."""
    wanted = {name: path for name, path in places.items() if not _is_program(path)}
    go = go_modules.find_go(pinned.oldest_go) if wanted else None
    for number, (name, path) in enumerate(wanted.items(), 1):
        if go:
            _build(go, name, path, lambda line, number=number: report(f"[{number}/{len(wanted)}] {line}"))


def _build(go: go_modules.Go, name: str, path: Path, report: Callable[[str], None]) -> None:
    pinned = pins.load_pins()
    module = pinned.modules[pinned.module_of(name)]
    started = reported = time.monotonic()

    def compiled(packages: int, at_most: int) -> None:
        nonlocal reported
        if time.monotonic() - reported > _REPORT_SECONDS:
            reported = time.monotonic()
            report(f"{name}: {packages} packages compiled, of at most {at_most}")

    report(f"building {name} from {module.path} {module.version}; once, some minutes")
    path.parent.mkdir(parents=True, exist_ok=True)
    for draft in path.parent.glob(f"{_DRAFT}*"):
        shutil.rmtree(draft)  # of a build that was killed
    with tempfile.TemporaryDirectory(prefix=_DRAFT, dir=path.parent) as draft:
        go_modules.build(go, module, name, Path(draft), compiled)
        (Path(draft) / name).replace(path)
    report(f"built {name} in {units.format_seconds(time.monotonic() - started)}")


@contextlib.contextmanager
def _locked(folder: Path, report: Callable[[str], None]) -> Generator[None]:
    """One build at a time; the second waits and then finds it done."""
    try:
        (folder / "programs").mkdir(parents=True, exist_ok=True)
        lock = (folder / "build.lock").open("w")
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
