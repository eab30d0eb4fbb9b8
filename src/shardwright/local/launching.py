"""What each host's program is started with: placeholders filled in, the environment, files for logs and names.

The environment of engine processes is that of whoever started the group, without what would lead another Python astray,
and with the group's own variables on top.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.local import spec, sweeping
from shardwright.local.spawning import Command
from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.local.hosts.base import Host, Hosts
    from shardwright.local.spec import LocalGroup
    from shardwright.local.state import Place

__all__ = ["Setup", "host_command", "warm_command", "warm_order"]

_OTHER_PYTHONS = ("PYTHONHOME", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")


@frozen
class Setup:
    """All that was decided before anything of the engine starts."""

    group: LocalGroup
    hosts: Hosts
    serve_port: int
    group_port: int
    run: str
    place: Place


def host_command(setup: Setup, host: Host) -> Command:
    """What runs on that host; EnvironmentFault if a variable that is passed on is not set."""
    values = _values(setup, host)
    program = setup.group.program(host.index)
    known = dict(values)
    for name, value in program.environment:
        known[name] = spec.expand(value, known)
    own = {
        "TMPDIR": str(host.temporary_folder),
        "SHARDWRIGHT_PROCESSES": str(setup.place.processes(host.index)),
        "SHARDWRIGHT_SHARED_MEMORY_PREFIX": sweeping.shared_memory_prefix(setup.run),
    }
    if host.first_process is not None:
        own["HOSTNAME"] = host.name
    _demand_set(program.passed_on)
    return Command(
        argv=tuple(spec.expand(part, known) for part in program.argv),
        environment=_base_environment(setup) | own | known,
        output=setup.place.log(host.name),
    )


def warm_command(setup: Setup) -> Command:
    """The program that loads the engine for all hosts; it gets the variables that are the same on all of them."""
    leader, worker = (dict(setup.group.program(index).environment) for index in (0, setup.group.hosts - 1))
    common = {name: value for name, value in leader.items() if worker.get(name) == value and "$" not in value}
    return Command(
        argv=setup.group.engine.warm or (),
        environment=_base_environment(setup) | {"TMPDIR": str(setup.hosts.hosts[0].temporary_folder.parent)} | common,
        output=setup.place.log("engine"),
    )


def warm_order(setup: Setup, host: Host) -> dict[str, object]:
    """What the warm parent is told to start on that host."""
    command = host_command(setup, host)
    return {
        "argv": list(command.argv[1:]),  # its first word is the program, which the warm parent is already
        "env": dict(command.environment),
        "log": str(command.output),
        "processes": str(setup.place.processes(host.index)),
        "enter": host.first_process,
        "shared_memory_prefix": sweeping.shared_memory_prefix(setup.run),
    }


def _base_environment(setup: Setup) -> dict[str, str]:
    """For all processes of the engine: its programs are found first, and the run's label is on each."""
    environment = {name: value for name, value in os.environ.items() if name not in _OTHER_PYTHONS}
    if setup.group.engine.python is not None:
        programs = str(Path(setup.group.engine.python).parent)
        environment["PATH"] = os.pathsep.join((programs, environment.get("PATH", os.defpath)))
    return environment | {sweeping.RUN_VARIABLE: setup.run}


def _values(setup: Setup, host: Host) -> dict[str, str]:
    """What the placeholders stand for on that host."""
    return {
        "SHARDWRIGHT_LEADER_ADDRESS": setup.hosts.hosts[0].address,
        "SHARDWRIGHT_MEMBER_INDEX": str(host.index),
        "SHARDWRIGHT_OWN_ADDRESS": host.address,
        "SHARDWRIGHT_INTERFACE": host.interface,
        "SHARDWRIGHT_SERVE_PORT": str(setup.serve_port),
        "SHARDWRIGHT_GROUP_PORT": str(setup.group_port),
    }


def _demand_set(names: tuple[str, ...]) -> None:
    for name in names:
        if name not in os.environ:
            raise errors.EnvironmentFault(
                f"the recipe takes {name} from a Secret; on this machine it comes from the environment, where it is not set",
                hint=f"export {name}=...",
            )
