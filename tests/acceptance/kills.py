"""Kills one process of a running group with SIGKILL at a drawn moment, and looks at what the tool says and leaves."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import psutil
from stories import STATES, Home, local_recipe, shared_twin, traces

from waiting import wait_for

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

NAME = "killed"
LATEST_SECONDS = {"preparing": 0.1, "warming": 6.0, "starting": 1.8, "ready": 1.0}
"""How long after the beginning of a phase the kill may come; about as long as the phase lasts with warm caches."""
WEIGHTS = {"preparing": 1, "warming": 2, "starting": 4, "ready": 3}


@dataclass(frozen=True, slots=True)
class Draw:
    """What chance decided: how the group is run, when it is hit, and which of the processes that live then is."""

    seed: int
    command: str
    hosts: str
    tensor: int
    phase: str
    delay_seconds: float
    pick: float


@dataclass(frozen=True, slots=True)
class Victim:
    """The process that was killed."""

    pid: int
    name: str
    said: tuple[str, ...]
    """Texts that the tool has to say of it."""
    is_vital: bool = True
    """False: the group may go on without it."""


@dataclass(slots=True)
class Outcome:
    """What became of one run."""

    seed: int
    command: str
    hosts: str
    tensor: int
    phase: str
    seconds: float = 0.0
    """When the kill came, since the command was started."""
    victim: str = "none: the command was over"
    said: str = ""
    named: bool = True
    leftovers: list[str] = field(default_factory=list[str])

    def line(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self))


def draw(seed: int) -> Draw:
    """The same seed draws the same; a rehearsal serves too shortly to be hit then."""
    chance = random.Random(seed)  # noqa: S311 - not a secret
    phase = chance.choices([*WEIGHTS], [*WEIGHTS.values()])[0]
    return Draw(
        seed=seed,
        phase=phase,
        command="apply" if phase == "ready" else chance.choice(["apply", "rehearse"]),
        hosts=chance.choice(["netns", "netns", "loopback"]) if os.geteuid() == 0 else "loopback",
        tensor=2 if seed % 5 == 3 else 1,
        delay_seconds=chance.uniform(0, LATEST_SECONDS[phase]),
        pick=chance.random(),
    )


def run(home: Home, drawn: Draw, folder: Path) -> Outcome:
    """Start a group, kill one of its processes, wait until the tool has said what it has to, and clean up as users do."""
    outcome = Outcome(drawn.seed, drawn.command, drawn.hosts, drawn.tensor, drawn.phase)
    began = time.monotonic()
    command = _start(home, drawn, folder)
    hit, outcome.phase = _kill(home, drawn, command)
    label = str(home.peek().get("run", "none"))
    outcome.seconds = round(time.monotonic() - began, 2)
    complaint = command.communicate(timeout=120)[1]
    status = _settled(home, hit) if drawn.command == "apply" else {}
    outcome.said = _last_words(complaint, status)
    if hit is not None:
        outcome.victim = hit.name
        may_go_on = not hit.is_vital or (drawn.command == "rehearse" and outcome.phase == "ready")
        went_on = command.returncode == 0 and status.get("state", "ready") == "ready"
        outcome.named = all(text in outcome.said for text in hit.said) or (went_on and may_go_on)
    if drawn.command == "apply" and status:
        home.run("delete", NAME, "-y")
    outcome.leftovers = _left(home, label)
    return outcome


def _start(home: Home, drawn: Draw, folder: Path) -> subprocess.Popen[str]:
    recipe = folder / "recipe.yaml"
    text = local_recipe(NAME, shared_twin(2, 2), tensor=drawn.tensor, pipeline=2, hosts=drawn.hosts)
    recipe.write_text(text, "utf-8")
    options = ["-y"] if drawn.command == "apply" else ["--hosts", drawn.hosts]
    return home.start(drawn.command, "-f", str(recipe), *options)


def _kill(home: Home, drawn: Draw, command: subprocess.Popen[str]) -> tuple[Victim | None, str]:
    """Kill whom chance chose at the moment it chose, and the phase then; None if nothing runs any more."""
    while not _has_reached(home.peek(), drawn.phase) and command.poll() is None:
        time.sleep(0.005)
    time.sleep(drawn.delay_seconds)
    while living := _victims(status := home.peek()):
        victim = living[int(drawn.pick * len(living))]
        try:
            os.kill(victim.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        return victim, status["state"]
    return None, "ended"


def _has_reached(status: dict[str, Any], phase: str) -> bool:
    """Whether that phase has begun, and with it the processes that could be hit."""
    return bool(status.get("guard")) and STATES.index(status["state"]) >= STATES.index(phase)


def _victims(status: dict[str, Any]) -> list[Victim]:
    """Every process of the run that lives now, by name; none if its supervisor has not begun or has ended."""
    if not _has_reached(status, "preparing") or status["state"] in {"ending", "ended"}:
        return []
    guard, supervisor = status["guard"][0], status["supervisor"][0]
    found = {
        guard: Victim(guard, "guard", ("supervisor's guard was killed",)),
        supervisor: Victim(supervisor, "supervisor", ("supervisor was killed by SIGKILL",)),
    }
    members = {member["pid"]: member for member in _members(status)}
    try:
        below = psutil.Process(guard).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    for process in below:
        if process.pid not in found:
            found[process.pid] = _member(process, members.get(process.pid))
    return sorted(found.values(), key=lambda victim: (victim.name, victim.pid))


def _members(status: dict[str, Any]) -> list[dict[str, Any]]:
    """What the supervisor knows of the group, as it stands beside the status."""
    try:
        with open(f"{status['logs']}/../members.json", "rb") as source:  # noqa: PTH123 - a text with two dots
            return json.load(source)["processes"]
    except FileNotFoundError:
        return []


def _member(process: psutil.Process, known: dict[str, Any] | None) -> Victim:
    """A process below the supervisor. One that has not given its name yet has to be named by its number."""
    pid = process.pid
    number = f"pid {pid})"
    if known is None or known["role"] == "found":
        return Victim(pid, "one without a name", (number,), is_vital=False)
    name, host, rank = known["process"], known["host"], known["rank"]
    match known["role"]:
        case "engine":
            return Victim(pid, "loader", ("the engine's loader", number))
        case "host":
            return Victim(pid, host, (f"{host} itself", number, "with rank"))
        case "launcher":  # two processes, one outside and one inside of the host
            return Victim(pid, f"launcher {host}", (f"the launcher of {host}", "with rank"))
        case _:
            return Victim(pid, name, (name, number, f"on {host}", *([] if rank is None else [f"rank {rank} "])))


def _settled(home: Home, hit: Victim | None) -> dict[str, Any]:
    """The status of a deployment once the kill has had its effect; empty if it was never one."""
    status = home.peek()
    if hit is not None and hit.is_vital and status:
        wait_for(lambda: home.peek()["state"] == "ended", 60)
    return home.status(NAME) if status else {}


def _last_words(complaint: str, status: dict[str, Any]) -> str:
    """What users are told: the command's error, else what the status says."""
    told = [line for line in complaint.splitlines() if line.startswith("shardwright: ")]
    return " | ".join([*told, str(status.get("message") or "")]).strip(" |")


def _left(home: Home, run: str) -> list[str]:
    """What of this run is still there some seconds later."""
    deadline = time.monotonic() + 5
    while (left := traces(home, run)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return sorted(left) + [str(path) for path in home.state.glob("deployments/*/*")]
