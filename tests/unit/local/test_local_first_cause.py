from __future__ import annotations

import dataclasses
import signal
from typing import TYPE_CHECKING, Any, cast

import pytest
import test_local_spec

from shardwright.local import deaths, kernel
from shardwright.local.deaths import Death
from shardwright.local.kernel import Outcome

if TYPE_CHECKING:
    from shardwright.local.deaths import Role

KILLED, TERMINATED, CRASHED = (Outcome(signal=number) for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV))
FAILED, WELL = Outcome(code=1), Outcome(code=0)


def death(role: Role, pid: int, outcome: Outcome = kernel.UNKNOWN, **fields: object) -> Death:
    names = {"launcher": "launcher", "host": "host-0", "engine": "the engine's loader"}
    made = Death(role, names.get(role, "helper"), 0, pid, 1, None, float(pid), outcome)
    return dataclasses.replace(made, **cast("Any", fields))


def worker(pid: int, outcome: Outcome, **fields: object) -> Death:
    return dataclasses.replace(death("announced", pid, outcome, name="VllmWorker-1", rank=1), **cast("Any", fields))


LAUNCHER_KILLED = death("launcher", 10, KILLED)
ENGINE_KILLED = death("engine", 5, KILLED, host=None)
SEQUENCES = {
    "a worker, then its launcher gives up": ([worker(20, KILLED, parent=10), death("launcher", 10, FAILED)], 20),
    "a launcher, then its worker": ([LAUNCHER_KILLED, worker(20, KILLED, parent=10)], 10),
    "a worker that its killed launcher took along": ([worker(20, KILLED, parent=10), LAUNCHER_KILLED], 10),
    "a worker that its terminated launcher took along": (
        [worker(20, KILLED, parent=10), death("launcher", 10, TERMINATED)],
        10,
    ),
    "all of a host": ([worker(20, KILLED), LAUNCHER_KILLED, death("host", 7, KILLED)], 7),
    "another host": ([worker(20, KILLED), death("host", 7, KILLED, host=1)], 20),
    "down from the loader": (
        [worker(20, KILLED, parent=10), death("launcher", 10, KILLED, parent=5), ENGINE_KILLED],
        5,
    ),
    "a core that announced nothing": (
        [death("found", 20, KILLED, seconds=8.0), death("launcher", 10, FAILED, seconds=12.5)],
        20,
    ),
    "a crash long before": (
        [death("found", 20, CRASHED, seconds=1.0), death("launcher", 10, FAILED, seconds=60.0)],
        10,
    ),
    "a helper that ended well": ([death("found", 20, WELL), death("launcher", 10, FAILED)], 10),
    "a helper that was asked to end": ([death("found", 20, TERMINATED), death("launcher", 10, FAILED)], 10),
    "two sides of one launcher": ([death("launcher", 10, KILLED, parent=9), death("launcher", 9, KILLED)], 10),
    "a worker that crashed": ([worker(20, CRASHED, parent=10), LAUNCHER_KILLED], 20),
}


@pytest.mark.parametrize(("seen", "first"), SEQUENCES.values(), ids=SEQUENCES)
def test_the_first_cause_is_found(seen: list[Death], first: int) -> None:
    """Order alone does not tell: who was taken along is not the cause, and a launcher may only follow."""
    assert deaths.first_cause(seen).pid == first


def test_a_parent_that_was_ending_before_its_child_is_the_cause() -> None:
    """A launcher that exits by itself kills its workers, and several threads of it may end after them."""
    seen = [worker(20, KILLED, parent=10), death("launcher", 10, FAILED)]
    assert deaths.first_cause(seen, takers={10}).pid == 10


@pytest.mark.parametrize(
    ("seen", "decisive"),
    [
        (death("launcher", 1, WELL), True),
        (death("host", 1), True),
        (death("engine", 1), True),
        (worker(1, WELL), True),
        (death("announced", 1, FAILED), True),
        (death("announced", 1), True),
        (death("announced", 1, WELL), False),
        (death("found", 1, KILLED), False),
    ],
)
def test_what_ends_a_group(seen: Death, *, decisive: bool) -> None:
    """Ranks, launchers and hosts always; a helper that ended well, or one that nobody named, never."""
    assert deaths.is_decisive(seen) is decisive


@pytest.mark.parametrize(
    ("name", "rank"), [("VllmWorker-12", 12), ("EngineCore", None), ("VllmWorker-", None), ("VllmWorker-x", None)]
)
def test_ranks_stand_in_names(name: str, rank: int | None) -> None:
    """The pattern's first group is the rank; a name without one has none."""
    assert deaths.rank_of(name, r"VllmWorker-(\w*)") == rank


@pytest.mark.parametrize(
    ("seen", "text"),
    [
        (worker(20, KILLED, host=1), "rank 1 (VllmWorker-1, pid 20) on host-1 was killed by SIGKILL after 20.0 s"),
        (death("launcher", 10, FAILED), "the launcher of host-0 (pid 10), with ranks 0 to 3, exited with code 1 after"),
        (death("host", 7, KILLED, host=1), "host-1 itself (pid 7), with ranks 4 to 7, was killed by SIGKILL after"),
        (ENGINE_KILLED, "the engine's loader (pid 5), with ranks 0 to 7, was killed by SIGKILL after 5.0 s"),
        (
            death("announced", 3, name="EngineCore"),
            "EngineCore on host-0 (pid 3), with ranks 0 to 3, ended, how is not known, after 3.0 s",
        ),
        (
            death("announced", 3, Outcome(signal=40)),
            "helper on host-0 (pid 3), with ranks 0 to 3, was killed by signal 40 after",
        ),
    ],
)
def test_a_death_is_told_in_one_line(seen: Death, text: str) -> None:
    """Who, where, with which ranks, how and when; what is not known is said to be unknown."""
    assert deaths.describe(seen, test_local_spec.group()).startswith(text)


def test_a_death_in_the_status_has_all_keys() -> None:
    """The rank of a worker, all ranks of a launcher; signals by number and name; the log's last lines."""
    group = test_local_spec.group()
    told: Any = deaths.render_death(LAUNCHER_KILLED, group, ["last words"])
    assert (told["host"], told["rank"], told["ranks"]) == ("host-0", None, [0, 1, 2, 3])
    assert (told["signal"], told["signalName"], told["exitCode"], told["log"]) == (9, "SIGKILL", None, ["last words"])
    assert deaths.render_death(worker(20, KILLED), group, [])["ranks"] == [1]
