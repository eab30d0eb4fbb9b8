"""The processes that own a run: `python -m shardwright.local.supervisor FOLDER --lock N [--starter PID TICKS]`.

Two processes, one program. The *guard* does nothing but wait for the *supervisor*, its child, which makes the hosts and
runs the group. However the supervisor ends, the guard ends what descends from it, removes what is left and writes the
last status; both are subreapers, so that nothing descends from anyone else. When the guard is killed, the kernel
tells the supervisor, which ends the group in order. When both are killed at once, hosts with namespaces end with them;
the rest is swept by the next command.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.local import hosts as hosts_of
from shardwright.local import kernel, proc, spec, state, sweeping
from shardwright.local.group_run import End, GroupRun
from shardwright.local.launching import Setup
from shardwright.local.record import Record
from shardwright.local.state import Place

if TYPE_CHECKING:
    from collections.abc import Generator

    from shardwright.local.hosts import Hosts
    from shardwright.local.spec import LocalGroup

_KILL_SECONDS = 10.0
_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main(arguments: list[str]) -> int:
    """Take over the lock, start the supervisor, guard it; 0 if the run ended in order."""
    parser = argparse.ArgumentParser(
        prog="shardwright.local.supervisor", description="internal; started by shardwright"
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lock", type=int, required=True)
    parser.add_argument("--starter", type=int, nargs=2, metavar=("PID", "TICKS"))
    options = parser.parse_args(arguments)
    os.set_inheritable(options.lock, False)  # noqa: FBT003 - its signature; held by guard and supervisor, by nothing that they start
    place = Place(options.folder)
    starter = proc.Identity(*options.starter) if options.starter else None
    kernel.become_subreaper()
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)  # until each of the two is ready for them
    guard = os.getpid()
    child = os.fork()
    if child:
        return _guard(place, child)
    os.setpgid(0, 0)
    kernel.become_subreaper()
    kernel.set_death_signal(signal.SIGTERM)
    if os.getppid() != guard:
        return 1  # it ended before it could be noticed; nothing has been made yet
    return _supervise(place, guard, starter)


def _guard(place: Place, supervisor: int) -> int:
    """Wait for the supervisor, pass wishes on to it, and make sure that nothing outlives it."""
    for number in _STOPPING:
        signal.signal(number, lambda _number, _frame: _pass_on(supervisor))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
    _, status = os.waitpid(supervisor, 0)
    proc.kill_descendants(_KILL_SECONDS)
    outcome = kernel.outcome_of_status(status)
    how = (
        f"exited with code {outcome.code}"
        if outcome.signal is None
        else f"was killed by {signal.Signals(outcome.signal).name}"
    )
    sweeping.mark_vanished(place, f"the supervisor {how}; the group was ended with it")
    return 0


def _pass_on(supervisor: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(supervisor, signal.SIGTERM)


def _supervise(place: Place, guard: int, starter: proc.Identity | None) -> int:
    """Make the hosts, run the group, leave nothing; the record says what became of it."""
    record = Record(place)
    own, other = proc.identity(os.getpid()), proc.identity(guard)
    record.update(supervisor=[own.pid, own.start_ticks], guard=[other.pid, other.start_ticks])
    record.event("state", state="preparing")
    hosts: Hosts | None = None
    facts: dict[str, object] = {}
    try:
        group = spec.parse_group(state.read_json(place.spec))
        hosts = _open_hosts(group, record)
        setup = _choose_ports(group, hosts, record)
        end, facts = asyncio.run(_run(setup, record, guard, starter))
    except (errors.ShardwrightError, OSError) as problem:
        end = _end_of(problem)
    leftovers = proc.kill_descendants(_KILL_SECONDS)
    if hosts is not None:
        hosts.close()
    sweeping.clean(record.run, record.runtime_folder)
    if leftovers:
        facts["leftovers"] = leftovers
    record.end(end.reason, end.message, code=end.code, hint=end.hint, **facts)
    return 0


def _end_of(problem: errors.ShardwrightError | OSError) -> End:
    if isinstance(problem, errors.ShardwrightError):
        return End("failed", problem.message, problem.code, problem.hint)
    return End("failed", str(problem), errors.EnvironmentFault.code)


def _open_hosts(group: LocalGroup, record: Record) -> Hosts:
    record.runtime_folder.mkdir(mode=0o700)
    order = hosts_of.Order(
        run=record.run,
        count=group.hosts,
        runtime_folder=record.runtime_folder,
        shared_memory_bytes=group.shared_memory_bytes,
        output=record.place.log("supervisor"),
    )
    return hosts_of.open_hosts(group.host_kind, order, lambda text: record.event("note", text=text))


def _choose_ports(group: LocalGroup, hosts: Hosts, record: Record) -> Setup:
    serve = hosts.choose_port(group.serve_port, pinned=group.serve_port_pinned)
    meeting = hosts.choose_port(group.group_port, pinned=False)
    leader = hosts.hosts[0].address
    record.update(
        hostKind=hosts.kind,
        address=leader,
        servePort=serve,
        groupPort=meeting,
        url=f"http://{leader}:{serve}",
        hosts=[
            {"name": host.name, "address": host.address, "ranks": list(group.ranks(host.index))} for host in hosts.hosts
        ],
    )
    return Setup(group, hosts, serve, meeting, record.run, record.place)


async def _run(
    setup: Setup, record: Record, guard: int, starter: proc.Identity | None
) -> tuple[End, dict[str, object]]:
    """Run the group until it ends and all processes are gone; why, and what is to be written down about it."""
    run = GroupRun(setup, record)
    loop = asyncio.get_running_loop()
    for number in _STOPPING:
        loop.add_signal_handler(number, lambda: run.ask_end(_end_by_signal(guard)))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
    try:
        with _watched(starter, run):
            end = await run.run()
        proc.kill_descendants(_KILL_SECONDS)
        await asyncio.sleep(0)  # let the last deaths be told
        run.close()
    finally:
        for number in _STOPPING:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)  # nothing is left to stop; what follows is cleaning
    return run.explained(end), {"firstDeath": run.first_death()}


def _end_by_signal(guard: int) -> End:
    if os.getppid() == guard:
        return End("stopped", "ended on request")
    return End("failed", "the supervisor's guard was killed; the group was ended with it", "supervisor-vanished")


@contextlib.contextmanager
def _watched(starter: proc.Identity | None, run: GroupRun) -> Generator[None]:
    """End the run when the command that it is tied to is gone, however that ended."""
    if starter is None:
        yield
        return
    end = End("stopped", f"the command that started it (pid {starter.pid}) is gone")
    try:
        pidfd = os.pidfd_open(starter.pid)
    except ProcessLookupError:
        run.ask_end(end)
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_reader(pidfd, run.ask_end, end)
    try:
        if not proc.is_alive(starter):
            run.ask_end(end)
        yield
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
