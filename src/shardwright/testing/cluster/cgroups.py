"""Control groups of a test cluster's nodes: made before a node starts, removed when it is gone.

One group a node in every hierarchy, so that two kubelets on one machine do not clean up each other's pods. Version 1
(also the hierarchy that is named `systemd` and has no controller) and version 2; only the first was tried.
Source: cgroups(7), the kernel's admin-guide cgroup-v2.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from shardwright.local import reservations

__all__ = ["PREFIX", "is_unified", "left_over", "make", "others", "remove", "sweep"]

PREFIX = "shardwright-node-"
_ROOT = Path("/sys/fs/cgroup")
_SECOND = "unified"
_TIMEOUT_SECONDS = 10.0


def is_unified() -> bool:
    """Whether the machine has version 2 only."""
    return (_ROOT / "cgroup.controllers").exists()


def make(name: str) -> None:
    """Make a node's group in all hierarchies; OSError where this is not allowed."""
    for hierarchy in _hierarchies():
        (hierarchy / name).mkdir(exist_ok=True)
    if is_unified():
        controllers = " ".join(f"+{each}" for each in (_ROOT / "cgroup.controllers").read_text("ascii").split())
        for group in (_ROOT, _ROOT / name):
            (group / "cgroup.subtree_control").write_text(controllers, "ascii")
        return
    for field in ("cpuset.cpus", "cpuset.mems"):  # empty in a new group, and an empty one takes no process
        (_ROOT / "cpuset" / name / field).write_text((_ROOT / "cpuset" / field).read_text("ascii"), "ascii")


def remove(name: str) -> None:
    """Remove a node's groups, once its processes are gone; the kernel takes a moment to notice that."""
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while left_over(name) and time.monotonic() < deadline:
        for group in left_over(name):
            for folder, _, _ in os.walk(group, topdown=False):
                with contextlib.suppress(OSError):
                    Path(folder).rmdir()
        time.sleep(0.02)


def left_over(name: str) -> list[Path]:
    """Groups of a node that are there."""
    return [hierarchy / name for hierarchy in _everywhere() if (hierarchy / name).is_dir()]


def others() -> set[str]:
    """Names of all nodes' groups that are there."""
    return {group.name for hierarchy in _everywhere() for group in hierarchy.glob(f"{PREFIX}*")}


def sweep() -> None:
    """Remove the groups of nodes whose run was killed: nobody holds their names."""
    for name in others():
        held = reservations.reserve(name)
        if held is not None:
            with held:
                remove(name)


def _hierarchies() -> list[Path]:
    if is_unified():
        return [_ROOT]
    return [path for path in _ROOT.iterdir() if (path / "cgroup.procs").exists() and path.name != _SECOND]


def _everywhere() -> list[Path]:
    """All hierarchies; also version 2 beside version 1, where containerd makes groups by itself."""
    return [*_hierarchies(), *([_ROOT / _SECOND] if (_ROOT / _SECOND).is_dir() else [])]
