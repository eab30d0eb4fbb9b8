"""Brings a group up on hosts that exist: load the engine, start the hosts' programs, wait until the leader serves."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any

from shardwright import errors
from shardwright.local import kernel, launching, probe, spawning
from shardwright.local.warm import WarmParent

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from shardwright.local.launching import Setup
    from shardwright.local.record import Record
    from shardwright.local.watch import Watch

__all__ = ["BringUp"]

_PROBE_SECONDS = 0.2


class BringUp:
    """The way of one group to its first answer."""

    def __init__(self, setup: Setup, record: Record, watch: Watch) -> None:
        self._setup = setup
        self._record = record
        self._watch = watch
        self._warm: WarmParent | None = None
        self._launchers: list[int] = []
        self._refused = ""
        self._loaded: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Until the group is ready; TimeoutError names what took too long, ShardwrightError and OSError what failed."""
        group = self._setup.group
        for host in self._setup.hosts.hosts:
            if host.first_process is not None:
                self._watch.add(host.first_process, role="host", name=host.name, host=host.index)
        if group.engine.warm is not None:
            await self._in_time(self._load_engine(), "the engine is not loaded")
        self._record.enter("starting")
        self._start_programs()
        address = self._setup.hosts.hosts[0].address
        trouble = f"the leader does not answer on http://{address}:{self._setup.serve_port}{group.probe_path}"
        await self._in_time(self._until_serving(address), trouble)
        self._record.enter("ready", readySeconds=self._record.seconds())

    def ask_to_end(self) -> None:
        """Ask each host's program to end that was not asked yet."""
        while self._launchers:
            self._watch.signal(self._launchers.pop(), signal.SIGTERM)

    def close(self) -> None:
        """Let the engine's loader end."""
        if self._warm is not None:
            self._warm.close()

    async def _in_time(self, work: Coroutine[Any, Any, None], trouble: str) -> None:
        budget = self._setup.group.startup_budget_seconds
        try:
            async with asyncio.timeout(budget):
                await work
        except TimeoutError:
            raise TimeoutError(f"{trouble} after {budget} s") from None

    async def _load_engine(self) -> None:
        self._record.enter("warming")
        self._warm = WarmParent(launching.warm_command(self._setup), self._hear)
        self._watch.add(self._warm.pid, role="engine", name="the engine's loader", host=None)
        seconds = await self._loaded
        self._record.update(warmSeconds=seconds)

    def _start_programs(self) -> None:
        for host in self._setup.hosts.hosts:
            if self._warm is not None:
                self._warm.start(host.name, launching.warm_order(self._setup, host))
            else:
                pid = spawning.spawn(launching.host_command(self._setup, host), enter=host.first_process)
                self._note_start(host.index, pid)

    def _note_start(self, host: int, pid: int) -> None:
        self._launchers.append(pid)
        self._record.event("started", host=f"host-{host}", pid=pid)
        if not self._watch.add(pid, role="launcher", name="launcher", host=host):
            self._watch.add_missing(pid, role="launcher", name="launcher", host=host)

    def _hear(self, message: dict[str, object]) -> None:
        """Something that the warm parent says."""
        kind, name = message.get("event"), str(message.get("id", ""))
        if kind == "warm" and not self._loaded.done():
            self._loaded.set_result(float(str(message["seconds"])))
        elif kind == "started":
            self._note_start(_index(name), int(str(message["pid"])))
        elif kind == "exited":
            code, number = (None if message.get(key) is None else int(str(message[key])) for key in ("code", "signal"))
            self._watch.explain_launcher(_index(name), kernel.Outcome(code, number))
        elif kind == "refused":
            self._refused = f"the engine's loader did not start {name}: {message.get('reason')}"

    async def _until_serving(self, address: str) -> None:
        while not await probe.serves(address, self._setup.serve_port, self._setup.group.probe_path):
            if self._refused:
                raise errors.TargetError(self._refused)
            await asyncio.sleep(_PROBE_SECONDS)


def _index(name: str) -> int:
    """Index of the host with that name."""
    return int(name.rpartition("-")[2])
