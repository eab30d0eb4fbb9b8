"""Where a deployment of this machine keeps its files, and how they are written so that a reader never sees half of one.

    STATE/deployments/NAMESPACE/NAME/
      spec.json       the group as it was started          status.json    what is so now; replaced as a whole
      events.ndjson   what happened, one line each         members.json   processes, for a sweep after a crash
      lock            held as long as a supervisor lives   command.lock   held while a command changes something
      logs/           host-0.log ..., engine.log, supervisor.log
      processes/      host-0 ..., names that the engine's processes gave themselves
      revisions/      1.json ..., what was started and what became of it
      owner.json      the command that removes all this at its end, of a rehearsal

Reads and writes files only; what stands in them is others' matter. A supervisor is alive as long as it holds `lock`:
the kernel lets go of it however it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from shardwright import errors
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

__all__ = ["Place", "append_event", "place_of", "places", "read_json", "take_lock", "write_json", "write_revision"]

_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_KEPT_REVISIONS = 20


@frozen
class Place:
    """The folder of one deployment."""

    folder: Path

    @property
    def name(self) -> str:
        """`namespace/name`, as messages say it."""
        return f"{self.folder.parent.name}/{self.folder.name}"

    @property
    def spec(self) -> Path:
        """The group as it was started."""
        return self.folder / "spec.json"

    @property
    def status(self) -> Path:
        """What is so now."""
        return self.folder / "status.json"

    @property
    def events(self) -> Path:
        """What happened."""
        return self.folder / "events.ndjson"

    @property
    def members(self) -> Path:
        """Processes of the group."""
        return self.folder / "members.json"

    def log(self, name: str) -> Path:
        """Log of a host (`host-0`), of the `engine`'s loading or of the `supervisor`."""
        return self.folder / "logs" / f"{name}.log"

    def processes(self, host: int) -> Path:
        """Where the processes of a host write their names."""
        return self.folder / "processes" / f"host-{host}"

    def revision(self, number: int) -> Path:
        """What was started as that revision."""
        return self.folder / "revisions" / f"{number}.json"

    def revisions(self) -> list[int]:
        """Numbers of the revisions that are kept, oldest first."""
        return sorted(int(path.stem) for path in (self.folder / "revisions").glob("*.json"))

    def make(self) -> None:
        """Make the folders, readable by their owner only."""
        with _explained(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for name in ("logs", "processes", "revisions"):
                (self.folder / name).mkdir(exist_ok=True, mode=0o700)

    def clear_run(self) -> None:
        """Remove what the last run wrote; revisions stay."""
        for path in (self.events, self.members, *self.folder.glob("logs/*"), *self.folder.glob("processes/*")):
            path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the folder, and its namespace's if that was the last."""
        shutil.rmtree(self.folder)
        with contextlib.suppress(OSError):
            self.folder.parent.rmdir()


def place_of(state_dir: Path, namespace: str, name: str) -> Place:
    """The place of a deployment, there or not; InputError if the names could lead elsewhere."""
    for kind, value in (("namespace", namespace), ("name", name)):
        if _DNS_LABEL.fullmatch(value) is None:
            raise errors.InputError(
                f"{kind} {value!r} is no DNS label", hint="use lower-case letters, digits and dashes, at most 63"
            )
    return Place(state_dir / "deployments" / namespace / name)


def places(state_dir: Path) -> list[Place]:
    """All deployments, by namespace and name."""
    return [Place(folder) for folder in sorted((state_dir / "deployments").glob("*/*")) if folder.is_dir()]


def read_json(path: Path) -> dict[str, object]:
    """A file of ours; empty if it is not there or was cut off by a full disk."""
    try:
        content = cast("object", json.loads(path.read_bytes()))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return dict(cast("Mapping[str, object]", content)) if isinstance(content, Mapping) else {}


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Replace the file as a whole: readers see the old or the new one. EnvironmentFault if the disk is full."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    with _explained(path):
        try:
            new.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
            new.replace(path)
        except OSError:
            new.unlink(missing_ok=True)
            raise


def append_event(path: Path, content: Mapping[str, object]) -> None:
    """Add a line, in one write. EnvironmentFault if the disk is full."""
    with _explained(path), path.open("ab", buffering=0) as target:
        target.write(json.dumps(content).encode() + b"\n")


def write_revision(place: Place, content: Mapping[str, object]) -> int:
    """Keep what is started as the next revision, and only the latest of them; its number."""
    kept = place.revisions()
    number = kept[-1] + 1 if kept else 1
    write_json(place.revision(number), {"revision": number, **content})
    for old in kept[: max(0, len(kept) + 1 - _KEPT_REVISIONS)]:
        place.revision(old).unlink(missing_ok=True)
    return number


@contextlib.contextmanager
def take_lock(place: Place, kind: str, holder: str) -> Generator[int]:
    """Hold `lock` or `command.lock` and write who holds it; Conflict names who does if it is taken.

    Yields the descriptor: a process that inherits it keeps the lock when this one lets go.
    """
    descriptor = _lock_file(place, place.folder / kind)
    try:
        with contextlib.suppress(OSError):  # on a full disk it is held all the same: something is to be deleted
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, holder.encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _lock_file(place: Place, path: Path) -> int:
    while True:
        place.make()
        try:
            with _explained(path):
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            continue  # removed by `delete` a moment ago
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(path, descriptor):
                return descriptor
        except BlockingIOError as taken:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace")
            os.close(descriptor)
            raise errors.Conflict(
                f"{place.name} is held by {holder or 'another process'}",
                hint=f"wait for it, or end it: shardwright delete {place.folder.name} -n {place.folder.parent.name}",
            ) from taken
        os.close(descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether the locked file is the one that has this name now: `delete` removes it together with its folder."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def _explained(path: Path) -> Generator[None]:
    """A full disk, or a folder that may not be written, as an error of this machine; a missing folder stays what it is."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as problem:
        raise errors.EnvironmentFault(
            f"{path} cannot be written: {problem.strerror or problem}",
            hint="free some space or mend its rights, or set SHARDWRIGHT_STATE_DIR to another folder",
        ) from problem
