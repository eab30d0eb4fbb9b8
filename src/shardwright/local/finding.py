"""Finds the processes of hosts: announced by themselves in a host's `processes` file, or merely seen.

A line of such a file is `{"name": ..., "pid": ...}` with the pid of the process's own namespace. What is seen: on a host
with namespaces of its own all processes in them, else those that descend from processes known already.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, cast

from shardwright.local import proc

if TYPE_CHECKING:
    from pathlib import Path

    from shardwright.local.deaths import Role
    from shardwright.local.hosts.base import Host
    from shardwright.local.proc import Process
    from shardwright.local.watch import Watch

__all__ = ["Finder"]


class Finder:
    """Looks for processes of the hosts that nobody told of."""

    def __init__(self, watch: Watch, hosts: tuple[Host, ...], announcements: tuple[Path, ...]) -> None:
        self._watch = watch
        self._hosts = hosts
        self._announcements = announcements
        self._read = [0] * len(hosts)  # bytes of each file that were read

    def has_news(self) -> bool:
        """Whether a host's file has grown; cheap."""
        return any(_size(path) > read for path, read in zip(self._announcements, self._read, strict=True))

    def find(self) -> None:
        """Hold every process of every host under the best name known."""
        announced = [(host, name, pid) for host in range(len(self._hosts)) for name, pid in self._new_lines(host)]
        known = proc.processes()
        for host in self._hosts:
            names = {pid: name for index, name, pid in announced if index == host.index}
            inside = self._processes_of(host, known)
            if host.first_process is None:
                inside |= names.keys() & known.keys()
            for pid in sorted(inside):
                self._hold(host, known[pid], names)
            for pid, name in names.items():
                self._watch.add_missing(pid, role="announced", name=name, host=host.index)

    def _hold(self, host: Host, process: Process, names: dict[int, str]) -> None:
        try:
            inner = process.pid if host.first_process is None else proc.inner_pid(process.pid)
        except ProcessLookupError:
            return
        name = names.get(inner)
        role: Role = "found" if name is None else "launcher" if name == "launcher" else "announced"
        if self._watch.add(process.pid, role=role, name=name or process.name, host=host.index):
            names.pop(inner, None)

    def _processes_of(self, host: Host, known: dict[int, Process]) -> set[int]:
        if host.first_process is not None:
            return _of_namespace(host.first_process, known)
        held = [member.process.pid for member in self._watch.members.values() if member.host == host.index]
        return {*held, *(pid for top in held for pid in proc.descendants(top, known))} & known.keys()

    def _new_lines(self, host: int) -> list[tuple[str, int]]:
        """Complete lines that were added to a host's file."""
        path = self._announcements[host]
        if _size(path) <= self._read[host]:
            return []
        with path.open("rb") as source:
            source.seek(self._read[host])
            content = source.read()
        complete = content[: content.rfind(b"\n") + 1]
        self._read[host] += len(complete)
        return [parsed for line in complete.splitlines() for parsed in _parse_line(line)]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _parse_line(line: bytes) -> list[tuple[str, int]]:
    """Name and pid of one line; nothing if a process wrote something else."""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        entry = cast("dict[str, object]", json.loads(line))
        return [(str(entry["name"]), int(cast("int", entry["pid"])))]
    return []


def _of_namespace(first_process: int, known: dict[int, Process]) -> set[int]:
    """Processes in the pid namespace of a host, its first one left out."""
    found: set[int] = set()
    with contextlib.suppress(ProcessLookupError):
        namespace = proc.namespace_of(first_process)
        for pid in known:
            with contextlib.suppress(ProcessLookupError):
                if pid != first_process and proc.namespace_of(pid) == namespace:
                    found.add(pid)
    return found
